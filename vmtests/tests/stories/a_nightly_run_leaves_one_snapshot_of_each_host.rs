//! Without this, a backup is a belief: the main job, from the timer's service to a snapshot of each host.

use anyhow::ensure;
use serde_json::Value;
use vmtests::fleet::{self, MOUNT, RUN_LIMIT};
use vmtests::lab::Lab;

pub(crate) fn story(lab: &Lab) -> anyhow::Result<()> {
    let record = fleet::successful_run(lab)?;
    let names = |wanted: &dyn Fn(&&Value) -> bool| -> Vec<Value> {
        let events = record.0.iter().filter(wanted);
        events.map(|event| event["event"].clone()).collect()
    };
    // All hosts, then forget and prune. The storage host reads the answer of one host while the next host is
    // backed up.
    assert_eq!(
        names(&|event| event["host"].is_null() || event["event"] == "host-finished"),
        [
            "run-started",
            "host-finished",
            "host-finished",
            "host-finished",
            "forget-started",
            "forget-finished",
            "prune-started",
            "prune-finished",
            "run-finished"
        ]
    );
    for machine in lab.machines() {
        let name = machine.name();
        assert_eq!(
            names(&|event| event["host"] == name),
            ["host-started", "restic", "host-finished"],
            "{name}"
        );
        let host = record.host(name)?;
        ensure!(host["status"] == "ok" && host["exit-code"] == 0, "{host}");
        // The record has the version of restic of each of them.
        assert_eq!(host["restic-version"], machine.succeeds("restic version")?);
    }
    assert_eq!(fleet::hosts_of_snapshots(lab)?, ["jak", "kai", "ziz"]);
    // The mount is there for the backup, and only then.
    lab.ziz
        .wait_until_succeeds(&format!("! mountpoint --quiet {MOUNT}"), RUN_LIMIT)?;

    // A second night adds one of each, and finds nothing new to store.
    let record = fleet::successful_run(lab)?;
    for machine in lab.machines() {
        assert_eq!(record.status(machine.name())?, "ok", "{record:?}");
    }
    let summaries: Vec<_> = record.events("restic").map(|event| &event["message"]).collect();
    assert_eq!(summaries.len(), 3, "{summaries:?}");
    for summary in summaries {
        ensure!(
            summary["files_new"] == 0 && summary["files_changed"] == 0,
            "{summary}"
        );
    }
    // Both stay: while a rule is not filled, and 10 yearly is not, restic keeps the oldest as well.
    assert_eq!(
        fleet::hosts_of_snapshots(lab)?,
        ["jak", "jak", "kai", "kai", "ziz", "ziz"]
    );
    assert_eq!(record.phase("forget")?["removed"], 0);
    Ok(())
}
