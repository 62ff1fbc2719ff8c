//! `genbackup report`: all that the records say, on one page of HTML.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use jiff::SignedDuration;
use jiff::tz::TimeZone;

use super::records::Records;
use super::{load, status, terminal};
use crate::model::{Refusal, TimeSpan};
use crate::page::Page;
use crate::write;

/// Where standard output is meant.
const STANDARD_OUTPUT: &str = "-";

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Write into this file, whole at any moment and readable for everybody; without it, or with `-`, to standard output
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// How far back the charts go
    #[arg(long, value_name = "SPAN", default_value = "365d", value_parser = since)]
    since: TimeSpan,
    #[command(flatten)]
    records: Records,
}

fn since(text: &str) -> Result<TimeSpan, Refusal> {
    TimeSpan::try_from(text.to_owned())
}

pub(super) fn run(file: &Path, arguments: &Arguments) -> Result<ExitCode> {
    let Some(fleet) = load::load_or_show(file)? else {
        return Ok(ExitCode::FAILURE);
    };
    let Arguments { out, since, records } = arguments;
    let report = status::examine(&fleet, records)?;
    let since = SignedDuration::from_secs(i64::try_from(since.seconds()).unwrap_or(i64::MAX));
    // What is from the future is left out of the verdicts, too.
    let is_shown = |age: SignedDuration| age <= since && age > -SignedDuration::from_mins(5);
    let mut ids = records.list()?.unwrap_or_default();
    ids.retain(|id| is_shown(report.time.duration_since(id.start())));
    let newest = records.newest_run(&ids)?;
    let mut page = Page::new(&fleet, report.time);
    for id in ids {
        page.add(records.read(id, None)?, Some(id) == newest);
    }
    let html = page.html(&report, since, &TimeZone::system())?;
    match out.as_deref().filter(|out| *out != Path::new(STANDARD_OUTPUT)) {
        Some(out) => write::replace(out, html.as_bytes())?,
        None => terminal::hand_over(&html)?,
    }
    Ok(ExitCode::SUCCESS)
}
