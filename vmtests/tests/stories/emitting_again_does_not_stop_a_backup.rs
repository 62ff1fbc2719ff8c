//! Without this, a change of the fleet during a backup costs that night's backup, and leaves a lock.

use anyhow::ensure;
use vmtests::fleet::{self, RUN_LIMIT};
use vmtests::install::{emit_again, fleet_file};
use vmtests::lab::Lab;

/// What runs on a client: the unit's instance with its main process, and restic with its start time.
const IN_PROGRESS: &str = "unit=$(systemctl --no-legend --plain list-units 'genbackup-backup@*' | cut --delimiter=' ' --fields=1)
    printf '%s %s ' \"$unit\" \"$(systemctl show --property=MainPID --value \"$unit\")\"
    pid=$(pgrep --exact restic); printf '%s %s' \"$pid\" \"$(cut --delimiter=' ' --fields=22 /proc/$pid/stat)\"";

/// The run's own process on the storage host.
const RUN: &str = "systemctl show --property=ActiveState,MainPID,InvocationID genbackup.service";

pub(crate) fn story(lab: &Lab) -> anyhow::Result<()> {
    fleet::put_large_file(&lab.ziz, 60_000_000)?;
    lab.ziz.succeeds("mkdir /srv/more; hostname >/srv/more/file")?;
    lab.jak.succeeds("systemctl start --no-block genbackup.service")?;
    lab.ziz.wait_until_succeeds("pgrep --exact restic", RUN_LIMIT)?;
    lab.jak
        .wait_until_succeeds("ls /mnt/storage/restic/locks | grep --count .", RUN_LIMIT)?;
    // It stands still until everything else is done, so that it is in the midst of it.
    lab.ziz.succeeds("pkill --signal STOP --exact restic")?;
    let before = (lab.ziz.succeeds(IN_PROGRESS)?, lab.jak.succeeds(RUN)?);
    ensure!(before.1.contains("ActiveState=activating"), "{}", before.1);

    // The units, the scripts, the port and ziz's paths: everything that a run uses is another afterwards.
    let mut fleet = fleet_file(lab)?;
    for (old, new) in [
        ("04:00:00 America/Los_Angeles", "05:00:00 America/Los_Angeles"),
        ("time-limit = \"30min\"", "time-limit = \"40min\""),
        ("port = 50000", "port = 50001"),
        (
            "include = [\"/srv/data\"",
            "include = [\"/srv/more\", \"/srv/data\"",
        ),
    ] {
        ensure!(fleet.contains(old), "the fleet has no {old}");
        fleet = fleet.replace(old, new);
    }
    // Not empty: that would be reported.
    lab.on_all(|machine| {
        machine
            .succeeds("mkdir -p /srv/more && hostname >/srv/more/file")
            .map(drop)
    })?;
    for emitted in emit_again(&lab.machines(), &fleet)? {
        ensure!(!emitted.text().starts_with("0 files"), "{}", emitted.text());
        assert_eq!(emitted.error_text(), "");
    }
    // The timer has not been lost, and has the new time.
    let timer = lab
        .jak
        .succeeds("systemctl show --property=ActiveState,UnitFileState,TimersCalendar genbackup.timer")?;
    ensure!(
        timer.contains("ActiveState=active\n")
            && timer.contains("UnitFileState=enabled")
            && timer.contains("OnCalendar=*-*-* 05:00:00 America/Los_Angeles"),
        "{timer}"
    );

    assert_eq!((lab.ziz.succeeds(IN_PROGRESS)?, lab.jak.succeeds(RUN)?), before);
    lab.ziz.succeeds("pkill --signal CONT --exact restic")?;
    let record = fleet::finished_record(lab)?;
    for host in ["jak", "kai", "ziz"] {
        assert_eq!(record.status(host)?, "ok", "{record:?}");
    }
    let run = "systemctl show --property=Result --value genbackup.service";
    assert_eq!(lab.jak.succeeds(run)?, "success");
    assert_eq!(lab.jak.succeeds("ls /mnt/storage/restic/locks")?, "");
    ensure!(!fleet::restic(lab, "ls latest --host ziz")?.contains("/srv/more/file"));

    // The next run is the new fleet's.
    let maintained = "test \"$(systemctl is-active genbackup-maintain.service)\" = inactive";
    lab.jak.wait_until_succeeds(maintained, RUN_LIMIT)?;
    let record = fleet::successful_run(lab)?;
    assert_eq!(record.status("ziz")?, "ok");
    ensure!(fleet::restic(lab, "ls latest --host ziz")?.contains("/srv/more/file"));
    let connections = "journalctl --boot --no-pager --output=cat --unit='genbackup-sshd.socket'; ss --no-header --listening --tcp --numeric";
    let listening = lab.ziz.succeeds(connections)?;
    ensure!(
        listening.contains(":50001") && !listening.contains(":50000"),
        "{listening}"
    );
    Ok(())
}
