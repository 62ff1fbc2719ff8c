//! Without this, removing the package ends a backup, or takes records, snapshots or the timer with it.

use anyhow::ensure;
use vmtests::fleet;
use vmtests::lab::Lab;
use vmtests::package;

use crate::a_package_and_a_run;

/// What genbackup has on the storage host: its files, its records and the repository. A run in progress adds to the last
/// two.
const FILES: &str =
    "find /etc/genbackup /etc/systemd/system /usr/local/libexec -type f -exec sha256sum {} + | sort";
const RECORDS: &str = "ls /var/lib/genbackup/runs";

pub(crate) fn story(lab: &Lab) -> anyhow::Result<()> {
    let before = a_package_and_a_run::begin(lab, &package::package()?)?;
    let (files, records) = (lab.jak.succeeds(FILES)?, lab.jak.succeeds(RECORDS)?);

    let printed = package::remove(&lab.jak)?;
    lab.jak.succeeds("! command -v genbackup")?;
    ensure!(
        printed.contains("'genbackup emit --remove --now'"),
        "the way to remove the units is not printed: {printed}"
    );
    assert_eq!(a_package_and_a_run::processes(lab)?, before);
    assert_eq!(lab.jak.succeeds(FILES)?, files);
    assert_eq!(lab.jak.succeeds(RECORDS)?, records);
    let enabled = lab.jak.succeeds("systemctl is-enabled genbackup.timer")?;
    assert_eq!(enabled, "enabled");

    // Without the command, nobody decides what forget may remove. So it removes nothing, and the record has the reason.
    let record = a_package_and_a_run::finish(lab)?;
    let forget = record.phase("forget")?;
    ensure!(
        forget["status"] == "failed" && fleet::why(forget).contains("missing"),
        "{forget}"
    );
    Ok(())
}
