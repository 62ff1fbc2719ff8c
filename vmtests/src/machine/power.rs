//! A machine's power: losing it, booting.

use anyhow::{Context, bail};

use super::Machine;
use crate::deadline::HANGS;

impl Machine {
    /// Takes its power away, between two instructions. What was not on the disk of a virtual machine is lost.
    ///
    /// # Errors
    /// When QEMU has gone.
    pub fn power_off_hard(&self) -> anyhow::Result<()> {
        self.body.power_off_hard()
    }

    /// Shuts it down in order, and waits until that is done.
    ///
    /// # Errors
    /// When it is not done in time.
    pub fn power_off(&self) -> anyhow::Result<()> {
        self.body.power_off(HANGS)
    }

    /// Lets it lose its power and have it back at once; it boots, and nobody waits for that: see
    /// [`wait_until_booted`](Self::wait_until_booted). What was not on its disk is lost. A command that another thread
    /// runs on it gets no answer.
    ///
    /// # Errors
    /// When QEMU has gone.
    pub fn reset_hard(&self) -> anyhow::Result<()> {
        self.body.boot()
    }

    /// Stops all of its processes where they are: its kernel accepts connections, and nothing answers. Lasts
    /// until
    /// [`thaw`](Self::thaw), or until it has booted.
    ///
    /// # Errors
    /// When it is a virtual machine, or what runs it has gone.
    pub fn freeze(&self) -> anyhow::Result<()> {
        self.body.freeze(true)
    }

    /// Ends [`freeze`](Self::freeze).
    ///
    /// # Errors
    /// When it is a virtual machine, or what runs it has gone.
    pub fn thaw(&self) -> anyhow::Result<()> {
        self.body.freeze(false)
    }

    /// Boots it, whatever it was doing, and waits until it has started everything.
    ///
    /// # Errors
    /// When it does not come up, or a unit fails while it does.
    pub fn boot_again(&self) -> anyhow::Result<()> {
        self.reset_hard()?;
        self.wait_until_booted()
    }

    /// Waits until it has started everything.
    ///
    /// # Errors
    /// When it does not come up, or a unit fails while it does.
    pub fn wait_until_booted(&self) -> anyhow::Result<()> {
        self.body.wait_until_answers(HANGS).with_context(|| {
            let console = std::fs::read(self.body.console()).unwrap_or_default();
            let text = String::from_utf8_lossy(&console).into_owned();
            let lines = text.lines().rev().take(20).collect::<Vec<_>>();
            format!(
                "the end of its console:\n{}",
                lines.into_iter().rev().collect::<Vec<_>>().join("\n")
            )
        })?;
        let output = self.run_within("systemctl is-system-running --wait", b"", HANGS)?;
        if output.text() != "running" {
            let failed = self.succeeds(
                "systemctl --failed --no-pager --plain
                 journalctl --boot --no-pager --priority=warning --lines=40",
            )?;
            bail!(
                "{}: the system is {} after its boot\n{failed}",
                self.name(),
                output.text()
            );
        }
        Ok(())
    }
}
