//! One machine of the lab as a virtual machine: a QEMU, and the control channel into its guest.

use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use anyhow::{Context, bail, ensure};

use crate::agent::{Agent, Output};
use crate::body::Body;
use crate::deadline::{HANGS, poll};
use crate::hardware::Hardware;
use crate::qemu::{Qemu, Surroundings};

/// A guest and the way into it.
#[derive(Debug)]
pub struct VirtualMachine {
    name: String,
    qemu: Qemu,
    agent: Mutex<Agent>,
}

impl VirtualMachine {
    /// Switches a new machine on. Call it from the thread that owns the lab: see [`Qemu::start`].
    ///
    /// # Errors
    /// When QEMU does not start.
    pub fn switch_on(hardware: &Hardware, at: Surroundings<'_>) -> anyhow::Result<Self> {
        let qemu = Qemu::start(hardware, at)?;
        let agent = Mutex::new(Agent::new(&hardware.name, qemu.agent_socket(), qemu.inbox()));
        Ok(Self {
            name: hardware.name.clone(),
            qemu,
            agent,
        })
    }

    fn agent(&self) -> MutexGuard<'_, Agent> {
        self.agent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Body for VirtualMachine {
    fn run(&self, command: &str, input: &[u8], limit: Duration) -> anyhow::Result<Output> {
        self.agent().run(command, input, limit)
    }

    fn wait_until_answers(&self, limit: Duration) -> anyhow::Result<()> {
        self.agent().synchronize(limit)
    }

    fn boot(&self) -> anyhow::Result<()> {
        self.qemu.boot()
    }

    fn power_off_hard(&self) -> anyhow::Result<()> {
        self.qemu.freeze()
    }

    fn power_off(&self, limit: Duration) -> anyhow::Result<()> {
        self.qemu.press_power_button()?;
        let done = poll(limit, || Ok(self.qemu.has_shut_down()?.then_some(())))?;
        done.with_context(|| format!("{}: not shut down after {} s", self.name, limit.as_secs()))
    }

    fn plug_network(&self, plugged: bool) -> anyhow::Result<()> {
        self.qemu.plug_network(plugged)
    }

    fn freeze(&self, _frozen: bool) -> anyhow::Result<()> {
        bail!(
            "{} is a virtual machine: its kernel would stand still as well\n\nhint: --lab container",
            self.name
        )
    }

    fn stand_still(&self, _limit: Duration) -> anyhow::Result<()> {
        self.qemu.freeze()
    }

    fn save(&self, name: &str) -> anyhow::Result<()> {
        self.qemu.save(name)
    }

    fn load(&self, name: &str) -> anyhow::Result<()> {
        self.qemu.freeze()?;
        self.qemu.plug_network(true)?;
        self.qemu.load(name)
    }

    fn go_on(&self) -> anyhow::Result<()> {
        self.qemu.go_on()
    }

    fn set_clock(&self, when: SystemTime) -> anyhow::Result<()> {
        let time = when
            .duration_since(SystemTime::UNIX_EPOCH)
            .context("a time before 1970")?;
        let command = format!("date --utc --set=@{:.6}", time.as_secs_f64());
        let output = self.run(&command, b"", HANGS)?;
        ensure!(output.status == 0, "{}: {}", self.name, output.error_text());
        Ok(())
    }

    fn console(&self) -> PathBuf {
        self.qemu.console().to_path_buf()
    }
}
