//! Without this, one night with a clock of next year makes all snapshots of this year the oldest there are, and
//! forget lets go of the wrong ones.

use std::time::{Duration, SystemTime};

use anyhow::Context;
use serde_json::Value;
use vmtests::fleet::{self, Record};
use vmtests::lab::Lab;

const YEAR: Duration = Duration::from_secs(365 * 24 * 60 * 60);

pub(crate) fn story(lab: &Lab) -> anyhow::Result<()> {
    // A jump of the storage host's clock would start a run by the timer as well.
    lab.jak.succeeds("systemctl stop genbackup.timer")?;
    fleet::successful_run(lab)?;

    // A client of the next year.
    lab.ziz.set_clock(SystemTime::now() + YEAR)?;
    let record = run_without_forget(lab)?;
    assert_eq!(record.status("jak")?, "ok");
    assert_eq!(record.status("kai")?, "ok");
    let ziz = record.host("ziz")?;
    assert_eq!(ziz["status"], "partial", "{ziz}");
    assert!(fleet::why(ziz).contains("ahead"), "{ziz}");
    assert!(
        fleet::why(record.phase("forget")?).contains("the clock of ziz is wrong"),
        "{record:?}"
    );
    assert_eq!(fleet::snapshots(lab)?.len(), 6);

    // Its clock is right again; its snapshot stays wrong, and stands in the way until somebody looks at it.
    lab.ziz.set_clock(SystemTime::now())?;
    let record = run_without_forget(lab)?;
    assert_eq!(record.status("ziz")?, "ok");
    let reason = fleet::why(record.phase("forget")?).to_owned();
    assert!(reason.contains("of ziz is from the future"), "{reason}");
    assert_eq!(fleet::snapshots(lab)?.len(), 9);
    let shown = lab
        .jak
        .run("systemctl status --no-pager --full genbackup-maintain.service")?
        .text();
    assert!(shown.contains("is from the future"), "{shown}");

    // The way out, as the reason names it.
    let way_out = reason.split('`').nth(1).context("no command in the reason")?;
    let way_out = way_out.strip_prefix("restic ").context("no command of restic")?;
    fleet::restic(lab, way_out)?;

    // The storage host falls back by a year: all others are ahead, and its records are yet to come.
    lab.jak.set_clock(SystemTime::now() - YEAR)?;
    let started = fleet::start_run(lab)?;
    assert_ne!(started.status, 0);
    let maintained = "journalctl --boot --unit=genbackup-maintain.service --output=cat | grep --count 'is wrong: nothing is forgotten'";
    lab.jak.wait_until_succeeds(maintained, fleet::RUN_LIMIT)?;
    let shown = lab
        .jak
        .run("systemctl status --no-pager --full genbackup.service")?
        .text();
    assert!(shown.contains("this host's clock is or was wrong"), "{shown}");
    lab.jak.set_clock(SystemTime::now())?;
    assert_eq!(fleet::snapshots(lab)?.len(), 11);

    // All clocks agree, and no snapshot is from the future: what is forgotten now is what the policy lets go.
    let record = fleet::successful_run(lab)?;
    assert_eq!(record.phase("forget")?["status"], "ok");
    let newest = newest_of_each(&fleet::snapshots(lab)?);
    let started = record.events("run-started").next().context("no start")?;
    for host in ["jak", "kai", "ziz"] {
        let time = newest
            .iter()
            .find(|(name, _)| name == host)
            .context("a host has lost all")?;
        assert!(
            time.1.as_str() >= started["time"].as_str().context("no time")?.trim_end_matches('Z'),
            "{newest:?}"
        );
    }
    fleet::restic(lab, "check --quiet").map(drop)
}

fn run_without_forget(lab: &Lab) -> anyhow::Result<Record> {
    fleet::start_run(lab)?;
    let record = fleet::finished_record(lab)?;
    assert_eq!(record.phase("forget")?["status"], "failed", "{record:?}");
    assert_eq!(record.phase("prune")?["status"], "failed", "{record:?}");
    Ok(record)
}

/// The time of the newest snapshot of each host; the guests' time zone is UTC.
fn newest_of_each(snapshots: &[Value]) -> Vec<(String, String)> {
    let mut newest: Vec<(String, String)> = Vec::new();
    for snapshot in snapshots {
        let text = |key: &str| snapshot[key].as_str().unwrap_or_default().to_owned();
        let (host, time) = (text("hostname"), text("time"));
        match newest.iter_mut().find(|(name, _)| *name == host) {
            Some((_, there)) if *there < time => *there = time,
            Some(_) => {}
            None => newest.push((host, time)),
        }
    }
    newest
}
