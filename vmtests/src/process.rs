//! Programs of the machine that the tests run on.

use std::ffi::OsStr;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, bail};

use crate::deadline::poll_often;

/// A command that can be started, with no standard input.
#[must_use]
pub fn command(program: &str) -> Command {
    #[expect(clippy::disallowed_methods, reason = "the one place that makes commands")]
    let mut command = Command::new(program);
    command.stdin(Stdio::null());
    command
}

/// A command that the kernel ends when the thread that starts it ends, however that comes: also when the tests are
/// killed.
///
/// The thread counts, not the process, so start it from one that lives as long as the guests are needed.
#[must_use]
pub fn command_ending_with_us(program: &str) -> Command {
    let mut command = command("setpriv");
    command.args(["--pdeathsig", "KILL", "--", program]);
    command
}

/// Runs a command to its end and hands back its standard output.
///
/// # Errors
/// When it cannot be started, or fails: the error has its arguments and its standard error.
pub fn output_of(command: &mut Command) -> anyhow::Result<String> {
    let shown = shown(command);
    let output = command
        .output()
        .with_context(|| cannot_start(command.get_program()))?;
    if !output.status.success() {
        bail!(
            "`{shown}` failed: {}\n{}",
            output.status,
            String::from_utf8_lossy(&output.stderr).trim_end()
        );
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Starts a command.
///
/// # Errors
/// When it cannot be started.
pub fn start(command: &mut Command) -> anyhow::Result<Child> {
    command
        .spawn()
        .with_context(|| cannot_start(command.get_program()))
}

fn cannot_start(program: &OsStr) -> String {
    format!(
        "cannot start `{}`\n\nhint: `cargo xtask setup` installs what the VM tests need",
        program.display()
    )
}

fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words
        .map(|word| word.to_string_lossy())
        .collect::<Vec<_>>()
        .join(" ")
}

/// A child process that is ended, by its id, when this value goes away.
#[derive(Debug)]
pub struct Ended(pub Child);

impl Ended {
    /// Waits until it has ended by itself; `None` when it has not within `limit`.
    ///
    /// # Errors
    /// When it cannot be waited for.
    pub fn wait_within(&mut self, limit: Duration) -> anyhow::Result<Option<ExitStatus>> {
        poll_often(limit, || Ok(self.0.try_wait()?))
    }
}

impl Drop for Ended {
    fn drop(&mut self) {
        // Both fail only for a process that is gone already.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}
