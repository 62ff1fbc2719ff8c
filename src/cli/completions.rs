//! `genbackup completions`: what a shell needs to complete the verbs, the options and their values.

use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, CommandFactory};
use clap_complete::{Shell, generate};

use super::terminal;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The shell
    shell: Shell,
}

pub(super) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let mut text = Vec::new();
    // It panics where writing fails, and memory does not.
    generate(
        arguments.shell,
        &mut super::Arguments::command(),
        "genbackup",
        &mut text,
    );
    terminal::hand_over(&text)?;
    Ok(ExitCode::SUCCESS)
}
