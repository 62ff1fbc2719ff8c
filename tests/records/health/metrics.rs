//! `genbackup metrics`, as Prometheus' own tool reads it.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

use anyhow::Result;
use serde_json::json;

use super::{records, run_verb};
use crate::command::run;
use crate::night::{HOSTS, Night};

const NOON: &str = "2026-11-23T12:00:00Z";

fn nights() -> [Night; 2] {
    let last = Night::at("2026-11-23T04:00:00Z", &HOSTS)
        .host("jak", "ok")
        .host_that("kai", json!({"status": "partial", "why": "missing: /x"}))
        .host_that(
            "ziz",
            json!({"status": "odd \"\\\n\u{1b}", "why": "\n# HELP x", "seconds": null}),
        );
    [
        Night::good("2026-11-22T04:00:00Z", &["jak", "kai"]),
        last.phase("forget", "failed").ends(),
    ]
}

#[test]
fn prometheus_accepts_them() -> Result<()> {
    let all = nights();
    for nights in [&[][..], &all[..1], &all] {
        let directory = records(nights)?;
        let out = directory.path().join("genbackup.prom");
        let output = run_verb(
            "metrics",
            directory.path(),
            NOON,
            &["--out", out.to_str().unwrap_or_default()],
        )?;
        assert!(output.status.success(), "{}", output.stderr);
        let checked = run(Command::new("promtool")
            .args(["check", "metrics"])
            .stdin(Stdio::from(File::open(&out)?)))?;
        let output = (
            checked.status.success(),
            checked.stdout.as_str(),
            checked.stderr.as_str(),
        );
        assert_eq!(output, (true, "", ""), "{}", fs::read_to_string(&out)?);
    }
    Ok(())
}

#[test]
fn they_equal_the_verdicts_of_status() -> Result<()> {
    let directory = records(&nights())?;
    let output = run_verb("metrics", directory.path(), NOON, &[])?;
    assert_eq!((output.status.code(), output.stderr.as_str()), (Some(0), ""));
    for line in [
        // The exit status of metrics is that of writing them.
        "genbackup_fleet_state 2",
        "genbackup_state{host=\"jak\"} 0",
        "genbackup_state{host=\"kai\"} 2",
        "genbackup_state{host=\"ziz\"} 3",
        "genbackup_phase_state{phase=\"forget\"} 2",
        // 2026-11-23T04:01:00Z
        "genbackup_last_success_timestamp_seconds{host=\"jak\"} 1795406460",
        // The night before: the last one is partial.
        "genbackup_last_success_timestamp_seconds{host=\"kai\"} 1795320120",
        "genbackup_last_snapshot_timestamp_seconds{host=\"kai\"} 1795406520",
        "genbackup_last_attempt_timestamp_seconds{host=\"ziz\"} 1795406580",
        "genbackup_last_attempt_info{host=\"kai\",status=\"partial\"} 1",
        "genbackup_last_attempt_info{host=\"ziz\",status=\"unknown\"} 1",
        "genbackup_duration_seconds{host=\"jak\"} 60.5",
        "genbackup_added_bytes{host=\"jak\"} 3008008",
        "genbackup_processed_bytes{host=\"jak\"} 6000069",
        "genbackup_files{host=\"jak\"} 11",
        "genbackup_run_start_timestamp_seconds 1795406400",
        "genbackup_run_at_work 0",
        "genbackup_warn_after_seconds 86400",
        "genbackup_alert_after_seconds 100800",
    ] {
        assert!(
            output.stdout.lines().any(|found| found == line),
            "no `{line}` in {}",
            output.stdout
        );
    }
    for absent in [
        "genbackup_last_success_timestamp_seconds{host=\"ziz\"}",
        "genbackup_duration_seconds{host=\"ziz\"}",
        "genbackup_files{host=\"ziz\"}",
    ] {
        assert!(!output.stdout.contains(absent), "{}", output.stdout);
    }
    Ok(())
}

#[test]
fn readers_see_the_old_file_or_the_new_one() -> Result<()> {
    let directory = records(&nights())?;
    let place = tempfile::tempdir()?;
    let out = place.path().join("genbackup.prom");
    fs::write(&out, "old\n")?;
    fs::set_permissions(&out, fs::Permissions::from_mode(0o600))?;
    let read_meanwhile = place.path().join("read-meanwhile");
    fs::hard_link(&out, &read_meanwhile)?;
    let output = run_verb(
        "metrics",
        directory.path(),
        NOON,
        &["--out", out.to_str().unwrap_or_default()],
    )?;
    assert_eq!(
        (
            output.status.code(),
            output.stdout.as_str(),
            output.stderr.as_str()
        ),
        (Some(0), "", "")
    );
    assert_eq!(
        fs::read_to_string(&read_meanwhile)?,
        "old\n",
        "it was not written into"
    );
    let printed = run_verb("metrics", directory.path(), NOON, &[])?.stdout;
    assert_eq!(fs::read_to_string(&out)?, printed);
    // As with `report`, that is no file.
    let dash = run_verb("metrics", directory.path(), NOON, &["--out", "-"])?.stdout;
    assert_eq!(dash, printed);
    // The collector runs as a separate user.
    assert_eq!(fs::metadata(&out)?.permissions().mode() & 0o777, 0o644);
    assert_eq!(fs::read_dir(place.path())?.count(), 2, "no other file is left");
    Ok(())
}

#[test]
fn a_file_that_cannot_be_written_is_named_and_nothing_is_left() -> Result<()> {
    let directory = records(&nights())?;
    let place = tempfile::tempdir()?;
    let absent = place.path().join("absent/genbackup.prom");
    let taken = place.path().join("taken");
    fs::create_dir(&taken)?;
    for out in [&absent, &taken] {
        let output = run_verb(
            "metrics",
            directory.path(),
            NOON,
            &["--out", out.to_str().unwrap_or_default()],
        )?;
        assert_eq!(output.status.code(), Some(1));
        let words = format!("error: cannot write `{}`: ", out.display());
        assert!(output.stderr.starts_with(&words), "{}", output.stderr);
        assert_eq!(fs::read_dir(place.path())?.count(), 1, "nothing is left");
    }
    Ok(())
}
