//! `genbackup report`: writes one HTML page from all records.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use jiff::SignedDuration;
use jiff::tz::TimeZone;

use super::records;
use super::{load, terminal};
use crate::model::{Refusal, TimeSpan};
use crate::report::Page;
use crate::status::examine;
use crate::status::{is_yet_to_come, rule};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Replace this file atomically, readable by everybody; without it, or with `-`, write to standard output
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Let the charts go back this far
    #[arg(long, value_name = "SPAN", default_value = "365d", value_parser = since)]
    since: TimeSpan,
    #[command(flatten)]
    records: records::Options,
}

fn since(text: &str) -> Result<TimeSpan, Refusal> {
    TimeSpan::try_from(text.to_owned())
}

pub(super) fn run(file: &Path, arguments: &Arguments) -> Result<ExitCode> {
    let Some(fleet) = load::load_or_show(file)? else {
        return Ok(ExitCode::FAILURE);
    };
    let Arguments { out, since, records } = arguments;
    let records = &records.open();
    let present = records.present();
    let report = examine(&fleet, records)?;
    let rule = rule(&report, &fleet);
    let since = SignedDuration::from_secs(i64::try_from(since.seconds()).unwrap_or(i64::MAX));
    // The verdicts skip records from the future as well.
    let now = report.time;
    let mut ids = records.list()?.unwrap_or_default();
    ids.retain(|id| now.duration_since(id.start()) <= since && !is_yet_to_come(*id, now));
    let newest = records.newest_run(&ids)?;
    let mut page = Page::new(&fleet, present);
    for id in ids {
        page.add(records.read(id, None)?, Some(id) == newest);
    }
    let html = page.html(&report, &rule, since, &TimeZone::system())?;
    terminal::hand_over_to(out.as_deref(), &html)?;
    Ok(ExitCode::SUCCESS)
}
