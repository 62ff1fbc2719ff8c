//! `genbackup maintain`: forgets and prunes. The script `maintain-repository` starts it, with restic's command lines.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use clap::Args;

use super::holds::Holds;
use super::unit::{Options, directory};
use crate::repository::maintain::{Maintenance, Steps};
use crate::runs::state::State;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The directory of the repository
    #[arg(long, value_name = "DIR")]
    repository: PathBuf,
    #[command(flatten)]
    unit: Options,
    /// Wait that long for a lock that another process holds, in seconds
    #[arg(long, value_name = "SECONDS")]
    lock_wait: u64,
    /// Wait until the copies of the repository have stopped
    #[arg(long)]
    copies: bool,
    #[command(flatten)]
    holds: Holds,
    /// restic's command lines: `list`, `forget`, `forget-of HOST,HOST` and `prune`, each ended by `;`
    #[arg(value_name = "STEP", last = true, required = true)]
    steps: Vec<OsString>,
}

pub(super) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let Arguments {
        repository,
        unit,
        lock_wait,
        copies,
        holds,
        steps,
    } = arguments;
    let maintenance = Maintenance {
        repository: repository.clone(),
        lock_wait: Duration::from_secs(*lock_wait),
        has_copies: *copies,
        steps: Steps::parse(steps)?,
        state: State::of(directory("STATE_DIRECTORY")?),
        scratch: directory("RUNTIME_DIRECTORY")?,
        credentials: unit.credentials()?,
        holds: holds.directory.clone(),
    };
    Ok(if maintenance.run()? {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
