//! Without this, the laptop that was closed at four in the morning costs everybody else the night's backup.

use anyhow::ensure;
use vmtests::fleet::{self, RUN_LIMIT, why};
use vmtests::lab::Lab;

pub(crate) fn story(lab: &Lab) -> anyhow::Result<()> {
    // The first of the two clients: the one after it must not suffer.
    lab.kai.power_off_hard()?;
    // A run without one of its hosts is no success.
    let record = fleet::failed_run(lab)?;
    for (host, status) in [("jak", "ok"), ("kai", "unreachable"), ("ziz", "ok")] {
        assert_eq!(record.status(host)?, status, "{record:?}");
    }
    // Forget and prune go on all the same.
    assert_eq!(record.phase("prune")?["status"], "ok", "{record:?}");
    // The reason names host and port.
    let reason = why(record.host("kai")?);
    ensure!(
        reason.contains("kai") && reason.contains("port 50000"),
        "{reason}"
    );
    assert_eq!(fleet::hosts_of_snapshots(lab)?, ["jak", "ziz"]);
    // The unit's status names the host.
    let status = lab
        .jak
        .fails("systemctl status --no-pager --full genbackup.service")?;
    ensure!(status.text().contains("kai: unreachable"), "{}", status.text());

    // The next night it is there again, and backed up as if nothing had been.
    lab.kai.boot_again()?;
    lab.jak.wait_until_succeeds("ping -c 1 kai", RUN_LIMIT)?;
    fleet::successful_run(lab)?;
    assert_eq!(
        fleet::hosts_of_snapshots(lab)?,
        ["jak", "jak", "kai", "ziz", "ziz"]
    );
    Ok(())
}
