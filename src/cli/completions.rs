//! `genbackup completions`: prints the completion script of a shell, for the verbs, the options and their values.

use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, CommandFactory};
use clap_complete::{Shell, generate};

use super::terminal;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Print the script of this shell
    shell: Shell,
}

pub(super) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let mut text = Vec::new();
    // `generate` panics if a write fails. A write to memory does not fail.
    generate(
        arguments.shell,
        &mut super::Arguments::command(),
        "genbackup",
        &mut text,
    );
    terminal::hand_over(&text)?;
    Ok(ExitCode::SUCCESS)
}
