//! `genbackup init-repository`: creates the repository once. The unit `genbackup-init.service` starts it.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::Args;

use super::unit::{Options, directory};
use crate::repository::init::Creation;
use crate::runs::state::State;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The directory of the repository
    #[arg(long, value_name = "DIR")]
    repository: PathBuf,
    #[command(flatten)]
    unit: Options,
    /// The command that creates it
    #[arg(value_name = "COMMAND", last = true, required = true)]
    command: Vec<OsString>,
}

pub(super) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let Arguments {
        repository,
        unit,
        command,
    } = arguments;
    let creation = Creation {
        repository: repository.clone(),
        command: command.clone(),
        state: State::of(directory("STATE_DIRECTORY")?),
        credentials: unit.credentials()?,
    };
    creation.create()?;
    Ok(ExitCode::SUCCESS)
}
