//! Stories as data: what is done and asserted stands in `vmtests/steps/*.toml`, and has two drivers. This is the lab's;
//! `nix/tests/driver.py` tells the same on NixOS.
//!
//! ```text
//! vmtests/steps/NAME.toml ─▶ read ─▶ Step ─▶ tell ─▶ expected
//! ```
//! CONTRIBUTING.md has the keys. Whatever both drivers have to refuse is in `vmtests/steps/mistakes`.

#[cfg(test)]
mod both_drivers;
mod expected;
mod read;
mod tell;

use std::num::NonZeroU64;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use serde::Deserialize;

pub use expected::Expected;
pub use read::read;
pub use tell::{Guest, tell};

use crate::agent::Output;
use crate::cache;
use crate::fleet;
use crate::lab::Lab;
use crate::machine::Machine;

/// Shell functions that every command of a step can call.
pub const FUNCTIONS: &str = include_str!("../steps/functions.bash");

/// A machine of the lab.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum On {
    /// The storage host.
    Jak,
    /// A client.
    Ziz,
    /// Another one.
    Kai,
}

impl On {
    /// Its host name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Jak => "jak",
            Self::Ziz => "ziz",
            Self::Kai => "kai",
        }
    }
}

/// What happens to a machine's power.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Power {
    /// It loses it, without warning.
    Off,
    /// It has it back, and boots until everything is started.
    On,
}

/// One step of a story.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Where it stands: `FILE:LINE`.
    pub place: String,
    /// Whom it is about.
    pub on: On,
    /// What is done.
    pub act: Act,
}

/// What a step does.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(variant_size_differences, reason = "a story has few steps")]
pub enum Act {
    /// Takes or gives power.
    Power(Power),
    /// Runs a shell command as root.
    Command(Box<Command>),
}

/// A shell command and what is expected of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// What it has to come to.
    pub end: End,
    /// The command.
    pub text: String,
    /// The seconds it has.
    pub within: NonZeroU64,
    /// The remembered output that is its standard input.
    pub input: Option<String>,
    /// What its standard output has to be.
    pub expected: Expected,
    /// The name that its standard output is remembered by.
    pub remember: Option<String>,
}

/// What a command has to come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// It succeeds.
    Success,
    /// It fails.
    Failure,
    /// It succeeds, when it is tried often enough.
    SuccessInTime,
}

/// The folder with the stories.
#[must_use]
pub fn folder() -> PathBuf {
    cache::workspace().join("vmtests/steps")
}

/// Tells the story of a name on the lab.
///
/// # Errors
/// When its file is not right, a step does not go as it says, or a run has left a record that its reader does not know.
pub fn story(lab: &Lab, name: &str) -> anyhow::Result<()> {
    let file = format!("{name}.toml");
    let text = std::fs::read_to_string(folder().join(&file)).with_context(|| file.clone())?;
    tell(&read(&file, &text)?, |on| match on {
        On::Jak => &lab.jak,
        On::Ziz => &lab.ziz,
        On::Kai => &lab.kai,
    })?;
    fleet::all_records_are_known(lab)
}

impl Guest for Machine {
    fn execute(&self, command: &str, input: &[u8], limit: Duration) -> anyhow::Result<Output> {
        self.run_within(command, input, limit)
    }

    fn set_power(&self, power: Power) -> anyhow::Result<()> {
        match power {
            Power::Off => self.power_off_hard(),
            Power::On => self.boot_again(),
        }
    }
}
