//! Without this, a full disk causes nights of incomplete backups that are not reported. Or the repository
//! does not work any more when there is room again.

use anyhow::Context;
use serde_json::Value;
use vmtests::fleet::{self, LARGE_FILE};
use vmtests::install;
use vmtests::lab::Lab;

/// Bytes that jak and ziz have to back up.
const LARGE: u64 = 60_000_000;
/// Kibibytes that user restic can still write: all that kai has, which is 3 MB, but none of the packs of the others, which
/// have at least 16 MiB. Else what is left for kai would depend on how large these are.
const LEFT: u64 = 12_000;

pub(crate) fn story(lab: &Lab) -> anyhow::Result<()> {
    // As fast as they can: nothing here happens in the middle of a backup.
    install::again(lab, &[("power.limit-upload = \"8 MiB/s\"\n", "")])?;
    for machine in [&lab.jak, &lab.ziz] {
        fleet::put_large_file(machine, LARGE)?;
    }
    leave(lab, LEFT)?;
    let record = failed_run(lab)?;
    // On the disk itself, and over NFS.
    for host in ["jak", "ziz"] {
        names_the_full_disk(record.host(host)?);
    }
    assert_eq!(record.status("kai")?, "ok", "what has room is backed up");
    assert_eq!(fleet::hosts_of_snapshots(lab)?, ["kai"]);

    // Not even a lock has room: restic 0.14 puts that in other words.
    leave(lab, 0)?;
    let record = failed_run(lab)?;
    for host in ["jak", "ziz", "kai"] {
        names_the_full_disk(record.host(host)?);
    }
    names_the_full_disk(record.phase("forget")?);
    fleet::restic(lab, "--no-lock check --quiet")?;

    lab.jak.succeeds("rm /mnt/storage/filler")?;
    let record = fleet::successful_run(lab)?;
    for phase in ["forget", "prune"] {
        assert_eq!(record.phase(phase)?["status"], "ok", "{record:?}");
    }
    assert_eq!(fleet::hosts_of_snapshots(lab)?, ["jak", "kai", "kai", "ziz"]);
    for machine in [&lab.jak, &lab.ziz] {
        let sum = format!("dump --host {} latest {LARGE_FILE} | sha256sum", machine.name());
        let restored = fleet::restic(lab, &sum)?;
        assert_eq!(restored, machine.succeeds(&format!("sha256sum <{LARGE_FILE}"))?);
    }
    fleet::restic(lab, "check --read-data --quiet").map(drop)
}

/// Fills the repository's disk up to this number of kibibytes.
fn leave(lab: &Lab, kibibytes: u64) -> anyhow::Result<()> {
    let free = "rm -f /mnt/storage/filler; sync
                df --output=avail --block-size=1K /mnt/storage | tail --lines=1";
    let free: u64 = lab.jak.succeeds(free)?.trim().parse()?;
    let filler = free.checked_sub(kibibytes).context("no room from the start")?;
    // As user restic, which may not use what the file system reserves for root. The rest is freed in small
    // blocks.
    lab.jak
        .succeeds(&format!(
            "install --owner=restic /dev/null /mnt/storage/filler
         setpriv --reuid=restic --regid=restic --clear-groups bash -c '
            fallocate --length={filler}K /mnt/storage/filler
            if [ {kibibytes} = 0 ]; then head --bytes=1M /dev/zero >>/mnt/storage/filler; fi || true'
         sync"
        ))
        .map(drop)
}

fn failed_run(lab: &Lab) -> anyhow::Result<fleet::Record> {
    assert_ne!(fleet::start_run(lab)?.status, 0);
    let record = fleet::finished_record(lab)?;
    let shown = lab
        .jak
        .run("systemctl status --no-pager --full genbackup.service")?
        .text();
    assert!(
        shown.contains("jak: failed") && shown.contains("ziz: failed"),
        "{shown}"
    );
    assert!(
        shown.contains("the repository's file system is full"),
        "the reason is not that the file system is full: {shown}"
    );
    assert_eq!(fleet::locks(lab)?, [""; 0]);
    Ok(record)
}

fn names_the_full_disk(event: &Value) {
    assert_eq!(event["status"], "failed", "{event}");
    let why = fleet::why(event);
    assert!(
        why.starts_with("the repository's file system is full: "),
        "{event}"
    );
    assert!(why.contains("no space left on device"), "{event}");
}
