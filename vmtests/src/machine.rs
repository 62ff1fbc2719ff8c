//! One machine of the lab, with the verbs that stories use.
//!
//! The verbs stand by what they act on: `shell`, `files`, `power`, `network`, `clock`; `snapshot` has the lab's.

mod clock;
mod files;
mod network;
mod power;
mod shell;
mod snapshot;

use std::path::PathBuf;

use shell_quote::{Bash, QuoteRefExt};

use crate::body::Body;
use crate::hardware::Hardware;
use crate::lab::Kind;
use crate::release::Release;

pub(crate) use shell::described;

/// One machine of the lab. Its verbs take the machine as shared, so that several threads can use several machines.
#[derive(Debug)]
pub struct Machine {
    hardware: Hardware,
    address: String,
    kind: Kind,
    body: Box<dyn Body>,
}

impl Machine {
    /// A machine of this hardware that is run by `body`.
    pub(crate) fn new(hardware: Hardware, kind: Kind, body: Box<dyn Body>) -> Self {
        Self {
            address: format!("10.77.0.{}", hardware.number),
            hardware,
            kind,
            body,
        }
    }

    /// What it is made of.
    #[must_use]
    pub fn hardware(&self) -> &Hardware {
        &self.hardware
    }

    /// Whether it is a virtual machine or a container.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Its host name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.hardware.name
    }

    /// The Debian that it runs.
    #[must_use]
    pub fn release(&self) -> Release {
        self.hardware.release
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

    /// Where its console is, and the messages of QEMU about it.
    pub(crate) fn logs(&self) -> [PathBuf; 2] {
        let console = self.body.console();
        let errors = console.with_file_name(format!("{}-qemu.log", self.name()));
        [console, errors]
    }
}

/// A word of a shell command, whatever is in it.
#[must_use]
pub fn quoted(word: &str) -> String {
    word.quoted(Bash)
}
