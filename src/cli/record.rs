//! `genbackup record`: runs a command, and writes its result to a record beside those of the runs.

use std::ffi::OsString;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use backon::{BlockingRetryable, ConstantBuilder};
use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use jiff::Timestamp;

use super::terminal;
use crate::error::Hinted;
use crate::runs::ad_hoc;
use crate::runs::record::{self, AdHoc, Addition, Phase, RunId};
use crate::runs::records::kind;
use crate::system::nixos::System;

// The delay between two searches for a free name, and the number of searches.
const PAUSE: Duration = Duration::from_millis(100);
const PAUSES: usize = 600;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Record the command as this phase
    #[arg(value_name = "PHASE", value_parser = phase())]
    phase: Phase,
    /// Run this command with its arguments, without a shell
    #[arg(value_name = "COMMAND", required = true, last = true)]
    command: Vec<OsString>,
    /// Write the record into this directory
    #[arg(long, value_name = "DIR", default_value = record::DIRECTORY)]
    runs: PathBuf,
}

/// The phases that are not part of a run.
fn phase() -> impl TypedValueParser<Value = Phase> {
    PossibleValuesParser::new(Phase::AD_HOC.map(Phase::name)).try_map(|word| {
        let phase = Phase::ALL.into_iter().find(|phase| phase.name() == word);
        phase.ok_or("no such phase")
    })
}

pub(super) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let Arguments { phase, command, runs } = arguments;
    let (program, words) = command.split_first().context("there is no command")?;
    let (start, clock) = (Timestamp::now(), Instant::now());
    // Check now that a record can be written, and not after hours of work.
    Addition::to(runs, &"\n".repeat(4096)).map_err(|error| explained(&error))?;
    let ended = ad_hoc::run(program, words)?;
    if let Some(why) = ended.why().filter(|_| ended.never_began()) {
        terminal::complain(format_args!("error: {why}"));
    }
    let ad_hoc = AdHoc {
        phase: *phase,
        copy: None,
        start,
        end: Timestamp::now(),
        seconds: clock.elapsed().as_secs_f64(),
        status: ended.status(),
        why: ended.why(),
        exit_code: ended.exit_code(),
        figures: None,
    };
    let status = ended.exit_status();
    let status = match add(runs, &ad_hoc) {
        Ok(()) => status,
        Err(error) => {
            let how = ended.why().unwrap_or_else(|| "the command succeeded".to_owned());
            terminal::complain(format_args!(
                "error: cannot record this {}: {error:#}; {how}",
                phase.name()
            ));
            status.max(1)
        }
    };
    Ok(ExitCode::from(status))
}

/// Why a record has no name.
enum Nameless {
    /// Every second up to now already has a record.
    AllTaken,
    /// Writing failed.
    Refused(anyhow::Error),
}

/// Adds a record. Its name is the second in which the command started, or a later one if that name is taken. No name is
/// in the future: if all names up to now are taken, this waits for the next second.
pub(super) fn add(directory: &Path, ad_hoc: &AdHoc) -> Result<()> {
    // The clock may have been set back meanwhile.
    let mut name = RunId::at(ad_hoc.start.min(ad_hoc.end));
    let add = || {
        while name.start() <= Timestamp::now() {
            let text = ad_hoc
                .record(name)
                .map_err(|error| Nameless::Refused(error.into()))?;
            let addition = Addition::to(directory, &text).map_err(Nameless::Refused)?;
            if addition
                .under(&record::file_name(name))
                .map_err(Nameless::Refused)?
            {
                return Ok(());
            }
            name = name.next();
        }
        Err(Nameless::AllTaken)
    };
    let waits = ConstantBuilder::default()
        .with_delay(PAUSE)
        .with_max_times(PAUSES);
    let added = add
        .retry(waits)
        .when(|nameless| matches!(nameless, Nameless::AllTaken))
        .call();
    added.map_err(|nameless| match nameless {
        Nameless::AllTaken => anyhow!("{} already has a record for every second", directory.display()),
        Nameless::Refused(error) => error,
    })
}

/// The error if no record can be written, before the command is started.
fn explained(error: &anyhow::Error) -> anyhow::Error {
    let hint = match kind(error) {
        Some(ErrorKind::NotFound) => format!(
            "run this on the storage host, where {} makes the directory; `--runs DIR` names another",
            System::here().apply()
        ),
        Some(ErrorKind::PermissionDenied) => {
            "run this as user restic or root; `--runs DIR` names another directory".to_owned()
        }
        Some(ErrorKind::StorageFull | ErrorKind::QuotaExceeded) => {
            "free some space, then run this again".to_owned()
        }
        _ => return anyhow!("{}", not_started(error)),
    };
    anyhow::Error::new(Hinted::new(not_started(error), hint))
}

fn not_started(error: &anyhow::Error) -> String {
    format!("the command was not started, because it cannot be recorded: {error:#}")
}
