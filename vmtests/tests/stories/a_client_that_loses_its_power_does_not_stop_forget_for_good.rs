//! Without this, one laptop that dies in mid-backup leaves a lock that nobody removes: nothing is forgotten or pruned
//! from then on, until the disk is full.

use std::time::{Duration, SystemTime};

use vmtests::fleet;
use vmtests::install;
use vmtests::lab::Lab;

const DAY: Duration = Duration::from_secs(24 * 3600);

pub(crate) fn story(lab: &Lab) -> anyhow::Result<()> {
    // kai is backed up before ziz, which must not suffer. A good night first.
    install::again(lab, &[("initialize", "lock-wait = \"20s\"\ninitialize")])?;
    fleet::successful_run(lab)?;
    fleet::put_large_file(&lab.kai, 80_000_000)?;
    fleet::begin_run(lab)?;
    fleet::wait_until_in_mid_backup(lab, &lab.kai)?;
    lab.kai.power_off_hard()?;

    let record = fleet::finished_record(lab)?;
    assert_eq!(record.status("jak")?, "ok");
    assert_eq!(record.status("ziz")?, "ok");
    let kai = record.host("kai")?;
    assert_eq!(kai["status"], "unreachable", "{kai}");
    assert!(fleet::why(kai).contains("the connection broke"), "{kai}");
    assert!(fleet::why(kai).contains("not responding"), "{kai}");
    let forget = record.phase("forget")?;
    assert_eq!(forget["status"], "failed", "{forget}");
    assert!(
        fleet::why(forget).contains("has locked the repository"),
        "{forget}"
    );
    let prune = record.phase("prune")?;
    assert_eq!(prune["status"], "failed", "{prune}");
    assert!(fleet::why(prune).contains("forget failed"), "{prune}");
    assert_eq!(fleet::locks(lab)?.len(), 1, "the lock of the dead client");

    // The next night: the lock is stale by now.
    for machine in [&lab.jak, &lab.ziz] {
        machine.set_clock(SystemTime::now() + DAY)?;
    }
    assert_ne!(fleet::start_run(lab)?.status, 0, "kai is still down");
    let record = fleet::finished_record(lab)?;
    assert_eq!(record.status("kai")?, "unreachable");
    for phase in ["forget", "prune"] {
        let event = record.phase(phase)?;
        assert_eq!(event["status"], "ok", "{event}");
    }
    assert_eq!(fleet::locks(lab)?, [""; 0]);
    // What the dead client had is there, and whole.
    assert_eq!(
        fleet::hosts_of_snapshots(lab)?,
        ["jak", "jak", "jak", "kai", "ziz", "ziz", "ziz"]
    );
    fleet::restic(lab, "check --read-data --quiet").map(drop)
}
