//! `genbackup schema`: what a fleet file may hold, for editors.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::Args;

use super::output;
use crate::{schema, write};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Where it goes; it is replaced at once
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

pub(super) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let text = text()?;
    match &arguments.out {
        None => output::show(text.as_bytes())?,
        Some(file) => write::replace(file, text.as_bytes())?,
    }
    Ok(ExitCode::SUCCESS)
}

/// The schema as a file has it.
pub(super) fn text() -> Result<String> {
    Ok(serde_json::to_string_pretty(&schema::fleet_file())? + "\n")
}
