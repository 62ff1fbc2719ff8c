//! What two stories share: a storage host that has the package, and a run that stands still in the middle of a client's
//! backup.

use std::path::Path;

use anyhow::ensure;
use vmtests::fleet::{self, RUN_LIMIT, Record};
use vmtests::lab::Lab;
use vmtests::package;

/// The run on the storage host.
const RUN: &str = "systemctl show --property=ActiveState,MainPID,InvocationID genbackup.service";
/// The unit that backs a client up with its main process, and restic with its start time.
const BACKUP: &str = "unit=$(systemctl --no-legend --plain list-units 'genbackup-backup@*' | cut --delimiter=' ' --fields=1)
    printf '%s %s ' \"$unit\" \"$(systemctl show --property=MainPID --value \"$unit\")\"
    pid=$(pgrep --exact restic); printf '%s %s' \"$pid\" \"$(cut --delimiter=' ' --fields=22 /proc/$pid/stat)\"";

/// Installs the package in the place of the lab's command, starts a run, and lets ziz stand still in the middle of its
/// backup. The processes of that run.
pub(crate) fn begin(lab: &Lab, package: &Path) -> anyhow::Result<String> {
    lab.jak.succeeds("rm /usr/local/bin/genbackup")?;
    package::install(&lab.jak, package)?;
    fleet::put_large_file(&lab.ziz, 60_000_000)?;
    fleet::begin_run(lab)?;
    lab.ziz.wait_until_succeeds("pgrep --exact restic", RUN_LIMIT)?;
    lab.jak
        .wait_until_succeeds("ls /mnt/storage/restic/locks | grep --count .", RUN_LIMIT)?;
    lab.ziz.succeeds("pkill --signal STOP --exact restic")?;
    let processes = processes(lab)?;
    ensure!(processes.contains("ActiveState=activating"), "{processes}");
    Ok(processes)
}

/// The processes of the run.
pub(crate) fn processes(lab: &Lab) -> anyhow::Result<String> {
    Ok(format!(
        "{}\n{}",
        lab.jak.succeeds(RUN)?,
        lab.ziz.succeeds(BACKUP)?
    ))
}

/// Lets ziz continue.
pub(crate) fn go_on(lab: &Lab) -> anyhow::Result<()> {
    lab.ziz.succeeds("pkill --signal CONT --exact restic").map(drop)
}

/// Lets ziz continue, and waits for the end of the run. Each host has its backup.
pub(crate) fn finish(lab: &Lab) -> anyhow::Result<Record> {
    go_on(lab)?;
    let record = fleet::finished_record(lab)?;
    for host in ["jak", "kai", "ziz"] {
        assert_eq!(record.status(host)?, "ok", "{record:?}");
    }
    assert_eq!(fleet::hosts_of_snapshots(lab)?, ["jak", "kai", "ziz"]);
    Ok(record)
}
