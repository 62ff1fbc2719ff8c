//! `genbackup serve-repository`: serves a repository to one client. systemd starts it for each connection.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::Args;

use super::terminal;
use crate::repository::serve::{End, Limits, serve_standard_input};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The directory of the repository
    #[arg(value_name = "REPOSITORY")]
    repository: PathBuf,
    /// Let the client add at most this number of bytes
    #[arg(long, value_name = "BYTES")]
    budget: Option<u64>,
    /// Keep this number of bytes of the file system free
    #[arg(long, value_name = "BYTES", default_value_t = 0)]
    reserve: u64,
    /// Let the client add at most this number of snapshots
    #[arg(long, value_name = "N", default_value_t = 1)]
    snapshots: usize,
}

pub(super) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let Arguments {
        repository,
        budget,
        reserve,
        snapshots,
    } = arguments;
    let limits = Limits::new(*budget, *reserve, *snapshots);
    let summary = serve_standard_input(repository, &limits)?;
    terminal::complain(&summary);
    Ok(match summary.end {
        End::Client | End::Stopped => ExitCode::SUCCESS,
        End::Silent | End::Broken(_) => ExitCode::FAILURE,
    })
}
