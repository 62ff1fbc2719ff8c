//! Without this, a story could pass or fail for a reason that is the harness's own: a network that leads out of the
//! lab, a clock from another day, or something that the story before has left.

use std::time::{Duration, SystemTime};

use anyhow::ensure;
use vmtests::lab::Lab;

/// More than the clocks of two busy machines differ, and far less than a snapshot is old.
const CLOCK_TOLERANCE: Duration = Duration::from_secs(5);
const SOON: Duration = Duration::from_secs(60);

pub(crate) fn story(lab: &Lab) -> anyhow::Result<()> {
    for machine in lab.machines() {
        for neighbour in lab.machines() {
            machine.wait_until_succeeds(&format!("ping -c 1 -W 2 {}", neighbour.name()), SOON)?;
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
    a_machine_loses_its_power_and_comes_back(lab)?;
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

fn a_snapshot_takes_everything_back(lab: &Lab) -> anyhow::Result<()> {
    let boots = lab
        .machines()
        .map(|machine| machine.succeeds("cat /proc/sys/kernel/random/boot_id"));
    lab.snapshot("changed")?;
    lab.jak
        .write_file("/mnt/storage/new", b"on the second disk", 0o600)?;
    lab.ziz.write_file("/root/new", b"on the first disk", 0o600)?;
    lab.kai.power_off()?;
    lab.ziz.cut_network()?;
    lab.jak
        .set_clock(SystemTime::now() + Duration::from_secs(400 * 24 * 3600))?;

    lab.restore("changed")?;
    lab.jak.fails("test -e /mnt/storage/new")?;
    lab.ziz.fails("test -e /root/new")?;
    for (machine, boot) in lab.machines().into_iter().zip(boots) {
        assert_eq!(machine.succeeds("cat /proc/sys/kernel/random/boot_id")?, boot?);
        machine.wait_until_succeeds(
            "ping -c 1 -W 2 jak && ping -c 1 -W 2 ziz && ping -c 1 -W 2 kai",
            SOON,
        )?;
    }
    clocks_are_right(lab)
}
