//! Without this, the laptop that was closed at four in the morning costs everybody else the night's backup.

use vmtests::fleet;
use vmtests::lab::Lab;

pub(crate) fn story(lab: &Lab) -> anyhow::Result<()> {
    // The first of the two: the one after it must not suffer.
    lab.kai.power_off_hard()?;
    let started = fleet::start_run(lab)?;
    assert_ne!(started.status, 0, "a run without one of its hosts is no success");
    let record = fleet::finished_record(lab)?;
    assert_eq!(record.status("jak")?, "ok");
    assert_eq!(record.status("ziz")?, "ok");
    let kai = record.host("kai")?;
    assert_eq!(kai["status"], "unreachable", "{kai}");
    let why = kai["why"].as_str().unwrap_or_default();
    assert!(
        why.contains("kai") && why.contains("port 50000"),
        "the reason names host and port: {why}"
    );
    assert_eq!(fleet::hosts_of_snapshots(lab)?, ["jak", "ziz"]);
    // Forget and prune go on all the same.
    assert_eq!(record.phase("prune")?["status"], "ok");
    // Who looks at the unit learns who it was.
    let shown = lab
        .jak
        .run("systemctl status --no-pager --full genbackup.service")?
        .text();
    assert!(shown.contains("kai: unreachable"), "{shown}");
    Ok(())
}
