//! Without this, a full /var costs the night's backup; or the backup is there, and nobody learns that its record is not.

use std::fmt::Write as _;

use serde_json::Value;
use vmtests::fleet::{self, RUN_LIMIT};
use vmtests::install;
use vmtests::lab::Lab;

/// A small file system in place of the records'.
const SMALL_DISK: &str = "mount -t tmpfs -o size=64K,mode=0750,uid=restic,gid=restic tmpfs /var/lib/genbackup
    install --directory --mode=0750 --owner=restic --group=restic /var/lib/genbackup/runs";
const FILL: &str = "head --bytes=1M /dev/zero >/var/lib/genbackup/filler || true";
/// Makes room for two files of up to 4096 bytes, which is the least that one takes there: the record, and the file that
/// hands it over.
const TWO_PAGES: &str = "truncate --size=-8192 /var/lib/genbackup/filler";
const NEWEST: &str = "ls /var/lib/genbackup/runs/*.jsonl | tail --lines=1";

pub(crate) fn story(lab: &Lab) -> anyhow::Result<()> {
    // jak's last line is a long one: it names all that is missing.
    let mut missing = String::from("[hosts.jak]\ninclude = [");
    for number in 0..60 {
        write!(missing, "\"/srv/gone/{number}/{}\", ", "long".repeat(20))?;
    }
    install::again(lab, &[("[hosts.jak]\ninclude = [", &missing)])?;
    lab.jak.succeeds(SMALL_DISK)?;
    lab.jak.succeeds(FILL)?;
    nothing_can_be_written(lab)?;
    lab.jak.succeeds(TWO_PAGES)?;
    a_line_is_cut_in_half(lab)?;

    // There is room again, and nothing is left of it all.
    fleet::start_run(lab)?;
    let record = fleet::finished_record(lab)?;
    assert_eq!(record.status("jak")?, "partial");
    assert_eq!(record.status("ziz")?, "ok");
    assert_eq!(record.phase("forget")?["status"], "ok", "{record:?}");
    // Of three of one day the policy keeps the first and the last; jak is partial, so forget leaves it alone.
    assert_eq!(record.phase("forget")?["removed"], 2);
    Ok(())
}

fn nothing_can_be_written(lab: &Lab) -> anyhow::Result<()> {
    let started = fleet::start_run(lab)?;
    assert_ne!(started.status, 0, "a run without a record is no success");
    assert_eq!(
        fleet::hosts_of_snapshots(lab)?,
        ["jak", "kai", "ziz"],
        "hosts were not backed up, because nothing recorded it"
    );
    the_record_is_missed(lab)?;
    assert_eq!(lab.jak.succeeds(&format!("cat $({NEWEST})"))?, "");

    // By hand, forget and prune work; but that nothing records them is a failure as well.
    let maintain = "systemctl start genbackup-maintain.service";
    let maintained = lab.jak.run_within(maintain, b"", RUN_LIMIT)?;
    assert_ne!(maintained.status, 0);
    let journal = journal_of(lab, "genbackup-maintain.service")?;
    assert!(journal.contains("cannot write the record"), "{journal}");
    assert!(journal.contains("prune: ok"), "{journal}");
    assert_eq!(fleet::hosts_of_snapshots(lab)?, ["jak", "kai", "ziz"]);
    lab.jak
        .succeeds("rm /var/lib/genbackup/runs/*; systemctl reset-failed")
        .map(drop)
}

fn a_line_is_cut_in_half(lab: &Lab) -> anyhow::Result<()> {
    // Enough that the backup is seen in progress, and is still in progress when there is room again.
    fleet::put_large_file(&lab.kai, 60_000_000)?;
    fleet::begin_run(lab)?;
    // kai is in progress: jak's lines are written, or not.
    lab.kai.wait_until_succeeds("pgrep --exact restic", RUN_LIMIT)?;
    lab.jak.succeeds("rm /var/lib/genbackup/filler")?;
    let over = "test \"$(systemctl is-active genbackup.service)\" = failed";
    lab.jak.wait_until_succeeds(over, RUN_LIMIT)?;
    the_record_is_missed(lab)?;
    assert_eq!(fleet::hosts_of_snapshots(lab)?.len(), 6);

    let record = lab.jak.succeeds(&format!("cat $({NEWEST})"))?;
    let (whole, cut): (Vec<&str>, Vec<&str>) = record
        .lines()
        .partition(|line| serde_json::from_str::<Value>(line).is_ok());
    assert_eq!(cut.len(), 1, "{record}");
    assert!(
        cut.iter().all(|line| line.matches("\"event\":").count() == 1),
        "a line is glued to the one that was cut: {record}"
    );
    let ends = |host: &str| {
        whole
            .iter()
            .filter(|line| line.contains("host-finished") && line.contains(&format!("\"host\":\"{host}\"")))
            .count()
    };
    assert_eq!([ends("jak"), ends("kai"), ends("ziz")], [0, 1, 1], "{record}");
    Ok(())
}

/// The unit's status names the file. Nothing is forgotten on incomplete knowledge, and that is logged, too.
fn the_record_is_missed(lab: &Lab) -> anyhow::Result<()> {
    let shown = lab
        .jak
        .run("systemctl status --no-pager --full genbackup.service")?
        .text();
    let newest = lab.jak.succeeds(NEWEST)?;
    let complaint = format!("skipping forget and prune: the record {newest} is incomplete");
    assert!(shown.contains(&complaint), "{shown}");
    let over = "test \"$(systemctl is-active genbackup-maintain.service)\" = failed";
    lab.jak.wait_until_succeeds(over, RUN_LIMIT)?;
    let journal = journal_of(lab, "genbackup-maintain.service")?;
    assert!(
        journal.contains("skipping forget and prune: the record of the previous run is incomplete"),
        "{journal}"
    );
    Ok(())
}

fn journal_of(lab: &Lab, unit: &str) -> anyhow::Result<String> {
    lab.jak.succeeds(&format!(
        "journalctl --boot --no-pager --output=cat --unit={unit}"
    ))
}
