//! Runs programs and keeps what they print.

#![expect(
    clippy::disallowed_methods,
    reason = "the program under test and others are run"
)]

use std::process::{Command, ExitStatus};

use anyhow::{Context, Result};

/// How a program ended and what it printed.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Runs a program to its end.
pub(crate) fn run(command: &mut Command) -> Result<Outcome> {
    let output = command
        .output()
        .with_context(|| format!("cannot start {}", command.get_program().display()))?;
    Ok(Outcome {
        status: output.status,
        stdout: String::from_utf8(output.stdout).context("standard output is not UTF-8")?,
        stderr: String::from_utf8(output.stderr).context("standard error is not UTF-8")?,
    })
}

/// The program under test, without the variables that change its colours, which a developer may have set.
pub(crate) fn genbackup() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_genbackup"));
    for variable in ["CI", "CLICOLOR", "CLICOLOR_FORCE", "NO_COLOR"] {
        command.env_remove(variable);
    }
    command
}
