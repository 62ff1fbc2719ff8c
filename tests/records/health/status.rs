//! `genbackup status` as a monitoring system runs it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::{file, records, run_verb};
use crate::command::{Outcome, genbackup, run};
use crate::night::{HOSTS, Night};

const NOON: &str = "2026-11-23T12:00:00Z";

fn last_night() -> Night {
    Night::at("2026-11-23T04:00:00Z", &HOSTS)
        .host("jak", "ok")
        .host("kai", "ok")
}

#[test]
fn the_worst_decides_the_exit_status_and_the_first_line() -> Result<()> {
    let before = || Night::good("2026-11-22T04:00:00Z", &HOSTS);
    let ended = |end: &str| last_night().host("ziz", end).maintained();
    for (nights, exit_status, line) in [
        (
            vec![before(), ended("ok")],
            0,
            "genbackup OK: 3 hosts were backed up; the oldest backup is 7h 59m old",
        ),
        (
            vec![before(), ended("partial")],
            2,
            "genbackup ALERT: ziz: partial: ziz is not well; its last complete backup is 1d 7h old; partial for 7h 57m",
        ),
        (
            vec![before(), ended("failed")],
            2,
            "genbackup ALERT: ziz: failed: ziz is not well; the last backup is 1d 7h old",
        ),
        (
            vec![ended("failed")],
            3,
            "genbackup NEVER: ziz: failed: ziz is not well",
        ),
    ] {
        let directory = records(&nights)?;
        let output = run_verb("status", directory.path(), NOON, &[])?;
        assert_eq!(output.status.code(), Some(exit_status), "{}", output.stdout);
        assert_eq!(output.stdout.lines().next(), Some(line));
        assert_eq!(output.stderr, "");
        let json = run_verb("status", directory.path(), NOON, &["--json"])?;
        assert_eq!(json.status.code(), Some(exit_status));
        assert_eq!(
            serde_json::from_str::<Value>(&json.stdout)?["summary"],
            json!(line)
        );
    }
    Ok(())
}

#[test]
fn of_one_host_that_host_alone_decides() -> Result<()> {
    let directory = records(&[last_night()
        .host("ziz", "failed")
        .phase("forget", "failed")
        .warns("x")])?;
    for (host, exit_status) in [("jak", 0), ("ziz", 3), ("ziz.example.net", 3)] {
        let output = run_verb("status", directory.path(), NOON, &["--host", host])?;
        assert_eq!(
            output.status.code(),
            Some(exit_status),
            "{host}: {}",
            output.stdout
        );
        assert!(!output.stdout.contains("forget"), "{}", output.stdout);
    }
    Ok(())
}

/// Checks that the output reports the state as unknown, with these words, and not as OK or WARNING.
fn is_unknown(output: &Outcome, words: &str) {
    assert_eq!(
        output.status.code(),
        Some(3),
        "{}{}",
        output.stdout,
        output.stderr
    );
    let first = output.stdout.lines().next().unwrap_or_default();
    assert!(first.starts_with("genbackup UNKNOWN: "), "{first}");
    assert!(output.stdout.contains(words), "{}", output.stdout);
}

#[test]
fn an_obstacle_is_unknown_and_has_a_hint() -> Result<()> {
    let directory = records(&[])?;
    let output = run_verb("status", &file("post"), NOON, &[])?;
    is_unknown(
        &output,
        &format!(
            "cannot read the directory of the records, {}: Not a directory",
            file("post").display()
        ),
    );
    let output = run_verb("status", directory.path(), NOON, &["--host", "zoe"])?;
    is_unknown(&output, "no host of the fleet is named `zoe`");
    let status = |fleet: &Path| {
        run(genbackup()
            .arg("--fleet")
            .arg(fleet)
            .args(["status", "--runs"])
            .arg(directory.path()))
    };
    is_unknown(
        &status(Path::new("/nowhere/fleet.toml"))?,
        "cannot read the fleet file /nowhere/fleet.toml",
    );
    let problem = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/problems/port-0.toml");
    let output = status(&problem)?;
    is_unknown(&output, "has problems; `genbackup check` shows them");
    assert!(output.stderr.starts_with("problem: "), "{}", output.stderr);
    let storage = run(genbackup()
        .arg("--fleet")
        .arg(file("every-option"))
        .args(["status", "--host", "store", "--runs"])
        .arg(directory.path()))?;
    is_unknown(&storage, "`store` is not backed up");
    Ok(())
}

#[test]
fn unreadable_records_are_named_with_the_users_that_may_read() -> Result<()> {
    let directory = records(&[Night::good("2026-11-23T04:00:00Z", &HOSTS)])?;
    let record = directory.path().join("20261123T040000Z.jsonl");
    let status = || {
        run(Command::new("setpriv")
            // Root reads everything by these two capabilities alone.
            .args([
                "--bounding-set=-dac_override,-dac_read_search",
                "--inh-caps=-dac_override,-dac_read_search",
            ])
            .args(["--", env!("CARGO_BIN_EXE_genbackup"), "--fleet"])
            .arg(file("post"))
            .args(["status", "--now", NOON, "--runs"])
            .arg(directory.path()))
    };
    let hint = "hint: run this as root or as a member of the group `restic`";
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o000))?;
    let output = status()?;
    is_unknown(
        &output,
        &format!("{}: Permission denied", directory.path().display()),
    );
    assert!(output.stdout.contains(hint), "{}", output.stdout);

    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o700))?;
    fs::set_permissions(&record, fs::Permissions::from_mode(0o000))?;
    let output = status()?;
    is_unknown(
        &output,
        &format!("cannot open the record {}: Permission denied", record.display()),
    );
    assert!(output.stdout.contains(hint), "{}", output.stdout);

    fs::set_permissions(&record, fs::Permissions::from_mode(0o644))?;
    assert_eq!(
        status()?.status.code(),
        Some(0),
        "nothing else keeps it from reading"
    );
    Ok(())
}

#[test]
fn a_missing_directory_has_no_records() -> Result<()> {
    let directory = records(&[])?;
    let absent = directory.path().join("absent");
    let output = run_verb("status", &absent, NOON, &[])?;
    assert_eq!(output.status.code(), Some(3));
    assert!(
        output.stdout.starts_with("genbackup NEVER: "),
        "{}",
        output.stdout
    );
    let remark = format!(
        "NEVER    the directory {} is missing\n         hint: run `genbackup run` on jak: the first run makes it\n",
        absent.display()
    );
    assert!(output.stdout.ends_with(&remark), "{}", output.stdout);
    Ok(())
}

#[test]
fn lines_that_cannot_be_read_are_a_warning() -> Result<()> {
    let night = Night::good("2026-11-23T04:00:00Z", &HOSTS);
    let directory = records(&[])?;
    let record = format!("not a line\n{}", night.text());
    fs::write(directory.path().join(format!("{}.jsonl", night.id())), record)?;
    let output = run_verb("status", directory.path(), NOON, &[])?;
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        output.stdout.lines().next(),
        Some("genbackup WARNING: 1 line of the record 20261123T040000Z cannot be read")
    );
    Ok(())
}

/// The thresholds that follow from systemd's answer about the schedule, for a fleet that sets none.
fn thresholds_in_hours(calendar: &str) -> Result<(i64, i64)> {
    let directory = records(&[])?;
    let fleet = directory.path().join("fleet.toml");
    let smallest = fs::read_to_string(file("smallest"))?;
    fs::write(&fleet, smallest.replace("\"daily\"", &format!("\"{calendar}\"")))?;
    let output = run(genbackup()
        .arg("--fleet")
        .arg(&fleet)
        .args(["status", "--json", "--runs"])
        .arg(directory.path()))?;
    let output: Value = serde_json::from_str(&output.stdout).context(output.stdout)?;
    let hours = |key: &str| Some(output[key].as_i64()? / 3600);
    hours("warn-after-seconds")
        .zip(hours("alert-after-seconds"))
        .context("no thresholds")
}

#[test]
fn thresholds_that_nobody_chose_follow_the_schedule_as_systemd_reads_it() -> Result<()> {
    for (calendar, hours) in [
        ("daily", (25, 29)),
        ("*-*-* 04:00:00 America/Los_Angeles", (25, 29)),
        ("Mon..Fri 22:30", (73, 85)),
        ("Mon..Fri *-*-* 08..18:00:00 Europe/Berlin", (63, 73)),
        ("hourly", (2, 3)),
        ("weekly UTC", (7 * 24 + 1, 7 * 24 + 29)),
        // What comes once has no gaps.
        ("2199-01-01", (25, 29)),
    ] {
        assert_eq!(thresholds_in_hours(calendar)?, hours, "{calendar}");
    }
    Ok(())
}

/// The output of `status` and `history` for a run without an end, for each content of the state directory.
fn by_the_lock(state: &Path) -> Result<(String, String)> {
    let directory = records(&[Night::good("2026-11-22T12:00:00Z", &HOSTS), last_night()])?;
    let state = state.to_str().context("a path")?;
    let soon = "2026-11-23T04:05:00Z";
    let status = run_verb("status", directory.path(), soon, &["--state", state])?;
    let history = run_verb("history", directory.path(), soon, &["--state", state])?;
    let row = history.stdout.lines().nth(2).unwrap_or_default();
    Ok((
        status.stdout,
        row.split_whitespace().next().unwrap_or_default().to_owned(),
    ))
}

#[test]
fn a_run_is_in_progress_while_its_lock_is_held() -> Result<()> {
    let state = tempfile::tempdir()?;
    fs::write(state.path().join("current"), "at-work\n")?;
    let lock = fs::File::open(state.path())?;
    lock.lock()?;
    let (status, history) = by_the_lock(state.path())?;
    assert!(status.contains("a run has been in progress"), "{status}");
    assert_eq!(history, "running");
    lock.unlock()?;
    let (status, history) = by_the_lock(state.path())?;
    assert!(!status.contains("in progress"), "{status}");
    assert!(
        status.contains("the run 20261123T040000Z was interrupted"),
        "{status}"
    );
    assert_eq!(history, "interrupted");
    Ok(())
}

#[test]
fn between_hosts_and_forget_a_run_is_in_progress() -> Result<()> {
    let state = tempfile::tempdir()?;
    fs::write(state.path().join("current"), "20261123T040000Z\n")?;
    assert_eq!(by_the_lock(state.path())?.1, "running");
    fs::write(state.path().join("current"), "20261122T120000Z\n")?;
    assert_eq!(by_the_lock(state.path())?.1, "interrupted", "that is another run");
    Ok(())
}
