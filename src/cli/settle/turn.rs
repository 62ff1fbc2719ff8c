//! `genbackup settle-turn`: settles one turn of a host. A unit on the storage host starts it.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use clap::Args;
use jiff::Timestamp;

use crate::cli::terminal;
use crate::cli::unit::Options;
use crate::repository::settle::{Restic, Settle, Turn};

#[derive(Debug, Args)]
pub(in crate::cli) struct Arguments {
    /// The directory of the repository
    #[arg(long, value_name = "DIR")]
    repository: PathBuf,
    /// The file that names what is settled
    #[arg(long, value_name = "FILE")]
    state: PathBuf,
    /// The host whose turn it was
    #[arg(long, value_name = "HOST")]
    host: String,
    /// The tag that its snapshots have
    #[arg(long, value_name = "TAG", default_value = "genbackup")]
    tag: String,
    /// When the turn began
    #[arg(long, value_name = "TIME")]
    begin: Timestamp,
    /// When the turn ended
    #[arg(long, value_name = "TIME")]
    end: Timestamp,
    /// The longest time of a backup, in seconds
    #[arg(long, value_name = "SECONDS")]
    time_limit: u64,
    #[command(flatten)]
    unit: Options,
    /// The key that the password opens; by default, restic tries all keys
    #[arg(long, value_name = "ID")]
    key_hint: Option<String>,
    /// Start this program as restic
    #[arg(long, value_name = "PROGRAM", default_value = "restic")]
    restic: OsString,
    /// Remove all locks, because no process uses the repository; by default, stale ones
    #[arg(long)]
    alone: bool,
}

pub(in crate::cli) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let Arguments {
        repository,
        state,
        host,
        tag,
        begin,
        end,
        time_limit,
        unit,
        key_hint,
        restic,
        alone,
    } = arguments;
    let credentials = unit.credentials()?;
    if let Some(problem) = credentials.problem_of_password() {
        anyhow::bail!(problem);
    }
    let settle = Settle {
        repository: repository.clone(),
        state: state.clone(),
        restic: Restic {
            program: restic.clone(),
            password_file: credentials.password_path(),
            key_hint: key_hint.clone(),
        },
        turn: Turn {
            host: host.clone(),
            tag: tag.clone(),
            begin: *begin,
            end: *end,
            time_limit: Duration::from_secs(*time_limit),
        },
        is_alone: *alone,
        before: &|| Ok(()),
    };
    let verdict = settle.run()?;
    terminal::print(&format!("{}\n", serde_json::to_string(&verdict)?))?;
    if let Some(why) = verdict.why() {
        terminal::complain(format_args!("error: the turn of {host} is not settled: {why}"));
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}
