//! `genbackup record`: runs a command, and leaves a record of it beside those of the runs.

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

use super::records::kind;
use crate::beside;
use crate::record::{self, Beside, Phase, RunId};
use crate::write::Addition;

/// How often a name is looked for where all are taken, and how many times.
const PAUSE: Duration = Duration::from_millis(100);
const PAUSES: usize = 600;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// What the command does
    #[arg(value_name = "PHASE", value_parser = phase())]
    phase: Phase,
    /// The command, and its arguments as they stand: there is no shell
    #[arg(value_name = "COMMAND", required = true, last = true)]
    command: Vec<OsString>,
    /// The folder of the runs' records
    #[arg(long, value_name = "DIR", default_value = record::FOLDER)]
    runs: PathBuf,
}

/// Those that no run does.
fn phase() -> impl TypedValueParser<Value = Phase> {
    PossibleValuesParser::new(Phase::BESIDE.map(Phase::name)).try_map(|word| {
        let phase = Phase::ALL.into_iter().find(|phase| phase.name() == word);
        phase.ok_or("no such phase")
    })
}

pub(super) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let Arguments { phase, command, runs } = arguments;
    let (program, words) = command.split_first().context("no command is named")?;
    let (start, clock) = (Timestamp::now(), Instant::now());
    // Now, and not after hours of work: what is at work is worth nothing to people who do not hear of it.
    Addition::to(runs, &"\n".repeat(4096)).map_err(|error| explained(&error))?;
    let ended = beside::run(program, words)?;
    if let Some(why) = ended.why().filter(|_| ended.never_began()) {
        eprintln!("error: {why}");
    }
    let beside = Beside {
        phase: *phase,
        start,
        end: Timestamp::now(),
        seconds: clock.elapsed().as_secs_f64(),
        status: ended.status(),
        why: ended.why(),
        exit_code: ended.exit_code(),
    };
    let status = ended.exit_status();
    let status = match add(runs, &beside) {
        Ok(()) => status,
        Err(error) => {
            let how = ended.why().unwrap_or_else(|| "it went well".to_owned());
            eprintln!(
                "error: no record of this {} was left: {error:#}; {how}",
                phase.name()
            );
            status.max(1)
        }
    };
    Ok(ExitCode::from(status))
}

/// Why a record has no name.
enum Nameless {
    /// Every second until now has one already.
    AllTaken,
    /// The disk refuses.
    Refused(anyhow::Error),
}

/// Adds a record, named by the second in which it began, or by a later one where that is taken. None is from the
/// future: where all are taken until now, the next second is waited for.
fn add(folder: &Path, beside: &Beside) -> Result<()> {
    // A clock may have been set back meanwhile.
    let mut name = RunId::at(beside.start.min(beside.end));
    let add = || {
        while name.start() <= Timestamp::now() {
            let addition = Addition::to(folder, &beside.record(name)).map_err(Nameless::Refused)?;
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
        Nameless::AllTaken => anyhow!("every second has a record already in {}", folder.display()),
        Nameless::Refused(error) => error,
    })
}

/// What is said where nothing can be written, before there is anything to write.
fn explained(error: &anyhow::Error) -> anyhow::Error {
    let hint = match kind(error) {
        Some(ErrorKind::NotFound) => {
            "\n\nhint: the storage host has this folder, as `genbackup emit --now` makes it; `--runs` names another"
        }
        Some(ErrorKind::PermissionDenied) => {
            "\n\nhint: user restic and root may write there; `--runs` names another folder"
        }
        Some(ErrorKind::StorageFull | ErrorKind::QuotaExceeded) => "\n\nhint: make room, and run it again",
        _ => "",
    };
    anyhow!("{error:#}, so nothing was started: nobody would hear how it ended{hint}")
}
