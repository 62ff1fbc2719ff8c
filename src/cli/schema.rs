//! `genbackup schema`: writes the JSON schema of the fleet file, for editors.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::Args;

use super::terminal;
use crate::apply;
use crate::config::schema;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Replace this file atomically; without it, write to standard output
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

pub(super) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let text = schema::text()?;
    match &arguments.out {
        None => terminal::hand_over(&text)?,
        Some(file) => apply::replace(file, text.as_bytes())?,
    }
    Ok(ExitCode::SUCCESS)
}
