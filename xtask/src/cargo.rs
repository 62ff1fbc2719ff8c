//! Runs cargo.

use std::process::Command;

use anyhow::{Context, ensure};
use vmtests::cache;
use vmtests::process::command;

/// The package of what is fuzzed.
pub(crate) const FUZZ: &str = "genbackup-fuzz";

/// The cargo that runs this program.
pub(crate) fn cargo(verb: &str) -> Command {
    let mut cargo = command(&std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned()));
    cargo.current_dir(cache::workspace()).arg(verb);
    cargo
}

/// Runs one of cargo's commands.
///
/// # Errors
/// When it fails, with cargo's verb.
pub(crate) fn succeeds(command: &mut Command) -> anyhow::Result<()> {
    let status = command
        .status()
        .with_context(|| format!("cannot start `{}`", command.get_program().display()))?;
    let verb = command
        .get_args()
        .next()
        .unwrap_or_default()
        .display()
        .to_string();
    ensure!(status.success(), "`cargo {verb}` failed: {status}");
    Ok(())
}
