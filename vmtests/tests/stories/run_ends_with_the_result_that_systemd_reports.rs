//! Without this, a run that systemd ended, or never started, looks like a success. A script that starts a run
//! would then go on to change what should have been backed up first.

use anyhow::ensure;
use vmtests::agent::Output;
use vmtests::fleet::{self, LARGE_FILE, PASSWORD_FILE, RUN_LIMIT};
use vmtests::lab::Lab;

pub(crate) fn story(lab: &Lab) -> anyhow::Result<()> {
    // Done: all hosts succeeded, and forget and prune followed.
    let (status, printed) = run(lab)?;
    ensure!(
        status == 0 && printed.contains("prune: ok in "),
        "{status} {printed}"
    );

    // Failed: no host has a snapshot, for one reason that is named.
    lab.jak
        .succeeds(&format!("mv {PASSWORD_FILE} {PASSWORD_FILE}-locked"))?;
    let (status, printed) = run(lab)?;
    ensure!(
        status == 1
            && printed.contains(PASSWORD_FILE)
            && printed.contains("at least one host has no snapshot of this run"),
        "{status} {printed}"
    );
    lab.jak
        .succeeds(&format!("mv {PASSWORD_FILE}-locked {PASSWORD_FILE}"))?;

    // Forget and prune failed: all hosts succeeded, but the run failed.
    change(
        lab,
        "genbackup-maintain.service",
        "[Service]\nExecStart=\nExecStart=/bin/false\n",
    )?;
    let (status, printed) = run(lab)?;
    ensure!(
        status == 1 && printed.contains("ziz: ok in ") && printed.contains("forget or prune failed"),
        "{status} {printed}"
    );
    undo(lab, "genbackup-maintain.service")?;

    // Timeout of the service: systemd stops it in the middle of a backup, and no lock stays.
    fleet::put_large_file(&lab.ziz, 150_000_000)?;
    change(lab, "genbackup.service", "[Service]\nTimeoutStartSec=15s\n")?;
    let (status, printed) = run(lab)?;
    ensure!(
        status == 1 && printed.contains("genbackup.service timed out"),
        "{status} {printed}"
    );
    undo(lab, "genbackup.service")?;
    fleet::wait_until_backup_has_ended(&lab.ziz, fleet::STOPPED_WITHIN)?;
    assert_eq!(fleet::locks(lab)?, [""; 0]);

    // Timeout of the job: its word is another one, and what it began is followed to its end.
    change(lab, "genbackup.service", "[Unit]\nJobTimeoutSec=10s\n")?;
    let (status, printed) = run(lab)?;
    ensure!(
        status == 1 && printed.contains("genbackup.service timed out"),
        "{status} {printed}"
    );
    undo(lab, "genbackup.service")?;
    fleet::wait_until_backup_has_ended(&lab.ziz, RUN_LIMIT)?;
    lab.ziz.succeeds(&format!("rm {LARGE_FILE}"))?;

    // A unit that it needs does not start.
    lab.jak.write_file(
        "/run/systemd/system/unlocked.service",
        b"[Service]\nType=oneshot\nExecStart=/bin/false\n",
        0o644,
    )?;
    change(
        lab,
        "genbackup.service",
        "[Unit]\nRequires=unlocked.service\nAfter=unlocked.service\n",
    )?;
    let before = records(lab)?;
    let (status, printed) = run(lab)?;
    ensure!(
        status == 1
            && printed.contains("genbackup.service did not start: a unit that it needs did not start")
            && printed.contains("journalctl --unit=genbackup.service"),
        "{status} {printed}"
    );
    // The hint leads to its name.
    let journal = lab
        .jak
        .succeeds("journalctl --unit=genbackup.service --no-pager | tail --lines=5")?;
    ensure!(journal.contains("Dependency failed"), "{journal}");
    undo(lab, "genbackup.service")?;

    // A condition that is not met, and an assertion.
    for (line, words) in [
        ("ConditionPathExists=/nowhere", "a condition is not met"),
        ("AssertPathExists=/nowhere", "an assertion failed"),
    ] {
        change(lab, "genbackup.service", &format!("[Unit]\n{line}\n"))?;
        let (status, printed) = run(lab)?;
        ensure!(
            status == 1 && printed.contains(words),
            "{line}: {status} {printed}"
        );
        undo(lab, "genbackup.service")?;
    }
    assert_eq!(records(lab)?, before, "no host was asked");

    // None of it has left a trace: the next run succeeds.
    let (status, printed) = run(lab)?;
    ensure!(status == 0, "{printed}");
    Ok(())
}

/// `genbackup run` to its end: its exit status, and all that it printed.
fn run(lab: &Lab) -> anyhow::Result<(i32, String)> {
    let Output { status, .. } = &lab
        .jak
        .run_within("genbackup run >/root/output 2>&1", b"", RUN_LIMIT)?;
    Ok((*status, lab.jak.succeeds("cat /root/output")?))
}

/// A drop-in of an admin.
fn change(lab: &Lab, unit: &str, text: &str) -> anyhow::Result<()> {
    let path = format!("/run/systemd/system/{unit}.d/story.conf");
    lab.jak.write_file(&path, text.as_bytes(), 0o644)?;
    lab.jak.succeeds("systemctl daemon-reload").map(drop)
}

fn undo(lab: &Lab, unit: &str) -> anyhow::Result<()> {
    lab.jak
        .succeeds(&format!(
            "rm /run/systemd/system/{unit}.d/story.conf && systemctl daemon-reload && systemctl reset-failed"
        ))
        .map(drop)
}

/// The records of runs that asked hosts.
fn records(lab: &Lab) -> anyhow::Result<String> {
    // Forget and prune follow a failure, too, and write a separate record.
    lab.jak
        .succeeds("grep --files-with-matches host-started /var/lib/genbackup/runs/*.jsonl")
}
