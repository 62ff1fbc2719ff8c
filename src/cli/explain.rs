//! `genbackup explain`: explains what runs when and with which rights, what reads which secret, which snapshots stay
//! for how long, and which features older programs lack.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use textwrap::WordSplitter;

use super::holds::Holds;
use super::{load, terminal};
use crate::explain::{INDENT, Request, explain};
use crate::model::{KeepPolicy, Refusal};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Explain only this host
    #[arg(long, value_name = "NAME")]
    host: Option<String>,
    /// Try this keep policy instead of those in the fleet file: `14 daily, 8 weekly`
    #[arg(long, value_name = "POLICY")]
    keep: Option<String>,
    /// Take this time for the current time
    #[arg(long, value_name = "TIME", hide = true)]
    now: Option<DateTime>,
    #[command(flatten)]
    holds: Holds,
}

/// The width of lines if there is no terminal.
const WIDTH: usize = 100;

pub(super) fn run(file: &Path, arguments: &Arguments) -> Result<ExitCode> {
    let Some(mut fleet) = load::load_or_show(file)? else {
        return Ok(ExitCode::FAILURE);
    };
    if let Some(policy) = &arguments.keep {
        let policy = KeepPolicy::try_from(policy.clone());
        fleet.replace_keep(&policy.map_err(Refusal::into_error)?);
    }
    let store = arguments.holds.read_if_there()?;
    let wanted = arguments.host.as_deref();
    let now = Timestamp::now();
    let request = Request {
        host: wanted
            .map(|wanted| load::host(&fleet, Some(wanted)))
            .transpose()?,
        store: &store,
        now,
        start: arguments
            .now
            .unwrap_or_else(|| now.to_zoned(TimeZone::system()).datetime()),
        width: terminal::width().map_or(WIDTH, usize::from),
    };
    terminal::print(&fitting(&explain(&fleet, &request)?))?;
    Ok(ExitCode::SUCCESS)
}

/// The text, wrapped to the width of the terminal.
fn fitting(text: &str) -> String {
    let Some(width) = terminal::width() else {
        return text.to_owned();
    };
    let options = textwrap::Options::new(width.into()).word_splitter(WordSplitter::NoHyphenation);
    let fit = |line: &str| match textwrap::core::display_width(line) > width.into() {
        true if line.starts_with("  ") => textwrap::fill(line, options.clone().subsequent_indent(INDENT)),
        true => textwrap::fill(line, options.clone()),
        false => line.to_owned(),
    };
    text.lines().map(|line| fit(line) + "\n").collect()
}
