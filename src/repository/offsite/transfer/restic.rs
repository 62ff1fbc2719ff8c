//! restic, on the repository and on the copy.

#![expect(clippy::disallowed_methods, reason = "this module starts restic for a copy")]

use std::process::Command;

use anyhow::{Context, Result, bail};
use nix::sys::signal::Signal;
use serde::Deserialize;

use super::Transfer;
use crate::repository::offsite::process::{self, Ended, Heard, Next};

/// restic's exit status, since 0.17, for a repository that does not exist.
const NO_REPOSITORY: i32 = 10;

/// What identifies a repository.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Config {
    pub(super) id: String,
    /// By which files are cut into pieces.
    pub(super) chunker_polynomial: String,
}

impl Transfer<'_> {
    /// The other repository, if it exists.
    pub(super) fn open(&self) -> Result<Option<Config>> {
        let mut look = self.command(&["cat", "config", "--no-lock"]);
        let (ended, messages) = self.heard(&mut look, &|_| {})?;
        if ended.status == Some(0) {
            return read(&ended.output).map(Some);
        }
        let is_missing = ended.status == Some(NO_REPOSITORY)
            || messages
                .iter()
                .any(|line| line.contains("Is there a repository at the following location?"));
        if !is_missing {
            bail!("cannot open {}: {}", self.to, why(&ended, &messages));
        }
        if self.memory.complete.is_some() {
            bail!("the copy is gone: there is no repository at {}", self.to);
        }
        Ok(None)
    }

    /// The repository whose snapshots are copied.
    pub(super) fn config(&self) -> Result<Config> {
        let mut look = self.on_source();
        look.args(["cat", "config"]);
        read(&self.done(look, "open the repository")?)
    }

    /// restic on the other repository.
    pub(super) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.restic();
        command
            .args(["--repo", self.to.as_str(), "--password-file"])
            .arg(self.to_password_file)
            .args(arguments);
        if let Some(rate) = self.bandwidth {
            command.arg(format!("--limit-upload={}", rate.kibibytes()));
        }
        command
    }

    /// The same, with this repository as the source.
    pub(super) fn with_source(&self, arguments: &[&str]) -> Command {
        let mut command = self.command(arguments);
        command
            .arg("--from-repo")
            .arg(self.repository)
            .arg("--from-password-file")
            .arg(self.password_file);
        command
    }

    /// restic on the repository, which it may not write, not even a lock.
    pub(super) fn on_source(&self) -> Command {
        let mut command = self.restic();
        command
            .arg("--repo")
            .arg(self.repository)
            .arg("--password-file")
            .arg(self.password_file)
            .arg("--no-lock");
        command
    }

    fn restic(&self) -> Command {
        let mut command = Command::new("restic");
        command
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .env("RESTIC_CACHE_DIR", self.cache)
            .args(self.options.iter().flat_map(|option| ["--option", option]));
        command
    }

    fn heard(&self, command: &mut Command, each: &(dyn Fn(&[u8]) + Sync)) -> Result<(Ended, Vec<String>)> {
        let mut messages = Vec::new();
        // Every version of restic removes its lock on SIGINT.
        let heard = Heard {
            output: each,
            errors: &mut |line| {
                if messages.len() < 1000 {
                    messages.push(String::from_utf8_lossy(line).into_owned());
                }
                Next::Continue
            },
        };
        let ended = process::run(command, "", self.stop, Signal::SIGINT, heard)?;
        Ok((ended, messages))
    }

    pub(super) fn done(&self, command: Command, what: &str) -> Result<Vec<u8>> {
        self.watched(command, what, &|_| {})
    }

    /// The same; `each` hears each line of its standard output.
    pub(super) fn watched(
        &self,
        mut command: Command,
        what: &str,
        each: &(dyn Fn(&[u8]) + Sync),
    ) -> Result<Vec<u8>> {
        let (ended, messages) = self.heard(&mut command, each)?;
        if ended.status == Some(0) {
            return Ok(ended.output);
        }
        bail!("cannot {what}: {}", why(&ended, &messages))
    }
}

fn read(output: &[u8]) -> Result<Config> {
    serde_json::from_slice(output).context("cannot read the configuration of a repository")
}

fn why(ended: &Ended, messages: &[String]) -> String {
    let fatal = messages.iter().rfind(|line| line.starts_with("Fatal: "));
    let last = fatal.or_else(|| messages.iter().rfind(|line| !line.trim().is_empty()));
    match (last, ended.status) {
        (Some(last), _) => crate::text::harmless(last),
        (None, Some(status)) => format!("restic exited with {status}"),
        (None, None) => "a signal ended restic".to_owned(),
    }
}
