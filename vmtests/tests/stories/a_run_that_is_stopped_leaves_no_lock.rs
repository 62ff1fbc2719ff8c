//! Without this, one stopped run leaves a lock in the repository that keeps forget and prune out for good.

use std::time::Duration;

use vmtests::fleet::{self, RUN_LIMIT};
use vmtests::install;
use vmtests::lab::Lab;

/// How long a client's restic may go on when nobody listens any more.
const NOTICED_WITHIN: Duration = Duration::from_secs(30);

pub(crate) fn story(lab: &Lab) -> anyhow::Result<()> {
    // Side by side: kai's restic 0.14 leaves its lock behind on SIGTERM, ziz's 0.18 does not.
    install::again(lab, &[("[schedule]", "[schedule]\nmax-parallel = 3")])?;
    let clients = [&lab.ziz, &lab.kai];
    for client in clients {
        fleet::put_large_file(client, 100_000_000)?;
    }
    fleet::begin_run(lab)?;
    for client in clients {
        client.wait_until_succeeds("pgrep --exact restic", RUN_LIMIT)?;
    }
    fleet::wait_until_clients_hold_locks(lab, clients.len())?;

    lab.jak.succeeds("systemctl stop genbackup.service")?;
    for client in clients {
        fleet::wait_until_backup_has_ended(client, NOTICED_WITHIN)?;
    }
    assert_eq!(
        fleet::locks(lab)?,
        [""; 0],
        "restic that was stopped left its lock"
    );

    // Its record has no end: an interrupted run is seen as one. What was stopped stays stopped: forget and prune
    // do not come after it.
    let is_reported =
        "journalctl --unit=genbackup-maintain.service --output=cat | grep --count 'the run was stopped'";
    lab.jak.wait_until_succeeds(is_reported, RUN_LIMIT)?;
    let maintained = "test \"$(systemctl is-active genbackup-maintain.service)\" = inactive";
    lab.jak.wait_until_succeeds(maintained, RUN_LIMIT)?;
    let events = lab
        .jak
        .succeeds("cat \"$(ls /var/lib/genbackup/runs/*.jsonl | tail --lines=1)\"")?;
    assert!(
        !events.contains("run-finished") && !events.contains("forget"),
        "{events}"
    );
    assert_eq!(fleet::hosts_of_snapshots(lab)?, ["jak"]);
    // The next run is as if nothing had been.
    let record = fleet::successful_run(lab)?;
    for host in ["jak", "ziz", "kai"] {
        assert_eq!(record.status(host)?, "ok");
    }
    fleet::restic(lab, "check --quiet").map(drop)
}
