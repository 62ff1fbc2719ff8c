//! Without this, the storage host's own power cut costs more than one night: a client goes on for a storage host that
//! is no more, and its lock keeps forget and prune out when that is back.

use std::time::Duration;

use vmtests::fleet;
use vmtests::lab::Lab;

/// From the power cut to the moment at which the client asks restic to stop, in seconds: it gives up after 25
/// s of silence.
const STOPPED_WITHIN: f64 = 30.0;
/// From a storage host that is up again to the end of the client's backup. restic waits for the NFS server.
/// The server opens no file until its earlier clients have claimed theirs, or 90 s have passed (nfsd(7),
/// "grace").
const ENDED_WITHIN: Duration = Duration::from_secs(120);

pub(crate) fn story(lab: &Lab) -> anyhow::Result<()> {
    fleet::put_large_file(&lab.ziz, 80_000_000)?;
    fleet::begin_run(lab)?;
    fleet::wait_until_in_mid_backup(lab, &lab.ziz)?;
    let started: f64 = lab.ziz.succeeds("date +%s.%N")?.parse()?;
    lab.jak.reset_hard()?;

    let asked = fleet::asked_to_stop(&lab.ziz, Duration::from_secs(60))? - started;
    println!("asked to stop after {asked:.1} s");
    assert!(asked < STOPPED_WITHIN, "restic was asked to stop after {asked} s");
    lab.jak.wait_until_booted()?;
    let back: f64 = lab.ziz.succeeds("date +%s.%N")?.parse()?;
    println!("storage host is back after {:.1} s", back - started);
    fleet::wait_until_backup_has_ended(&lab.ziz, ENDED_WITHIN)?;
    let ended: f64 = lab.ziz.succeeds("date +%s.%N")?.parse()?;
    println!("ended after {:.1} s", ended - started);
    assert_eq!(fleet::locks(lab)?, [""; 0], "restic has removed its lock");

    // The written part of the record shows that the run was interrupted, and nothing was forgotten.
    let record = lab.jak.succeeds("cat /var/lib/genbackup/runs/*.jsonl")?;
    assert!(
        !record.contains("run-finished") && !record.contains("forget"),
        "{record}"
    );
    // The next run is as if nothing had been.
    let record = fleet::successful_run(lab)?;
    for host in ["jak", "ziz", "kai"] {
        assert_eq!(record.status(host)?, "ok");
    }
    fleet::restic(lab, "check --read-data --quiet").map(drop)
}
