//! Commands on a machine.

use std::time::Duration;

use anyhow::{Context, bail, ensure};

use super::{Machine, quoted};
use crate::agent::Output;
use crate::deadline::{HANGS, poll};

impl Machine {
    /// Runs a shell command as root, with `errexit`, `nounset` and `pipefail`.
    ///
    /// # Errors
    /// When the machine does not answer, or the command takes longer than [`HANGS`]. A failed command is no error.
    pub fn run(&self, command: &str) -> anyhow::Result<Output> {
        self.run_within(command, b"", HANGS)
    }

    /// Like [`run`](Self::run), with a standard input and a deadline.
    ///
    /// # Errors
    /// When the machine does not answer, or the command takes longer than `limit`: then it has been ended.
    pub fn run_within(&self, command: &str, input: &[u8], limit: Duration) -> anyhow::Result<Output> {
        self.body.run(command, input, limit)
    }

    /// Runs a command that has to succeed, and hands back what it printed, without the white space at its end.
    ///
    /// # Errors
    /// When it fails: the error has everything that it printed.
    pub fn succeeds(&self, command: &str) -> anyhow::Result<String> {
        self.succeeds_with(command, b"")
    }

    /// Like [`succeeds`](Self::succeeds), with a standard input.
    ///
    /// # Errors
    /// When it fails.
    pub fn succeeds_with(&self, command: &str, input: &[u8]) -> anyhow::Result<String> {
        let output = self.run_within(command, input, HANGS)?;
        if output.status != 0 {
            bail!("{}: `{command}` failed: {}", self.name(), described(&output));
        }
        Ok(output.text())
    }

    /// Runs a command that has to fail, and hands back how it did: look at that, a failure alone proves little.
    ///
    /// # Errors
    /// When it succeeds.
    pub fn fails(&self, command: &str) -> anyhow::Result<Output> {
        let output = self.run(command)?;
        ensure!(
            output.status != 0,
            "{}: `{command}` succeeded: {}",
            self.name(),
            described(&output)
        );
        Ok(output)
    }

    /// Runs a command again and again until it succeeds, and hands back what it printed then.
    ///
    /// # Errors
    /// When it still fails after `deadline`.
    pub fn wait_until_succeeds(&self, command: &str, deadline: Duration) -> anyhow::Result<String> {
        let mut last = String::new();
        let found = poll(deadline, || {
            let output = self.run(command)?;
            last = described(&output);
            Ok((output.status == 0).then(|| output.text()))
        })?;
        found.with_context(|| {
            format!(
                "{}: `{command}` still fails after {} s: {last}",
                self.name(),
                deadline.as_secs()
            )
        })
    }

    /// Waits until a unit is active.
    ///
    /// # Errors
    /// At once when it has failed, and after `deadline`; the error has the end of its journal.
    pub fn wait_for_unit(&self, unit: &str, deadline: Duration) -> anyhow::Result<()> {
        let mut state = String::new();
        let show = format!("systemctl show --property=ActiveState --value {}", quoted(unit));
        let active = poll(deadline, || {
            state = self.succeeds(&show)?;
            ensure!(
                state != "failed",
                "{}: `{unit}` has failed\n{}",
                self.name(),
                self.journal_of(unit)?
            );
            Ok((state == "active").then_some(()))
        })?;
        match active {
            Some(()) => Ok(()),
            None => bail!(
                "{}: `{unit}` is {state} after {} s\n{}",
                self.name(),
                deadline.as_secs(),
                self.journal_of(unit)?
            ),
        }
    }

    fn journal_of(&self, unit: &str) -> anyhow::Result<String> {
        self.succeeds(&format!(
            "journalctl --boot --no-pager --lines=30 --unit={}",
            quoted(unit)
        ))
    }
}

/// How a command ended, and all that it printed.
pub(crate) fn described(output: &Output) -> String {
    format!(
        "exit status {}\n{}\n{}",
        output.status,
        output.text(),
        output.error_text()
    )
}
