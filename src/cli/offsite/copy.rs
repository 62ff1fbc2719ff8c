//! `genbackup copy-offsite`: makes one copy of the repository, in the unit of that copy.

mod display;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};

use self::display::Display;
use crate::cli::{load, terminal};
use crate::repository::offsite::{Accepts, Copying, Ended, Progress, Task, find};
use crate::runs::record::DIRECTORY;

#[derive(Debug, Args)]
pub(in crate::cli) struct Arguments {
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

impl How {
    const fn task(&self) -> Task {
        match self {
            Self {
                tamper_test: true, ..
            } => Task::TamperTest,
            Self { dry_run: true, .. } => Task::DryRun,
            Self { .. } => Task::Copy,
        }
    }

    fn accepts(&self) -> Accepts {
        let accepts = |what| self.accept.contains(&what);
        Accepts {
            loss: accepts(Accept::Loss),
            config: accepts(Accept::Config),
            repair: accepts(Accept::Repair),
        }
    }
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

pub(in crate::cli) fn run(file: &Path, arguments: &Arguments) -> Result<ExitCode> {
    let Arguments {
        name,
        how,
        state,
        turns,
        credentials,
        runs,
    } = arguments;
    let Some(fleet) = load::load_or_show(file)? else {
        return Ok(ExitCode::FAILURE);
    };
    let (name, copy) = find(&fleet, name)?;
    let state = of_unit(state.as_ref(), "STATE_DIRECTORY")
        .context("the directory of the state is missing: this command is for the unit of the copy")?;
    let cache = of_unit(None, "CACHE_DIRECTORY").unwrap_or_else(|| state.join("cache"));
    let credentials = of_unit(credentials.as_ref(), "CREDENTIALS_DIRECTORY");
    let display = Display::new();
    let copying = Copying {
        fleet: &fleet,
        name,
        copy,
        task: how.task(),
        accepts: how.accepts(),
        state: &state,
        turns,
        credentials: credentials.as_deref(),
        cache: &cache,
        watcher: &|progress| {
            if progress == Progress::Waiting {
                terminal::complain(format_args!("{name}: {progress}"));
            }
            display.tell(progress);
        },
    };
    show(&copying.run(runs)?)
}

/// Prints how a copy ended.
fn show(ended: &Ended) -> Result<ExitCode> {
    for step in &ended.planned {
        terminal::print(&format!("{step}\n"))?;
    }
    if let Some(why) = &ended.why {
        let hint = ended.hint.as_ref().map(|hint| format!("\n\nhint: {hint}"));
        terminal::complain(format_args!("error: {why}{}", hint.unwrap_or_default()));
        return Ok(ExitCode::FAILURE);
    }
    if let Some(note) = &ended.summary {
        terminal::complain(note);
    }
    Ok(ExitCode::SUCCESS)
}

/// A directory that was named, or that systemd names in this variable.
fn of_unit(named: Option<&PathBuf>, variable: &str) -> Option<PathBuf> {
    named
        .cloned()
        .or_else(|| std::env::var_os(variable).map(PathBuf::from))
}
