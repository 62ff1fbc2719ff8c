//! One machine of the lab, in the words that stories are told in.
//!
//! The verbs stand by what they act on: `shell`, `files`, `power`, `network`, `clock`; `snapshot` has the lab's.

mod clock;
mod files;
mod network;
mod power;
mod shell;
mod snapshot;

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use shell_quote::{Bash, QuoteRefExt};

use crate::agent::Agent;
use crate::hardware::Hardware;
use crate::qemu::{Qemu, Surroundings};
use crate::release::Release;

pub(crate) use shell::told;

/// From a loaded snapshot to the first answer, or from a plugged cable to an address.
const WAKE_LIMIT: Duration = Duration::from_secs(60);

/// One machine of the lab. Its verbs take the machine as shared, so that several threads can use several machines.
#[derive(Debug)]
pub struct Machine {
    name: String,
    address: String,
    release: Release,
    qemu: Qemu,
    agent: Mutex<Agent>,
}

impl Machine {
    /// Switches a new machine on. Call it from the thread that owns the lab: see [`Qemu::start`].
    ///
    /// # Errors
    /// When QEMU does not start.
    pub fn switch_on(hardware: &Hardware, at: Surroundings<'_>) -> anyhow::Result<Self> {
        let qemu = Qemu::start(hardware, at)?;
        let agent = Mutex::new(Agent::new(&hardware.name, qemu.agent_socket(), qemu.inbox()));
        let address = format!("10.77.0.{}", hardware.number);
        Ok(Self {
            name: hardware.name.clone(),
            address,
            release: hardware.release,
            qemu,
            agent,
        })
    }

    /// Its host name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The Debian that it runs.
    #[must_use]
    pub fn release(&self) -> Release {
        self.release
    }

    /// Its address on the private network.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Its network's length of prefix included, for example `10.77.0.1/24`.
    #[must_use]
    pub fn address_with_prefix(&self) -> String {
        format!("{}/24", self.address)
    }

    /// The file with everything it said on its console.
    #[must_use]
    pub fn console(&self) -> &Path {
        self.qemu.console()
    }

    /// Where its console and QEMU's own complaints are.
    pub(crate) fn logs(&self) -> [PathBuf; 2] {
        [
            self.console().to_path_buf(),
            self.console().with_file_name(format!("{}-qemu.log", self.name)),
        ]
    }

    fn agent(&self) -> MutexGuard<'_, Agent> {
        self.agent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A word of a shell command, whatever is in it.
#[must_use]
pub fn quoted(word: &str) -> String {
    word.quoted(Bash)
}
