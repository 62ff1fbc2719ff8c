//! What `report` shows of the records of many nights: in words, and in a real browser.

#![expect(
    clippy::disallowed_methods,
    reason = "the program runs as its users run it, on records that the tests make"
)]

mod bounds;
mod browser;
mod file;
mod looks;
mod page;
mod stories;

use std::path::Path;

use anyhow::{Result, ensure};
use tempfile::TempDir;

use crate::command::{Outcome, genbackup, run};
use crate::night::{HOSTS, Night};
use crate::nights;

/// A directory with the records of these nights.
fn records(nights: &[Night]) -> Result<TempDir> {
    let directory = tempfile::tempdir()?;
    for night in nights {
        night.write(directory.path())?;
    }
    Ok(directory)
}

/// The output of `report` for a directory of records at a time, with the fleet `post`.
fn report(runs: &Path, now: &str, arguments: &[&str]) -> Result<Outcome> {
    report_of("post", runs, now, arguments)
}

/// The same with another fleet.
fn report_of(fleet: &str, runs: &Path, now: &str, arguments: &[&str]) -> Result<Outcome> {
    let fleets = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/fleets");
    let fleet = fleets.join(fleet).join("fleet.toml");
    run(genbackup()
        .arg("--fleet")
        .arg(fleet)
        .args(["report", "--now", now, "--runs"])
        .arg(runs)
        .args(arguments)
        .env("TZ", "UTC"))
}

/// The page about a directory of records.
fn html(runs: &Path, now: &str) -> Result<String> {
    let output = report(runs, now, &[])?;
    ensure!(
        output.status.success() && output.stderr.is_empty(),
        "{}",
        output.stderr
    );
    Ok(output.stdout)
}

/// Three weeks with an upgrade of restic and one of systemd, and a last night on which much is wrong.
fn eventful() -> Result<String> {
    let mut nights = nights::upgrade();
    nights.pop();
    nights.push(nights::much_is_wrong(Night::at("2026-11-23T04:00:00Z", &HOSTS)));
    html(records(&nights)?.path(), "2026-11-23T12:00:00Z")
}
