//! `genbackup coordinate`: backs up the hosts of a run. The script `run-backups` starts it, and shows its steps.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use clap::Args;

use super::unit::{Options, directory};
use crate::runs::coordinate::{Hosts, Run};
use crate::runs::state::State;

/// The variable with which a unit chooses hosts.
const CHOSEN: &str = "GENBACKUP_HOSTS";

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The storage host, by its name in the fleet file
    #[arg(long, value_name = "HOST")]
    storage_host: String,
    /// All hosts that are backed up, in this order
    #[arg(long, value_name = "HOST", num_args = 0.., required = true)]
    hosts: Vec<String>,
    /// The hosts without a separate timer, if these are not all
    #[arg(long, value_name = "HOST", num_args = 0..)]
    together: Option<Vec<String>>,
    /// Back up that many hosts at the same time
    #[arg(long, value_name = "NUMBER")]
    max_parallel: usize,
    /// The time limit of one host in seconds
    #[arg(long, value_name = "SECONDS")]
    time_limit: u64,
    /// Wait that long for forget and prune of the previous run, in seconds
    #[arg(long, value_name = "SECONDS")]
    lock_wait: u64,
    #[command(flatten)]
    unit: Options,
    /// Name this file of the ssh key in messages
    #[arg(long, value_name = "FILE")]
    key_file: Option<String>,
    /// Connect to the backup of this host by this socket
    #[arg(long, value_name = "SOCKET")]
    socket: Option<PathBuf>,
    /// Connect to the backup of another host by this command, to which the name of the host is added
    #[arg(value_name = "COMMAND", last = true)]
    connect: Vec<OsString>,
}

pub(super) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let Arguments {
        storage_host,
        hosts,
        together,
        max_parallel,
        time_limit,
        lock_wait,
        unit,
        key_file,
        socket,
        connect,
    } = arguments;
    let chosen = std::env::var_os(CHOSEN).map(|chosen| chosen.to_string_lossy().into_owned());
    let together = together.as_deref().unwrap_or(hosts);
    let run = Run {
        storage_host: storage_host.clone(),
        hosts: Hosts::choose(hosts, together, chosen.as_deref())?,
        max_parallel: *max_parallel,
        time_limit: Duration::from_secs(*time_limit),
        lock_wait: Duration::from_secs(*lock_wait),
        key_file: key_file.clone(),
        connect: connect.clone(),
        state: State::of(directory("STATE_DIRECTORY")?),
        runtime: directory("RUNTIME_DIRECTORY")?,
        credentials: unit.credentials()?,
        invocation: std::env::var("INVOCATION_ID").ok().filter(|id| !id.is_empty()),
        socket: socket.clone(),
    };
    Ok(ExitCode::from(run.back_up()?.exit_status()))
}
