//! `genbackup metrics`: writes the state of each host for Prometheus.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Result;
use clap::Args;

use super::records::Records;
use super::{load, status, terminal};
use crate::report::metrics;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Replace this file atomically; without it, or with `-`, write to standard output
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    records: Records,
}

pub(super) fn run(file: &Path, arguments: &Arguments) -> Result<ExitCode> {
    let Some(fleet) = load::load_or_show(file)? else {
        return Ok(ExitCode::FAILURE);
    };
    let text = metrics::text(&status::examine(&fleet, &arguments.records)?)?;
    terminal::hand_over_to(arguments.out.as_deref(), &text)?;
    Ok(ExitCode::SUCCESS)
}
