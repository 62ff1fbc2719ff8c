//! Without this, a run by hand during last night's prune fails at random or is skipped silently, or prune
//! removes what a backup has just written.

use anyhow::{Context, ensure};
use serde_json::Value;
use vmtests::fleet::{self, PASSWORD_FILE, REPOSITORY, RUN_LIMIT, Record};
use vmtests::install;
use vmtests::lab::Lab;
use vmtests::machine::quoted;

/// `lock-wait` of this story's fleet, in seconds.
const LOCK_WAIT: f64 = 25.0;

pub(crate) fn story(lab: &Lab) -> anyhow::Result<()> {
    install::again(
        lab,
        &[
            ("initialize = true\n", "initialize = true\nlock-wait = \"25s\"\n"),
            ("time-limit", "max-parallel = 3\ntime-limit"),
        ],
    )?;

    // The timer's run and one by hand: systemd makes one of them.
    lab.jak.succeeds(
        "systemctl start --no-block genbackup.service && systemctl start --no-block genbackup.service",
    )?;
    let both = fleet::start_run(lab)?;
    assert_eq!(both.status, 0, "{}", both.error_text());
    wait_for_records(lab, 1)?;

    // An admin's restic holds a lock that keeps out only forget and prune. These wait, and a run that is
    // started meanwhile waits for them.
    let reader = hold_lock(lab, "backup --stdin --tag by-hand --quiet")?;
    let first = fleet::start_run(lab)?;
    assert_eq!(
        first.status,
        0,
        "backups share their lock: {}",
        first.error_text()
    );
    let waits = "journalctl --unit=genbackup-maintain.service --output=cat | grep --count 'already locked'";
    lab.jak.wait_until_succeeds(waits, RUN_LIMIT)?;
    lab.jak.succeeds("systemctl start --no-block genbackup.service")?;
    release(lab, &reader)?;
    let names = wait_for_records(lab, 3)?;
    let (first, second) = (read(lab, &names[1])?, read(lab, &names[2])?);
    for record in [&first, &second] {
        assert_eq!(record.phase("forget")?["status"], "ok", "{record:?}");
        assert_eq!(record.phase("prune")?["status"], "ok", "{record:?}");
        assert_eq!(record.status("kai")?, "ok");
    }
    let end = time(&first, "run-finished")?;
    assert!(
        end <= time(&second, "host-started")?,
        "the second began before the first had ended"
    );

    // A lock that keeps out everybody, as prune or check by hand would hold it for hours.
    // So slow that it is not done before it is stopped.
    let check = hold_lock(lab, "--limit-download 64 check --read-data")?;
    assert_eq!(fleet::start_run(lab)?.status, 1);
    // The forget of that run waits as well, and the next run waits for it, but not for good.
    assert_eq!(fleet::start_run(lab)?.status, 1);
    let names = wait_for_records(lab, 5)?;
    let (first, second) = (read(lab, &names[3])?, read(lab, &names[4])?);
    let reason = "another process has locked the repository";
    for event in ["jak", "ziz", "kai"]
        .map(|host| first.host(host))
        .into_iter()
        .chain([first.phase("forget")])
    {
        waited_in_vain(event?, reason)?;
    }
    for host in ["jak", "ziz", "kai"] {
        let event = second.host(host)?;
        assert_eq!(event["status"], "failed", "{event}");
        assert!(
            fleet::why(event).starts_with("forget and prune of the previous run"),
            "{event}"
        );
    }
    lab.jak
        .succeeds(&format!("kill -0 {check}"))
        .context("nobody touches the admin's process")?;

    // The same, and it ends while a host waits: the first that does, for a second one may be as late as its limit on an
    // emulated machine.
    lab.jak.succeeds("systemctl start --no-block genbackup.service")?;
    lab.jak
        .wait_until_succeeds("test $(pgrep --exact --count restic) -ge 2", RUN_LIMIT)?;
    release(lab, &check)?;
    let names = wait_for_records(lab, 6)?;
    let record = read(lab, &names[5])?;
    for host in ["jak", "ziz", "kai"] {
        assert_eq!(record.status(host)?, "ok");
    }
    assert_eq!(record.phase("prune")?["status"], "ok");
    fleet::restic(lab, "check --quiet").map(drop)
}

fn waited_in_vain(event: &Value, reason: &str) -> anyhow::Result<()> {
    assert_eq!(event["status"], "failed", "{event}");
    assert!(fleet::why(event).starts_with(reason), "{event}");
    let waited = event["seconds"].as_f64().context("no seconds")?;
    assert!((LOCK_WAIT..5.0 * LOCK_WAIT).contains(&waited), "{event}");
    Ok(())
}

/// Starts restic by hand, and stops it in its tracks as soon as it holds its lock; its process.
fn hold_lock(lab: &Lab, arguments: &str) -> anyhow::Result<String> {
    let restic = format!("tail --follow /dev/null | restic --no-cache --repo {REPOSITORY} {arguments}");
    lab.jak.succeeds(&format!(
        "install --mode=0400 --owner=restic {PASSWORD_FILE} /run/by-hand
         systemd-run --quiet --collect --unit=by-hand --uid=restic --gid=restic --working-directory=/ \\
           --setenv=RESTIC_PASSWORD_FILE=/run/by-hand /bin/bash -c {}",
        quoted(&restic)
    ))?;
    lab.jak
        .wait_until_succeeds(&format!("ls {REPOSITORY}/locks | grep --count ."), RUN_LIMIT)?;
    let process = lab.jak.succeeds("pgrep --exact --uid restic restic")?;
    lab.jak.succeeds(&format!("kill -STOP {process}"))?;
    Ok(process)
}

/// It goes on only to hear that it has to end, and takes its lock with it.
fn release(lab: &Lab, process: &str) -> anyhow::Result<()> {
    lab.jak.succeeds(&format!(
        "kill -CONT {process}; systemctl kill --kill-whom=all --signal=SIGINT by-hand.service"
    ))?;
    lab.jak
        .wait_until_succeeds(&format!("! kill -0 {process} 2>/dev/null"), RUN_LIMIT)
        .map(drop)
}

/// The records, once there is this number of them and each has its end.
fn wait_for_records(lab: &Lab, number: usize) -> anyhow::Result<Vec<String>> {
    let all = "/var/lib/genbackup/runs/*.jsonl";
    let complete = format!(
        "test $(grep --files-with-matches '\"event\":\"run-finished\"' {all} | wc --lines) = {number}"
    );
    lab.jak.wait_until_succeeds(&complete, RUN_LIMIT)?;
    let names: Vec<String> = lab
        .jak
        .succeeds(&format!("ls {all}"))?
        .lines()
        .map(str::to_owned)
        .collect();
    ensure!(names.len() == number, "there are other records: {names:?}");
    Ok(names)
}

fn read(lab: &Lab, path: &str) -> anyhow::Result<Record> {
    let text = lab.jak.succeeds(&format!("cat {path}"))?;
    Ok(Record(
        text.lines().map(serde_json::from_str).collect::<Result<_, _>>()?,
    ))
}

/// The time of the first event of a name.
fn time(record: &Record, name: &str) -> anyhow::Result<String> {
    let event = record.events(name).next().with_context(|| format!("no {name}"))?;
    Ok(event["time"].as_str().context("no time")?.to_owned())
}
