//! Without this, only root can make a backup before an upgrade, or a user that can make one can also stop the
//! host's sshd.

use anyhow::ensure;
use vmtests::agent::Output;
use vmtests::fleet::{self, RUN_LIMIT};
use vmtests::lab::Lab;
use vmtests::machine::{Machine, quoted};

/// Accounts of two people, one of whom is in the group; polkitd runs.
const PEOPLE: &str = "useradd --create-home --groups restic member
    useradd --create-home stranger
    systemctl start polkit.service";

/// As if polkitd had never been installed: no process has its name on the bus, and the bus starts none for
/// it.
const NO_POLKIT: &str = "rm /usr/share/dbus-1/system-services/org.freedesktop.PolicyKit1.service
    systemctl stop polkit.service
    busctl call org.freedesktop.DBus /org/freedesktop/DBus org.freedesktop.DBus ReloadConfig";

pub(crate) fn story(lab: &Lab) -> anyhow::Result<()> {
    let jak = &lab.jak;
    jak.succeeds(PEOPLE)?;

    // A user outside the group starts and stops nothing, and the error names the group.
    refused(&as_user(jak, "stranger", "genbackup run")?)?;
    fleet::put_large_file(&lab.ziz, 100_000_000)?;
    fleet::begin_run(lab)?;
    lab.ziz.wait_until_succeeds("pgrep --exact restic", RUN_LIMIT)?;
    refused(&as_user(jak, "stranger", "genbackup stop")?)?;
    let state = jak.succeeds("systemctl is-active genbackup.service || true")?;
    ensure!(state == "activating", "a stranger stopped it: {state}");

    // A member stops the run that root began, and nothing of it stays.
    let stopped = as_user(jak, "member", "genbackup stop")?;
    ensure!(stopped.status == 0, "{}", stopped.error_text());
    ensure!(
        stopped.text().contains("the backup of all hosts: stopped"),
        "{}",
        stopped.text()
    );
    fleet::wait_until_backup_has_ended(&lab.ziz, fleet::STOPPED_WITHIN)?;
    assert_eq!(fleet::locks(lab)?, [""; 0]);
    lab.ziz.succeeds("rm /srv/data/large")?;

    // A run to its end, followed by a member: all hosts succeed, and the exit status is 0.
    let done = as_user(jak, "member", "genbackup run")?;
    let printed = done.text();
    ensure!(
        done.status == 0,
        "{} {printed} {}",
        done.status,
        done.error_text()
    );
    for line in [
        "jak: ok in ",
        "kai: ok in ",
        "ziz: ok in ",
        "forget: ok in ",
        "prune: ok in ",
    ] {
        ensure!(printed.contains(line), "`{line}` is missing: {printed}");
    }
    // What it was at is a member's to read, and nobody else's.
    ensure!(as_user(jak, "member", "genbackup status")?.status == 0);
    let unread = as_user(jak, "stranger", "genbackup status")?;
    ensure!(
        unread.status == 3 && unread.text().contains("UNKNOWN"),
        "{unread:?}"
    );
    // Chosen hosts are a unit of another name.
    let chosen = as_user(jak, "member", "genbackup run kai jak")?;
    let printed = chosen.text();
    ensure!(
        chosen.status == 0 && printed.contains("kai: ok in ") && !printed.contains("ziz: "),
        "{} {printed} {}",
        chosen.status,
        chosen.error_text()
    );

    // None of this is leave to do anything else.
    let states = jak.succeeds("systemctl list-units --all --no-legend --plain 'ssh*' 'genbackup-init*'")?;
    for command in [
        "systemctl --no-ask-password start genbackup-init.service",
        "systemctl --no-ask-password start 'genbackup-backup@1.service'",
        "systemctl --no-ask-password stop genbackup.timer",
        "systemctl --no-ask-password stop genbackup-backup.socket",
        "systemctl --no-ask-password stop systemd-networkd.service",
        "systemctl --no-ask-password restart genbackup.service",
        "systemctl --no-ask-password disable genbackup.timer",
        "systemctl --no-ask-password set-property --runtime genbackup.service CPUWeight=1",
        "systemctl --no-ask-password kill genbackup.service",
        "systemctl --no-ask-password daemon-reload",
        "systemd-run --no-ask-password --unit=genbackup-other true",
        "cat /root/keys/restic-password",
        "ls /mnt/storage/restic",
    ] {
        let answer = as_user(jak, "member", command)?;
        let why = answer.error_text();
        let is_for_lack_of_rights = ["authentication required", "Access denied", "Permission denied"]
            .iter()
            .any(|words| why.contains(words));
        ensure!(
            answer.status != 0 && is_for_lack_of_rights,
            "`{command}`: {} {why}",
            answer.status
        );
    }
    assert_eq!(
        jak.succeeds("systemctl list-units --all --no-legend --plain 'ssh*' 'genbackup-init*'")?,
        states
    );
    // Nor is a name that the rule knows: its unit has a file, and systemd takes no other text for it.
    let answer = as_user(
        jak,
        "member",
        "systemd-run --no-ask-password --unit=genbackup-run@x true",
    )?;
    let why = answer.error_text();
    ensure!(answer.status != 0 && why.contains("has a fragment file"), "{why}");
    // User restic has its work to do, in the group or not, and starts nobody else's.
    refused(&jak.run("setpriv --reuid=restic --regid=restic --init-groups genbackup run")?)?;

    // Without polkit only root may, and the hint names what is missing.
    jak.succeeds(NO_POLKIT)?;
    let why = refused(&as_user(jak, "member", "genbackup run")?)?;
    ensure!(why.contains("the group needs polkitd"), "{why}");
    Ok(())
}

/// That a command was refused since whoever gave it may not; why, in its words.
fn refused(answer: &Output) -> anyhow::Result<String> {
    let why = answer.error_text();
    ensure!(
        answer.status == 1 && why.contains("you are not allowed to start or stop genbackup.service"),
        "{} {why}",
        answer.status
    );
    Ok(why)
}

/// Runs a command as a user that has logged in.
fn as_user(machine: &Machine, user: &str, command: &str) -> anyhow::Result<Output> {
    let script = format!("runuser --user={user} -- bash -c {}", quoted(command));
    machine.run_within(&script, b"", RUN_LIMIT)
}
