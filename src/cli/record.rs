//! `genbackup record`: runs a command, and writes its result to a record next to those of the runs.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};

use super::terminal;
use crate::runs::ad_hoc::Recorded;
use crate::runs::record::{self, Phase};

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
    let recorded = Recorded::run(*phase, command, runs)?;
    let Recorded { ended, unrecorded } = &recorded;
    if let Some(why) = ended.why().filter(|_| ended.never_began()) {
        terminal::complain(format_args!("error: {why}"));
    }
    if let Some(error) = unrecorded {
        let how = ended.why().unwrap_or_else(|| "the command succeeded".to_owned());
        terminal::complain(format_args!(
            "error: cannot record this {}: {error:#}; {how}",
            phase.name()
        ));
    }
    Ok(ExitCode::from(recorded.exit_status()))
}
