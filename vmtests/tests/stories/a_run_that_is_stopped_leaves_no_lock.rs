//! Without this, one stopped run leaves a lock in the repository that keeps forget and prune out for good.

use std::time::Duration;

use vmtests::fleet::{self, RUN_LIMIT};
use vmtests::lab::Lab;

/// How long a client's restic may go on when nobody listens any more.
const NOTICED_WITHIN: Duration = Duration::from_secs(30);

pub(crate) fn story(lab: &Lab) -> anyhow::Result<()> {
    fleet::successful_run(lab)?;
    lab.ziz
        .succeeds("head --bytes=80000000 /dev/urandom >/srv/data/large")?;
    lab.jak.succeeds("systemctl start --no-block genbackup.service")?;
    lab.ziz.wait_until_succeeds("pgrep --exact restic", RUN_LIMIT)?;
    lab.jak
        .wait_until_succeeds("ls /mnt/storage/restic/locks | grep --quiet .", RUN_LIMIT)?;

    lab.jak.succeeds("systemctl stop genbackup.service")?;
    lab.ziz
        .wait_until_succeeds("test -z \"$(pgrep --exact restic)\"", NOTICED_WITHIN)?;
    lab.ziz.wait_until_succeeds(
        "test -z \"$(systemctl --no-legend list-units 'genbackup-backup@*')\"",
        NOTICED_WITHIN,
    )?;
    lab.jak
        .wait_until_succeeds("test -z \"$(ls /mnt/storage/restic/locks)\"", RUN_LIMIT)?;

    // Its record has no end: an interrupted run is seen as one. Forget and prune come all the same, with a record
    // of their own.
    let maintained = "test \"$(systemctl is-active genbackup-maintain.service)\" = inactive";
    lab.jak.wait_until_succeeds(maintained, RUN_LIMIT)?;
    let record = "ls /var/lib/genbackup/runs/*.jsonl | while read -r file; do grep --quiet run-finished $file || echo $file; done";
    assert_eq!(lab.jak.succeeds(record)?.lines().count(), 1);
    // The next run is as if nothing had been.
    let record = fleet::successful_run(lab)?;
    assert_eq!(record.status("ziz")?, "ok");
    fleet::restic(lab, "check --quiet").map(drop)
}
