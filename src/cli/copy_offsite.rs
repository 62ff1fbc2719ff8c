//! `genbackup copy-offsite`: makes one copy of the repository, in the unit of that copy.

mod ended;
mod told;
mod work;

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};
use jiff::Timestamp;
use signal_hook::consts::{SIGINT, SIGTERM};

use self::ended::Ended;
use self::told::Told;
use self::work::Work;
use super::load;
use crate::model::CopyName;
use crate::repository::offsite::find;
use crate::runs::record::{self, AdHoc, DIRECTORY, Phase};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Make the copy of this name
    #[arg(value_name = "NAME")]
    name: String,
    #[command(flatten)]
    how: How,
    /// Note what has gone in this directory; by default, in that of the unit
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
    /// Take turns with forget and prune by the locks of this directory
    #[arg(long, value_name = "DIR", default_value = "/var/lib/genbackup")]
    turns: PathBuf,
    /// Read the credentials of the unit from this directory; by default, from that of the unit
    #[arg(long, value_name = "DIR")]
    credentials: Option<PathBuf>,
    /// Write the record into this directory
    #[arg(long, value_name = "DIR", default_value = DIRECTORY)]
    runs: PathBuf,
}

/// What is different this time: the options of `genbackup offsite`, which it hands on.
#[derive(Debug, Args)]
pub(super) struct How {
    /// Print what would be copied and deleted, and do nothing
    #[arg(long)]
    pub(super) dry_run: bool,
    /// Try to delete and overwrite a canary in the copy, to find out whether a stolen credential could destroy it
    #[arg(long, conflicts_with_all = ["dry_run", "accept"])]
    pub(super) tamper_test: bool,
    /// Accept this once, after you have found out why it is so
    #[arg(long, value_name = "WHAT")]
    pub(super) accept: Vec<Accept>,
}

/// What an administrator accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Accept {
    /// That more snapshots went, or go from the copy, than `max-loss` allows
    Loss,
    /// That the repository has another `config`
    Config,
    /// That damaged files of the copy are replaced
    Repair,
}

pub(super) fn run(file: &Path, arguments: &Arguments) -> Result<ExitCode> {
    let Some(fleet) = load::load_or_show(file)? else {
        return Ok(ExitCode::FAILURE);
    };
    let (name, copy) = find(&fleet, &arguments.name)?;
    let state = of_unit(arguments.state.as_ref(), "STATE_DIRECTORY");
    let state =
        state.context("the directory of the state is missing: this command is for the unit of the copy")?;
    let _lock = locked(&state, name)?;
    let told = told_to_stop()?;
    let (start, clock) = (Timestamp::now(), Instant::now());
    let work = Work {
        fleet: &fleet,
        copy,
        arguments,
        state: &state,
        told: &told,
        watcher: &Told::new(),
    };
    let ended = work.make(name);
    if arguments.how.dry_run {
        return Ok(ended?.say());
    }
    let ended = ended.unwrap_or_else(|error| Ended::of_error(name, &error));
    let ad_hoc = AdHoc {
        phase: Phase::Offsite,
        copy: Some(name.to_string()),
        start,
        end: Timestamp::now(),
        seconds: clock.elapsed().as_secs_f64(),
        status: ended.status.clone(),
        why: ended.why.clone(),
        exit_code: None,
        figures: ended.figures.clone(),
    };
    record::add(&arguments.runs, &ad_hoc).context("cannot record this copy")?;
    Ok(ended.say())
}

/// A directory that was named, or that systemd names in this variable.
fn of_unit(named: Option<&PathBuf>, variable: &str) -> Option<PathBuf> {
    named
        .cloned()
        .or_else(|| std::env::var_os(variable).map(PathBuf::from))
}

/// One at a time of each copy.
fn locked(state: &Path, name: &CopyName) -> Result<File> {
    let unusable = || format!("cannot lock `{}`", state.display());
    let lock = File::open(state).with_context(unusable)?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => bail!("the copy `{name}` is being made already"),
        Err(TryLockError::Error(error)) => Err(error).with_context(unusable),
    }
}

/// Is set when a signal asks this process to end: rclone is then ended first.
fn told_to_stop() -> Result<Arc<AtomicBool>> {
    let told = Arc::new(AtomicBool::new(false));
    for signal in [SIGTERM, SIGINT] {
        signal_hook::flag::register(signal, Arc::clone(&told)).context("cannot wait for signals")?;
    }
    Ok(told)
}
