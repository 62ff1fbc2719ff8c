//! What a client hands on of how far its restic has come: little, and no names of files.

use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

/// The function as it is emitted for a restic of Debian 12, and for one of Debian 13.
fn relay(minimum: &str) -> Result<String> {
    let directory = tempfile::tempdir()?;
    let fleet = include_str!("../../../vmtests/fleet.toml")
        .replace("restic = \"0.18\"", &format!("restic = \"{minimum}\""));
    fs::write(directory.path().join("fleet.toml"), fleet)?;
    let emitted = Command::new(env!("CARGO_BIN_EXE_genbackup"))
        .args(["emit", "--host=ziz", "--fleet"])
        .arg(directory.path().join("fleet.toml"))
        .arg("--root")
        .arg(directory.path().join("root"))
        .output()?;
    ensure!(emitted.status.success(), "{emitted:?}");
    let script = directory
        .path()
        .join("root/usr/local/libexec/genbackup/backup-restic");
    let script = fs::read_to_string(script)?;
    let (_, rest) = script.split_once("relay() {").context("no relay")?;
    let (body, _) = rest.split_once("\n}\n").context("no end of relay")?;
    Ok(format!(
        "set -euo pipefail\nCACHE_DIRECTORY=/nowhere\nrelay() {{{body}\n}}\nrelay\n"
    ))
}

#[test]
fn one_status_goes_on_in_two_seconds_without_names_and_everything_else_does() -> Result<()> {
    let status = r#"{"message_type":"status","percent_done":0.5,"total_files":9,"current_files":["/srv/a,\"current_files\":[","/srv/b"]}"#;
    let summary = r#"{"message_type":"summary","files_new":9}"#;
    let error =
        r#"{"message_type":"error","error":{},"during":"archival","item":"/srv/x,"current_files":["}"#;
    for minimum in ["0.14", "0.18"] {
        let mut shell = Command::new("bash")
            .args(["-c", &relay(minimum)?])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut input = shell.stdin.take().context("no standard input")?;
        for line in [status, error, status, status, summary] {
            writeln!(input, "{line}")?;
        }
        drop(input);
        let printed = String::from_utf8(shell.wait_with_output()?.stdout)?;
        let short = r#"out {"message_type":"status","percent_done":0.5,"total_files":9}"#;
        assert_eq!(
            printed,
            format!("{short}\nout {error}\nout {summary}\n"),
            "{minimum}"
        );
    }
    Ok(())
}

/// Any version of restic prints its progress, and ends with the summary.
#[test]
fn restic_prints_its_progress_even_with_quiet() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let large = directory.path().join("large");
    fs::write(&large, vec![7; 40_000_000])?;
    let restic = |words: &[&str]| {
        Command::new("restic")
            .arg("--repo")
            .arg(directory.path().join("repository"))
            .arg("--cache-dir")
            .arg(directory.path().join("cache"))
            .args(words)
            .env("RESTIC_PASSWORD", "of a test")
            .env("RESTIC_PROGRESS_FPS", "60")
            .output()
    };
    ensure!(restic(&["init"])?.status.success(), "no repository");
    let outcome = restic(&["--json", "--quiet", "backup", large.to_str().context("a name")?])?;
    let printed = String::from_utf8(outcome.stdout)?;
    let statuses = printed
        .lines()
        .filter(|line| line.starts_with("{\"message_type\":\"status\","));
    assert!(statuses.count() > 0, "{printed}");
    let last = printed.lines().last().context("it printed nothing")?;
    assert!(last.starts_with("{\"message_type\":\"summary\","), "{last}");
    Ok(())
}
