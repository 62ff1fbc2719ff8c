//! Without this, a story could pass or fail for a reason that is the harness's own: a network that leads out of the
//! lab, a clock from another day, or something that the story before has left.

use std::time::{Duration, SystemTime};

use anyhow::ensure;
use vmtests::deadline::SOON;
use vmtests::lab::{Kind, Lab};
use vmtests::story::complaints;

/// More than the clocks of two busy machines differ, and far less than a snapshot is old.
const CLOCK_TOLERANCE: Duration = Duration::from_secs(5);
const YEAR: Duration = Duration::from_secs(366 * 24 * 3600);

pub(crate) fn story(lab: &Lab) -> anyhow::Result<()> {
    for machine in lab.machines() {
        for other in lab.machines() {
            machine.wait_until_succeeds(&format!("ping -c 1 -W 2 {}", other.name()), SOON)?;
        }
        let routes = machine.succeeds("ip -4 route show default; ip -6 route show default")?;
        assert_eq!(routes, "", "{} has a way out", machine.name());
        let refused = machine.fails("ping -c 1 -W 2 192.0.2.1")?;
        assert!(
            refused.error_text().contains("Network is unreachable"),
            "{}",
            refused.error_text()
        );
    }
    // Not only ICMP: a connection, and bytes through it.
    lab.jak
        .succeeds("systemd-run --quiet --unit=echo socat TCP-LISTEN:7777,fork,reuseaddr EXEC:cat")?;
    let command = "echo hello | socat -t 5 - TCP:jak:7777";
    assert_eq!(lab.ziz.wait_until_succeeds(command, SOON)?, "hello");

    clocks_are_right(lab)?;
    a_cut_network_is_cut(lab)?;
    two_that_are_cut_off_hear_all_but_each_other(lab)?;
    a_machine_loses_its_power_and_comes_back(lab)?;
    a_reset_ends_the_cut_on_its_side(lab)?;
    if lab.kind() == Kind::Virtual {
        a_clock_may_jump_by_a_year(lab)?;
    }
    a_snapshot_takes_everything_back(lab)
}

fn clocks_are_right(lab: &Lab) -> anyhow::Result<()> {
    for machine in lab.machines() {
        let before = SystemTime::now();
        let seconds = machine.succeeds("date +%s.%N")?.parse::<f64>()?;
        let guest = SystemTime::UNIX_EPOCH + Duration::from_secs_f64(seconds);
        let in_time = guest + CLOCK_TOLERANCE >= before && guest <= SystemTime::now() + CLOCK_TOLERANCE;
        ensure!(
            in_time,
            "{}: the clock shows {guest:?} and not {before:?}",
            machine.name()
        );
    }
    Ok(())
}

fn a_cut_network_is_cut(lab: &Lab) -> anyhow::Result<()> {
    lab.kai.cut_network()?;
    lab.ziz.fails("ping -c 1 -W 2 kai")?;
    lab.kai.restore_network()?;
    lab.ziz.wait_until_succeeds("ping -c 1 -W 2 kai", SOON)?;
    Ok(())
}

fn two_that_are_cut_off_hear_all_but_each_other(lab: &Lab) -> anyhow::Result<()> {
    // A connection that lasts: what is written to one file goes to jak, and what comes back to the other.
    lab.kai.succeeds(
        "mkfifo /run/input
         systemd-run --quiet --unit=talk bash -c 'exec socat - TCP:jak:7777 0<>/run/input >/run/heard'",
    )?;
    lab.kai.succeeds("echo before >/run/input")?;
    lab.kai
        .wait_until_succeeds("grep --quiet before /run/heard", SOON)?;

    lab.kai.cut_off_from(&lab.jak)?;
    // Twice is once.
    lab.kai.cut_off_from(&lab.jak)?;
    lab.kai.succeeds("echo meanwhile >/run/input")?;
    for (one, other) in [(&lab.kai, &lab.jak), (&lab.jak, &lab.kai)] {
        let silence = one.fails(&format!("ping -c 1 -W 2 {}", other.name()))?;
        assert!(
            silence.text().contains("1 packets transmitted, 0 received"),
            "{silence:?}"
        );
        // The sender gets no error.
        one.succeeds(&format!(
            "echo hello | socat -u - UDP-SENDTO:{}:7777",
            other.name()
        ))?;
        one.wait_until_succeeds("ping -c 1 -W 2 ziz", SOON)?;
    }
    assert_eq!(lab.kai.succeeds("cat /run/heard")?, "before");

    lab.kai.join_again(&lab.jak)?;
    lab.jak.wait_until_succeeds("ping -c 1 -W 2 kai", SOON)?;
    lab.kai
        .wait_until_succeeds("grep --quiet meanwhile /run/heard", SOON)?;
    for machine in [&lab.kai, &lab.jak] {
        assert_eq!(machine.succeeds("nft list tables")?, "");
    }
    lab.kai.succeeds("systemctl stop talk.service").map(drop)
}

fn a_machine_loses_its_power_and_comes_back(lab: &Lab) -> anyhow::Result<()> {
    let boot = lab.kai.succeeds("cat /proc/sys/kernel/random/boot_id")?;
    lab.kai.power_off_hard()?;
    lab.ziz.fails("ping -c 1 -W 2 kai")?;
    lab.kai.boot_again()?;
    assert_ne!(lab.kai.succeeds("cat /proc/sys/kernel/random/boot_id")?, boot);
    assert_eq!(lab.kai.succeeds("hostname")?, "kai");
    lab.ziz.wait_until_succeeds("ping -c 1 -W 2 kai", SOON)?;
    Ok(())
}

fn a_reset_ends_the_cut_on_its_side(lab: &Lab) -> anyhow::Result<()> {
    let boot = lab.kai.succeeds("cat /proc/sys/kernel/random/boot_id")?;
    lab.jak.cut_off_from(&lab.kai)?;
    lab.kai.reset_hard()?;
    lab.kai.wait_until_booted()?;
    assert_ne!(lab.kai.succeeds("cat /proc/sys/kernel/random/boot_id")?, boot);
    assert_eq!(lab.kai.succeeds("nft list tables")?, "");
    lab.kai.wait_until_succeeds("ping -c 1 -W 2 ziz", SOON)?;
    // The other side still hears nothing.
    lab.kai.fails("ping -c 1 -W 2 jak")?;
    lab.jak.join_again(&lab.kai)?;
    lab.kai.wait_until_succeeds("ping -c 1 -W 2 jak", SOON)?;
    Ok(())
}

/// The journal, and systemd itself, take it as it comes; so a story may ask what happens a year later.
fn a_clock_may_jump_by_a_year(lab: &Lab) -> anyhow::Result<()> {
    for machine in [&lab.ziz, &lab.kai] {
        let journald = "systemctl show --property=MainPID --value systemd-journald.service";
        let before = machine.succeeds(journald)?;
        machine.set_clock(SystemTime::now() + YEAR)?;
        machine.succeeds("systemd-run --quiet --unit=later echo a year later")?;
        let is_logged = "journalctl --unit=later.service --since=-1h --output=cat --grep='a year later'";
        machine.wait_until_succeeds(is_logged, SOON)?;
        assert_eq!(
            machine.succeeds(journald)?,
            before,
            "{}: another journald",
            machine.name()
        );
        assert_eq!(machine.succeeds("systemctl is-system-running")?, "running");
        machine.set_clock(SystemTime::now())?;
    }
    Ok(())
}

fn a_snapshot_takes_everything_back(lab: &Lab) -> anyhow::Result<()> {
    let boots = lab
        .machines()
        .map(|machine| machine.succeeds("cat /proc/sys/kernel/random/boot_id"));
    lab.snapshot("changed")?;
    lab.jak
        .write_file("/mnt/storage/new", b"on the second disk", 0o600)?;
    lab.ziz.write_file("/root/new", b"on the first disk", 0o600)?;
    what_systemd_lets_go_is_found(lab)?;
    lab.kai.power_off()?;
    lab.ziz.cut_network()?;
    if lab.kind() == Kind::Virtual {
        lab.jak.set_clock(SystemTime::now() + YEAR)?;
    }

    lab.restore("changed")?;
    lab.jak.fails("test -e /mnt/storage/new")?;
    lab.ziz.fails("test -e /root/new")?;
    for (machine, boot) in lab.machines().into_iter().zip(boots) {
        // A virtual machine goes on from where it was; a container boots.
        let same = machine.succeeds("cat /proc/sys/kernel/random/boot_id")? == boot?;
        assert_eq!(same, lab.kind() == Kind::Virtual, "{}", machine.name());
        machine.wait_until_succeeds(
            "ping -c 1 -W 2 jak && ping -c 1 -W 2 ziz && ping -c 1 -W 2 kai",
            SOON,
        )?;
    }
    clocks_are_right(lab)
}

/// Every story ends with a look for this.
fn what_systemd_lets_go_is_found(lab: &Lab) -> anyhow::Result<()> {
    assert_eq!(complaints(&lab.machines())?, [""; 0]);
    lab.kai.write_file(
        "/run/systemd/system/odd.service",
        b"[Service]\nExecStart=/bin/true\nPrivateNetwrok=yes\n",
        0o644,
    )?;
    lab.kai
        .succeeds("systemctl daemon-reload && systemctl start odd.service")?;
    let found = complaints(&lab.machines())?;
    assert!(
        found
            .iter()
            .any(|line| line.starts_with("kai: ") && line.contains("PrivateNetwrok")),
        "{found:?}"
    );
    Ok(())
}
