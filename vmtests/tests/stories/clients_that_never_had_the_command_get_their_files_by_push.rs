//! Without this, each client needs the command, and a change of the fleet is carried from machine to machine by hand.

use std::time::Duration;

use anyhow::ensure;
use vmtests::administrator::give_access;
use vmtests::belongings;
use vmtests::fleet::{self, RUN_LIMIT};
use vmtests::install::{fleet_file, put_command_onto};
use vmtests::lab::Lab;
use vmtests::machine::Machine;
use vmtests::runbook::OURS;
use vmtests::side_by_side::on_all;

/// A push to two clients, one of which may be out of reach.
const LIMIT: Duration = Duration::from_secs(600);
/// A user who logs in with the key that root has had until now, and becomes root without a password. Without PAM, sshd
/// refuses a user whose password is locked.
const ADMIN: &str = "useradd --create-home --shell /bin/bash --password '*' admin
    install --directory --owner=admin --group=admin --mode=0700 /home/admin/.ssh
    install --owner=admin --group=admin --mode=0600 /root/.ssh/authorized_keys /home/admin/.ssh/authorized_keys
    rm /root/.ssh/authorized_keys
    echo 'admin ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/admin";
/// A client's backup in progress: the unit's instance with its main process, and restic with its start time.
const IN_PROGRESS: &str = "unit=$(systemctl --no-legend --plain list-units 'genbackup-backup@*' | cut --delimiter=' ' --fields=1)
    printf '%s %s ' \"$unit\" \"$(systemctl show --property=MainPID --value \"$unit\")\"
    pid=$(pgrep --exact restic); printf '%s %s' \"$pid\" \"$(cut --delimiter=' ' --fields=22 /proc/$pid/stat)\"";
const LISTENING: &str = "ss --no-header --listening --tcp --numeric";
/// The lab's own agent has a like name.
const LEFT: &str =
    "find /etc /usr/local -path '*genbackup*' -not -path '*genbackup-vmtests*' -not -type d | sort";

pub(crate) fn story(lab: &Lab) -> anyhow::Result<()> {
    let clients = [&lab.ziz, &lab.kai];
    on_all(&clients, |client| {
        lab.replace(client)?;
        belongings::put_onto(client)?;
        ensure!(client.succeeds(OURS)?.is_empty(), "it is no new machine");
        Ok(())
    })?;
    // One as root, one by sudo.
    give_access(&lab.jak, &clients)?;
    lab.ziz.succeeds(ADMIN)?;
    put_command_onto(&lab.jak)?;
    let text = fleet_file(lab)?.replace("[hosts.ziz]\n", "[hosts.ziz]\npush-to = \"admin@ziz\"\n");

    apply(&lab.jak, &text)?;
    for client in clients {
        client.fails("command -v genbackup")?;
        ensure!(client.succeeds(LISTENING)?.contains(":50000"));
    }
    let again = lab.jak.succeeds("genbackup push")?;
    assert_eq!(again.matches(": nothing to change").count(), 2, "{again}");

    a_push_does_not_stop_a_backup(lab, &text.replace("port = 50000", "port = 50001"))?;
    a_client_without_power_stops_no_other(lab, &text.replace("port = 50000", "port = 50002"))?;
    a_removed_client_has_nothing_left(lab)
}

/// Makes this the fleet of the storage host and of its clients.
fn apply(storage: &Machine, fleet: &str) -> anyhow::Result<()> {
    storage.write_file("/etc/genbackup/fleet.toml", fleet.as_bytes(), 0o644)?;
    storage.succeeds("genbackup emit --now")?;
    let pushed = storage.run_within("genbackup push", b"", LIMIT)?;
    ensure!(
        pushed.status == 0 && pushed.error_text().is_empty(),
        "{}\n{}",
        pushed.text(),
        pushed.error_text()
    );
    assert_eq!(results(&pushed.text()), [["kai", "ok"], ["ziz", "ok"]]);
    Ok(())
}

/// The first two words of each line of the table.
fn results(printed: &str) -> Vec<[&str; 2]> {
    let table = printed.lines().skip_while(|line| !line.starts_with("HOST"));
    let words = table.skip(1).filter_map(|line| {
        let mut words = line.split_whitespace();
        Some([words.next()?, words.next()?])
    });
    words.collect()
}

fn a_push_does_not_stop_a_backup(lab: &Lab, fleet: &str) -> anyhow::Result<()> {
    fleet::put_large_file(&lab.ziz, 40_000_000)?;
    fleet::begin_run(lab)?;
    lab.ziz.wait_until_succeeds("pgrep --exact restic", RUN_LIMIT)?;
    // It stands still until everything else is done, so that it is in the midst of it.
    lab.ziz.succeeds("pkill --signal STOP --exact restic")?;
    let before = lab.ziz.succeeds(IN_PROGRESS)?;
    apply(&lab.jak, fleet)?;
    assert_eq!(lab.ziz.succeeds(IN_PROGRESS)?, before);
    for client in [&lab.ziz, &lab.kai] {
        let listening = client.succeeds(LISTENING)?;
        ensure!(
            listening.contains(":50001") && !listening.contains(":50000"),
            "{listening}"
        );
    }
    lab.ziz.succeeds("pkill --signal CONT --exact restic")?;
    let record = fleet::finished_record(lab)?;
    for host in ["jak", "kai", "ziz"] {
        assert_eq!(record.status(host)?, "ok", "{record:?}");
    }
    Ok(())
}

fn a_client_without_power_stops_no_other(lab: &Lab, fleet: &str) -> anyhow::Result<()> {
    lab.ziz.power_off_hard()?;
    lab.jak
        .write_file("/etc/genbackup/fleet.toml", fleet.as_bytes(), 0o644)?;
    let pushed = lab.jak.run_within("genbackup push", b"", LIMIT)?;
    assert_eq!(pushed.status, 1, "{}", pushed.text());
    assert_eq!(results(&pushed.text()), [["kai", "ok"], ["ziz", "failed"]]);
    let complaint = pushed.error_text();
    ensure!(
        complaint.starts_with("ziz: error: cannot connect to admin@ziz: ") && !complaint.contains("kai"),
        "{complaint}"
    );
    ensure!(lab.kai.succeeds(LISTENING)?.contains(":50002"));
    Ok(())
}

fn a_removed_client_has_nothing_left(lab: &Lab) -> anyhow::Result<()> {
    lab.jak.succeeds("genbackup push --remove root@kai")?;
    assert_eq!(lab.kai.succeeds(LEFT)?, "/etc/genbackup/manifest.json");
    // Where there is none, systemctl fails.
    let units = "{ systemctl --no-legend --plain --all list-units 'genbackup*'
                   systemctl --no-legend list-unit-files 'genbackup*' || true; } | sed '/^genbackup-vmtests/d'";
    assert_eq!(lab.kai.succeeds(units)?, "");
    let listening = lab.kai.succeeds(LISTENING)?;
    ensure!(!listening.contains(":50002"), "{listening}");
    assert_eq!(lab.kai.succeeds("systemctl --no-legend --plain --failed")?, "");
    Ok(())
}
