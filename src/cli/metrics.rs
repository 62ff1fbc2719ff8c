//! `genbackup metrics`: writes the state of each host for Prometheus.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Result;
use clap::Args;

use super::records;
use super::{load, terminal};
use crate::report::metrics;
use crate::status::examine;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Replace this file atomically; without it, or with `-`, write to standard output
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    records: records::Options,
}

pub(super) fn run(file: &Path, arguments: &Arguments) -> Result<ExitCode> {
    let Some(fleet) = load::load_or_show(file)? else {
        return Ok(ExitCode::FAILURE);
    };
    let text = metrics::text(&examine(&fleet, &arguments.records.open())?)?;
    terminal::hand_over_to(arguments.out.as_deref(), &text)?;
    Ok(ExitCode::SUCCESS)
}
