//! The output of `status`, `history` and `metrics` for the records of many nights.

#![expect(
    clippy::disallowed_methods,
    reason = "the program runs as its users run it, on records that the tests make"
)]

mod absent;
mod ad_hoc;
mod clocks;
mod copies;
mod history;
mod hooks;
mod in_progress;
mod metrics;
mod own_schedules;
mod phases;
mod reading;
mod status;
mod stories;
mod terminal;
mod verdicts;

use std::convert::Infallible;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use genbackup::config::file::read;
use genbackup::config::resolve::resolve;
use genbackup::model::Fleet;
use genbackup::runs::record::{Run, RunId};
use genbackup::status::{Expectations, Item, Report, judge};
use jiff::Timestamp;
use tempfile::TempDir;

use crate::command::{Outcome, genbackup, run};
use crate::night::Night;

/// The fleet file of a fixture.
fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures/fleets")
        .join(name)
        .join("fleet.toml")
}

fn fleet(name: &str) -> Result<Fleet> {
    match resolve(read("fleet.toml", &std::fs::read_to_string(file(name))?)) {
        Ok(fleet) => Ok(fleet),
        Err(problems) => bail!("{problems:?}"),
    }
}

/// How old the backups of a fleet may be, whose calendar systemd is not asked about.
fn expectations(fleet: &Fleet) -> Expectations {
    let Ok(expectations) = Expectations::of(fleet, |_| Ok::<_, Infallible>(None));
    expectations
}

/// The state of a fleet at a time, from nights that are given oldest first.
fn judged(name: &str, nights: &[Night], now: &str) -> Result<Report> {
    let fleet = fleet(name)?;
    let expectations = expectations(&fleet);
    let newest_first = nights.iter().rev().map(Night::id);
    judge(
        &fleet,
        &expectations,
        now.parse::<Timestamp>()?,
        newest_first,
        |id, about| {
            let night = nights.iter().find(|night| night.id() == id);
            night.context("no such night")?.read(about)
        },
    )
}

/// The same by the records of a directory.
fn judged_in(name: &str, directory: &Path, now: &str) -> Result<Report> {
    let fleet = fleet(name)?;
    let expectations = expectations(&fleet);
    let mut records = Vec::new();
    for entry in std::fs::read_dir(directory)? {
        let path = entry?.path();
        let name = path
            .file_stem()
            .and_then(|name| name.to_str())
            .context("a record has a name")?;
        records.push((name.parse::<RunId>()?, path));
    }
    records.sort();
    judge(
        &fleet,
        &expectations,
        now.parse::<Timestamp>()?,
        records.iter().rev().map(|(id, _)| *id),
        |id, about| {
            let (_, path) = records
                .iter()
                .find(|(run, _)| *run == id)
                .context("no such record")?;
            let text = std::fs::read(path)?;
            Ok(match about {
                None => Run::read(id, text.as_slice())?,
                Some(about) => Run::read_about(id, text.as_slice(), about)?,
            })
        },
    )
}

/// The verdict on a host, or on a phase.
fn of<'r>(report: &'r Report, name: &str) -> Result<&'r Item> {
    let item = report.items().find(|item| item.name == name);
    item.with_context(|| format!("there is no verdict on {name}"))
}

/// The state of a host, or of a phase, and the reason if it is not healthy.
fn verdict_of(report: &Report, name: &str) -> Result<(&'static str, String)> {
    let verdict = &of(report, name)?.verdict;
    Ok((verdict.state.name(), verdict.why.clone().unwrap_or_default()))
}

/// A directory with the records of these nights.
fn records(nights: &[Night]) -> Result<TempDir> {
    let directory = tempfile::tempdir()?;
    for night in nights {
        night.write(directory.path())?;
    }
    Ok(directory)
}

/// The output of a verb for a directory of records at a time, with the fleet `post`.
fn run_verb(verb: &str, runs: &Path, now: &str, arguments: &[&str]) -> Result<Outcome> {
    run_verb_with("post", verb, runs, now, arguments)
}

/// The same with another fleet.
fn run_verb_with(name: &str, verb: &str, runs: &Path, now: &str, arguments: &[&str]) -> Result<Outcome> {
    run(genbackup()
        .arg("--fleet")
        .arg(file(name))
        .args([verb, "--now", now, "--runs"])
        .arg(runs)
        .args(arguments)
        .env("TZ", "UTC"))
}
