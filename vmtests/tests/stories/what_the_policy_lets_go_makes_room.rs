//! Without this, the disk fills up within a year, or the one snapshot that is needed is gone.

use anyhow::{Context, ensure};
use vmtests::fleet::{self, REPOSITORY};
use vmtests::lab::Lab;

const FILE: &str = "/srv/nights/file";

pub(crate) fn story(lab: &Lab) -> anyhow::Result<()> {
    // Some nights of ziz, as if time had passed, and a user's own snapshot on a day that has later ones. The
    // policy keeps the last one of each day, and the oldest. So it forgets the large one, and does not apply
    // to the user's own.
    lab.jak.succeeds("mkdir --mode=0755 /srv/nights")?;
    let writes = |command: &str| lab.jak.succeeds(&format!("{command} >{FILE}")).map(drop);
    let backup = |tag: &str, days: u8, time: &str| {
        let time = format!("\"$(date --date='{days} days ago' +%Y-%m-%d) {time}\"");
        fleet::restic(
            lab,
            &format!("backup --quiet --host ziz {tag} --time {time} {FILE}"),
        )
        .map(drop)
    };
    let ours = "--tag genbackup";
    writes("echo small")?;
    backup(ours, 3, "01:00:00")?;
    writes("head --bytes=30000000 /dev/urandom")?;
    backup(ours, 2, "02:00:00")?;
    writes("echo another")?;
    backup(ours, 2, "03:00:00")?;
    backup(ours, 1, "04:00:00")?;
    backup("", 2, "01:30:00")?;
    assert_eq!(
        times_before(lab, "9999")?,
        ["01:00", "01:30", "02:00", "03:00", "04:00"]
    );
    let before = size_of_data(lab)?;
    ensure!(before >= 30_000_000, "{before} bytes before");

    // Tonight all hosts are backed up: of a host whose newest snapshot no record knows, nothing is forgotten.
    let today = lab.jak.succeeds("date +%Y-%m-%d")?;
    let record = fleet::successful_run(lab)?;
    let forget = record.phase("forget")?;
    ensure!(
        forget["status"] == "ok" && forget["kept"] == 6 && forget["removed"] == 1,
        "{forget}"
    );
    assert_eq!(times_before(lab, &today)?, ["01:00", "01:30", "03:00", "04:00"]);
    assert_eq!(record.phase("prune")?["status"], "ok");
    let after = size_of_data(lab)?;
    ensure!(after <= 15_000_000, "{after} bytes after prune");
    // What is left can be read, all of it.
    fleet::restic(lab, "check --read-data --quiet").map(drop)
}

/// The times of day of all snapshots before a day, in their order.
fn times_before(lab: &Lab, day: &str) -> anyhow::Result<Vec<String>> {
    let snapshots = fleet::snapshots(lab)?;
    let mut times: Vec<&str> = snapshots
        .iter()
        .filter_map(|snapshot| snapshot["time"].as_str())
        .filter(|time| *time < day)
        .collect();
    times.sort_unstable();
    let minutes = times.iter().map(|time| time.get(11..16).map(str::to_owned));
    minutes.collect::<Option<_>>().context("a time without minutes")
}

fn size_of_data(lab: &Lab) -> anyhow::Result<u64> {
    let size = lab.jak.succeeds(&format!(
        "du --summarize --bytes {REPOSITORY}/data | cut --fields=1"
    ))?;
    size.parse().with_context(|| size.clone())
}
