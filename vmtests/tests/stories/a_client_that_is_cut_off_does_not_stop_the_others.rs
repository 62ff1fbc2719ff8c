//! Without this, a network that breaks during a backup delays the whole fleet. It also leaves processes on
//! the client that wait forever for the storage host.

use std::time::Duration;

use vmtests::fleet::{self, MOUNT, RUN_LIMIT};
use vmtests::install;
use vmtests::lab::Lab;

/// The time for a backup that is to stop, after which it is killed: shorter than its default, so that this is a story
/// of minutes.
const STOP_WAIT: u32 = 20;
/// For the client to notice and to act on it: it gives up after 25 s of silence. Where the machine of the tests is starved,
/// a guest's steps take many times as long; without the limit of the client itself, nothing would notice for a quarter of an
/// hour (`tcp_retries2`, tcp(7)).
const STOPPED_WITHIN: Duration = Duration::from_secs(150);
/// For a client to be rid of all that belongs to the backup. A killed restic waits for a write that is under way, and
/// for the commit that follows it; NFS gives each of them up after 150 s (`timeo=300,retrans=4`).
const GONE_WITHIN: Duration = Duration::from_secs(420);

pub(crate) fn story(lab: &Lab) -> anyhow::Result<()> {
    let waits = format!("lock-wait = \"10s\"\nstop-wait = \"{STOP_WAIT}s\"\ninitialize");
    install::again(lab, &[("initialize", &waits)])?;
    // kai is backed up before ziz, which must not suffer.
    fleet::put_large_file(&lab.kai, 80_000_000)?;
    fleet::begin_run(lab)?;
    fleet::wait_until_in_mid_backup(lab, &lab.kai)?;
    let cut: f64 = lab.kai.succeeds("date +%s.%N")?.parse()?;
    lab.kai.cut_off_from(&lab.jak)?;

    let asked = fleet::asked_to_stop(&lab.kai, STOPPED_WITHIN)? - cut;
    println!("asked to stop after {asked:.1} s");
    assert!(
        asked < STOPPED_WITHIN.as_secs_f64(),
        "restic was asked to stop after {asked} s"
    );
    fleet::wait_until_backup_has_ended(&lab.kai, GONE_WITHIN)?;
    let ended: f64 = lab.kai.succeeds("date +%s.%N")?.parse()?;
    println!("ended after {:.1} s", ended - cut);
    let not_mounted = format!("! mountpoint --quiet {MOUNT}");
    lab.kai.wait_until_succeeds(&not_mounted, GONE_WITHIN)?;
    let unmounted: f64 = lab.kai.succeeds("date +%s.%N")?.parse()?;
    println!("unmounted after {:.1} s", unmounted - cut);

    let record = fleet::finished_record(lab)?;
    assert_eq!(record.status("jak")?, "ok");
    assert_eq!(record.status("ziz")?, "ok");
    let kai = record.host("kai")?;
    assert_eq!(kai["status"], "unreachable", "{kai}");
    assert!(fleet::why(kai).contains("not responding"), "{kai}");
    let shown = lab
        .jak
        .run("systemctl status --no-pager --full genbackup.service")?
        .text();
    assert!(shown.contains("kai: unreachable"), "{shown}");
    assert_eq!(fleet::hosts_of_snapshots(lab)?, ["jak", "ziz"]);
    // Its lock is fresh, and looks like that of a backup in progress.
    let forget = record.phase("forget")?;
    assert_eq!(forget["status"], "failed", "{forget}");
    assert!(
        fleet::why(forget).contains("has locked the repository"),
        "{forget}"
    );

    // Back on the network it is backed up as if nothing had been.
    lab.kai.join_again(&lab.jak)?;
    fleet::start_run(lab)?;
    lab.jak.wait_until_succeeds(
        "test \"$(systemctl is-active genbackup-maintain.service)\" = failed",
        RUN_LIMIT,
    )?;
    assert_eq!(fleet::finished_record(lab)?.status("kai")?, "ok");
    fleet::restic(lab, "--no-lock check --quiet").map(drop)
}
