//! `genbackup guard`: decides which hosts forget may touch, for the script that starts forget. It reads restic's list
//! of the snapshots on standard input, and prints the decision as JSON.

use std::io;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Args;
use jiff::Timestamp;

use super::holds::Kept;
use super::terminal;
use crate::error::hinted;
use crate::repository::hold::{Listing, Policies, Store, decide};
use crate::runs::record::RunId;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Decide for the forget of this run
    #[arg(long, value_name = "RUN")]
    run: RunId,
    /// Name hosts that share a separate keep policy; repeat the option for each policy
    #[arg(long, value_name = "HOSTS")]
    policy_of: Vec<String>,
    #[command(flatten)]
    kept: Kept,
}

pub(super) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let Arguments { run, policy_of, kept } = arguments;
    let listing = Listing::read(io::stdin().lock())?;
    let store = Store::read(&kept.holds.folder).map_err(|error| {
        hinted!(
            what("{error:#}"),
            hint("run `systemd-tmpfiles --create`, which makes the directory")
        )
    })?;
    let run = kept.run(*run).context("cannot read the record of this run")?;
    let evidence = kept.evidence(&listing)?;
    let policies = Policies::of(policy_of.iter().map(|hosts| hosts.split(',')));
    let decision = decide(&listing, &evidence, &run, &store, &policies, Timestamp::now());
    terminal::hand_over(&(serde_json::to_string(&decision)? + "\n"))?;
    Ok(ExitCode::SUCCESS)
}
