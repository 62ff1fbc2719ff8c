//! Without this, removing the package ends a backup, or takes records, snapshots or the timer with it.

use anyhow::ensure;
use vmtests::fleet::{self, RUN_LIMIT};
use vmtests::lab::Lab;
use vmtests::package;

use crate::a_package_and_a_run;

/// What genbackup has on the storage host: its files, its records and the repository. A run in progress adds to the last
/// two.
const FILES: &str =
    "find /etc/genbackup /etc/systemd/system /usr/local/libexec -type f -exec sha256sum {} + | sort";
const RECORDS: &str = "ls /var/lib/genbackup/runs";

pub(crate) fn story(lab: &Lab) -> anyhow::Result<()> {
    let package = package::package()?;
    let before = a_package_and_a_run::begin(lab, &package)?;
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

    // The command that runs continues, and all hosts have their backup. Forget and prune would have to start it: they do
    // nothing.
    a_package_and_a_run::go_on(lab)?;
    lab.jak
        .wait_until_succeeds("systemctl is-failed genbackup-maintain.service", RUN_LIMIT)?;
    assert_eq!(fleet::hosts_of_snapshots(lab)?, ["jak", "kai", "ziz"]);
    let journal = lab
        .jak
        .succeeds("journalctl --unit=genbackup-maintain.service --output=cat")?;
    ensure!(journal.contains("genbackup: not found"), "{journal}");

    // With the package again, they continue the record of that run.
    package::install(&lab.jak, &package)?;
    lab.jak.succeeds("systemctl start genbackup-maintain.service")?;
    let record = fleet::finished_record(lab)?;
    for host in ["jak", "kai", "ziz"] {
        assert_eq!(record.status(host)?, "ok", "{record:?}");
    }
    assert_eq!(record.phase("forget")?["status"], "ok", "{record:?}");
    Ok(())
}
