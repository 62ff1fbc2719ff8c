//! Without this, a host that was given away still opens a port for its former fleet, or loses what was not ours.

use anyhow::{Context, ensure};
use vmtests::belongings::describe;
use vmtests::fleet;
use vmtests::install::{emit_again, fleet_file, put_command_onto};
use vmtests::lab::Lab;

const LISTENING: &str = "ss --no-header --listening --tcp --numeric";

pub(crate) fn story(lab: &Lab) -> anyhow::Result<()> {
    fleet::successful_run(lab)?;
    let fleet = fleet_file(lab)?;
    let (rest, _) = fleet
        .split_once("\n[hosts.kai]")
        .context("kai is the last host")?;
    emit_again(&[&lab.jak, &lab.ziz], rest)?;

    let listening = lab.kai.succeeds(LISTENING)?;
    ensure!(listening.contains(":50000"), "it does not listen: {listening}");
    put_command_onto(&lab.kai)?;
    lab.kai.succeeds("echo mine >/etc/genbackup/mine")?;
    let before = describe(&lab.kai, "")?;
    // Without `--remove`, genbackup guesses nothing: a host that is not in the fleet may be one whose name is
    // written wrong.
    lab.kai.write_file("/root/fleet.toml", rest.as_bytes(), 0o644)?;
    let refused = lab.kai.fails("genbackup --fleet /root/fleet.toml emit")?;
    ensure!(
        refused
            .error_text()
            .starts_with("error: no host of the fleet is named `kai`, the host name of this machine"),
        "{}",
        refused.error_text()
    );
    // It may have no fleet file any more.
    let removed = lab.kai.run("genbackup emit --remove")?;
    assert_eq!(removed.status, 0, "{}", removed.error_text());
    ensure!(
        removed.text().starts_with("0 files written, "),
        "{}",
        removed.text()
    );
    let notes = removed.error_text();
    // The steps that it prints are all that is left to do.
    let marked = notes.split('`').skip(1).step_by(2);
    let advice: Vec<_> = marked.filter(|text| text.starts_with("systemctl")).collect();
    assert_eq!(
        advice,
        [
            "systemctl disable --now genbackup-backup.socket",
            "systemctl disable --now genbackup-sshd.socket"
        ],
        "{notes}"
    );
    for command in advice {
        lab.kai.succeeds(command)?;
    }
    lab.kai.succeeds("systemctl daemon-reload")?;

    // The lab's own agent has a like name.
    let left =
        "find /etc /usr/local -path '*genbackup*' -not -path '*genbackup-vmtests*' -not -type d | sort";
    assert_eq!(
        lab.kai.succeeds(left)?.lines().collect::<Vec<_>>(),
        [
            "/etc/genbackup/manifest.json",
            "/etc/genbackup/mine",
            "/usr/local/bin/genbackup"
        ]
    );
    // Where there is none, systemctl fails.
    let units = "{ systemctl --no-legend --plain --all list-units 'genbackup*'
                   systemctl --no-legend list-unit-files 'genbackup*' || true; } | sed '/^genbackup-vmtests/d'";
    assert_eq!(lab.kai.succeeds(units)?, "");
    let listening = lab.kai.succeeds(LISTENING)?;
    ensure!(!listening.contains(":50000"), "it still listens: {listening}");
    assert_eq!(describe(&lab.kai, "")?, before);
    assert_eq!(
        lab.kai.succeeds("systemctl --no-legend --plain --failed")?,
        "",
        "something of it has failed"
    );

    // The fleet goes on without it, and keeps what it has.
    let record = fleet::successful_run(lab)?;
    ensure!(record.host("kai").is_err(), "{record:?}");
    assert_eq!(
        fleet::hosts_of_snapshots(lab)?,
        ["jak", "jak", "kai", "ziz", "ziz"]
    );
    comes_back_and_leaves_by_one_command(lab, &fleet)
}

/// With `--now`, nothing is left to be done by hand.
fn comes_back_and_leaves_by_one_command(lab: &Lab, fleet: &str) -> anyhow::Result<()> {
    for machine in [&lab.kai, &lab.jak] {
        machine.write_file("/etc/genbackup/fleet.toml", fleet.as_bytes(), 0o644)?;
        machine.succeeds("genbackup emit --now")?;
        let again = machine.succeeds("genbackup emit --now")?;
        ensure!(again.contains("nothing to change"), "{again}");
    }
    let sockets = "genbackup-backup.socket genbackup-sshd.socket";
    let states = format!("systemctl is-active {sockets}; systemctl is-enabled {sockets}");
    assert_eq!(lab.kai.succeeds(&states)?, "active\nactive\nenabled\nenabled");
    let record = fleet::successful_run(lab)?;
    assert_eq!(record.status("kai")?, "ok");

    lab.kai.succeeds("genbackup emit --remove --now")?;
    let listening = lab.kai.succeeds(LISTENING)?;
    ensure!(!listening.contains(":50000"), "it still listens: {listening}");
    assert_eq!(
        lab.kai.fails(&states)?.text().trim_end().lines().next(),
        Some("inactive")
    );
    Ok(())
}
