//! Without this, the progress of a run is invisible, a restart of systemd ends the view of it, and a stopped
//! run leaves a lock behind.

use anyhow::ensure;
use vmtests::deadline::SOON;
use vmtests::fleet::{self, RUN_LIMIT};
use vmtests::install;
use vmtests::lab::Lab;

/// In the background, as in a second terminal: its output, and how it ends.
const FOLLOW: &str = "rm -f /root/status; \
    (setsid bash -c 'genbackup run >/root/output 2>&1; echo $? >/root/status' </dev/null >/dev/null 2>&1 &)";

pub(crate) fn story(lab: &Lab) -> anyhow::Result<()> {
    for machine in [&lab.jak, &lab.ziz] {
        install::put_command_onto(machine)?;
    }
    // A user that is not root, and whom polkit does not let in, starts nothing.
    let refused = lab
        .jak
        .run("setpriv --reuid=nobody --regid=nogroup --clear-groups genbackup run")?;
    let why = refused.error_text();
    ensure!(
        refused.status == 1 && why.contains("you are not allowed to start or stop genbackup.service"),
        "{} {why}",
        refused.status
    );
    // A client has no run to start.
    let missing = lab.ziz.run("genbackup run")?;
    let why = missing.error_text();
    ensure!(
        missing.status == 1 && why.contains("systemd does not know the unit genbackup.service"),
        "{} {why}",
        missing.status
    );

    fleet::put_large_file(&lab.ziz, 100_000_000)?;
    lab.jak.succeeds(FOLLOW)?;
    lab.ziz.wait_until_succeeds("pgrep --exact restic", RUN_LIMIT)?;
    // restic's own figures come over the connection while it runs.
    let is_reported =
        "grep --quiet '\"message_type\":\"status\".*\"total_bytes\":[0-9]*[,}]' /run/genbackup-run/*.answer";
    lab.jak.wait_until_succeeds(is_reported, RUN_LIMIT)?;
    let names = lab
        .jak
        .succeeds("grep --count current_files /run/genbackup-run/*.answer || true")?;
    ensure!(
        names.lines().all(|line| line.ends_with('0')),
        "files are named: {names}"
    );
    lab.jak
        .wait_until_succeeds("grep --quiet '^ziz: running' /root/output", SOON)?;

    // `status` shows it in progress, because it holds the lock.
    let status = lab.jak.run("genbackup status")?;
    ensure!(
        status.text().contains("a run has been in progress"),
        "{}",
        status.text()
    );

    lab.jak.succeeds("systemctl daemon-reexec")?;
    lab.jak.wait_until_succeeds(
        "grep --quiet 'systemd was restarted; the run continues' /root/output",
        SOON,
    )?;

    let stopped = lab.jak.run_within("genbackup stop", b"", RUN_LIMIT)?;
    ensure!(stopped.status == 0, "{}", stopped.error_text());
    fleet::wait_until_backup_has_ended(&lab.ziz, fleet::STOPPED_WITHIN)?;
    assert_eq!(fleet::locks(lab)?, [""; 0]);
    assert_eq!(lab.jak.wait_until_succeeds("cat /root/status", SOON)?.trim(), "1");
    let output = lab.jak.succeeds("cat /root/output")?;
    ensure!(
        output.contains("genbackup.service was stopped before it finished"),
        "{output}"
    );

    // Nothing runs any more, so no verb reports a run in progress.
    let status = lab.jak.run("genbackup status")?;
    ensure!(
        !status.text().contains("in progress") && status.text().contains("was interrupted"),
        "{}",
        status.text()
    );
    let history = lab.jak.succeeds("genbackup history")?;
    ensure!(
        !history.contains("running") && history.contains("interrupted"),
        "{history}"
    );

    // The next one, of one host alone, is followed through forget and prune, and its exit status is the host's.
    lab.ziz.succeeds("rm /srv/data/large")?;
    lab.kai.succeeds("mv '/srv/my files' /srv/elsewhere")?;
    let partial = lab.jak.run_within("genbackup run kai 2>&1", b"", RUN_LIMIT)?;
    let output = lab
        .jak
        .succeeds("cat \"$(ls /var/lib/genbackup/runs/*.jsonl | tail --lines=1)\"")?;
    ensure!(partial.status == 3, "{} {}", partial.status, partial.text());
    ensure!(
        output.contains("run-finished"),
        "it did not wait for prune: {output}"
    );
    ensure!(
        output.contains(r#""hosts":["kai"]"#) && !output.contains("ziz"),
        "other hosts: {output}"
    );
    let other = lab.jak.fails("genbackup run nobody")?;
    ensure!(
        other
            .error_text()
            .contains("hint: name hosts that are backed up: jak, kai, ziz"),
        "{}",
        other.error_text()
    );
    Ok(())
}
