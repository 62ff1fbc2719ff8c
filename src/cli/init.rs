//! `genbackup init`: a commented fleet file to start from.

mod answers;
mod file;
mod interview;
mod secrets;

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::Args;
use inquire::InquireError;

use super::terminal::Steps;
use super::{load, schema};
use crate::model::HostName;
use crate::write;
use answers::Answers;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The storage host's name; this machine's by default
    #[arg(long, value_name = "NAME")]
    host: Option<String>,
    /// Ask nothing, also on a terminal
    #[arg(long)]
    no_questions: bool,
}

pub(super) fn run(file: &Path, arguments: &Arguments) -> Result<ExitCode> {
    if file.symlink_metadata().is_ok() {
        // Nobody answers questions in vain.
        bail!(
            "{} is there already\n\nhint: name another file with `--fleet`, or move this one away",
            file.display()
        );
    }
    let host = if let Some(name) = &arguments.host {
        name.clone()
    } else {
        load::this_machine()?
    };
    let is_on_a_terminal = std::io::stdin().is_terminal() && std::io::stderr().is_terminal();
    if arguments.no_questions || !is_on_a_terminal {
        let answers = Answers::usual(HostName::try_from(host)?)?;
        return write_down(file, &answers, Steps::default());
    }
    match interview::ask(&host) {
        Ok(answers) => {
            let mut steps = Steps::default();
            answers.make_secrets(&mut steps)?;
            write_down(file, &answers, steps)
        }
        Err(error) => match error.downcast_ref() {
            Some(InquireError::OperationCanceled | InquireError::OperationInterrupted) => {
                bail!("stopped; nothing was written")
            }
            _ => Err(error),
        },
    }
}

fn write_down(file: &Path, answers: &Answers, mut steps: Steps) -> Result<ExitCode> {
    let schema_file = schema_beside(file);
    let schema_name = schema_file.file_name().unwrap_or_default().to_string_lossy();
    write::create_new(file, &answers.fleet_file(&schema_name)?)?;
    if schema_file.symlink_metadata().is_err() {
        write::create_new(&schema_file, &schema::text()?)?;
    }
    steps.say(format_args!(
        "{}: written; change it, then `genbackup check`",
        file.display()
    ));
    steps.say(format_args!(
        "{}: by it, editors complete that file",
        schema_file.display()
    ));
    steps.end()?;
    Ok(ExitCode::SUCCESS)
}

/// `fleet.schema.json` beside `fleet.toml`: editors take relative paths, and a fleet file may be copied with it.
fn schema_beside(file: &Path) -> PathBuf {
    file.with_extension("schema.json")
}
