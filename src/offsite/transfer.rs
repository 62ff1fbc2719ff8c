//! Copies snapshots into another repository, with its own password and keep policy.
//!
//! Only those snapshots are copied that the other repository's policy keeps: a policy applied after each copy would
//! remove the others again every night.

#![expect(clippy::disallowed_methods, reason = "this module starts restic for a copy")]

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context, Result, bail};
use nix::sys::signal::Signal;
use serde::Deserialize;

use super::process::{self, Ended, Heard, Next, Stop};
use super::progress::{Progress, Watcher};
use crate::model::{KeepPolicy, Rate, RepositoryAddress, ResticVersion};

/// The tag of the snapshots that the fleet's runs make.
const TAG: &str = "genbackup";
/// restic's exit status, since 0.17, for a repository that does not exist.
const NO_REPOSITORY: i32 = 10;

/// A repository and another one that gets some of its snapshots.
#[derive(Clone, Copy)]
pub struct Transfer<'t> {
    /// The directory of the repository, which is only read.
    pub repository: &'t Path,
    /// The file with its password.
    pub password_file: &'t Path,
    /// The other repository.
    pub to: &'t RepositoryAddress,
    /// The file with the password of that one.
    pub to_password_file: &'t Path,
    /// The credential of its backend, for restic's environment.
    pub environment: &'t [(String, String)],
    /// Options of restic, such as how ssh is started.
    pub options: &'t [String],
    /// Which snapshots it keeps of each host.
    pub keep: &'t KeepPolicy,
    /// The oldest restic that this host may have.
    pub restic: ResticVersion,
    /// How fast it may be sent to.
    pub bandwidth: Option<Rate>,
    /// A directory for restic's cache.
    pub cache: &'t Path,
    /// Whether it was complete once: then it is not made anew.
    pub was_complete: bool,
    /// Why to stop now, if it is time to.
    pub stop: Stop<'t>,
    /// Who is told how far it is.
    pub watcher: Watcher<'t>,
}

/// What was done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Transferred {
    /// How many snapshots the other repository got.
    pub copied: usize,
    /// How many it forgot.
    pub removed: usize,
    /// How many it has.
    pub snapshots: usize,
}

/// The snapshots of a host that forget would keep, or would remove.
#[derive(Deserialize)]
struct Group {
    #[serde(default)]
    keep: Option<Vec<Listed>>,
    #[serde(default)]
    remove: Option<Vec<Listed>>,
}

#[derive(Deserialize)]
struct Listed {
    id: String,
    #[serde(default)]
    original: Option<String>,
}

impl Transfer<'_> {
    /// Copies, then forgets and prunes there.
    ///
    /// # Errors
    /// When restic fails, or it is time to stop; then the other repository is valid.
    pub fn run(&self) -> Result<Transferred> {
        self.make_sure_of_repository()?;
        let new = self.preview()?;
        if !new.is_empty() {
            let mut copy = self.with_source(&["copy", "--no-lock"]);
            copy.args(&new);
            let done = AtomicU64::new(0);
            let of = new.len() as u64;
            (self.watcher)(Progress::Snapshots { done: 0, of });
            self.watched(copy, "copy the snapshots", &|line| {
                if is_about_a_copied_snapshot(line) {
                    let done = done.fetch_add(1, Ordering::Relaxed) + 1;
                    (self.watcher)(Progress::Snapshots { done, of });
                }
            })?;
        }
        let removed = self.forget()?;
        Ok(Transferred {
            copied: new.len(),
            removed,
            snapshots: self.there()?.len(),
        })
    }

    /// The ids of the snapshots that would be copied.
    ///
    /// # Errors
    /// When restic fails.
    pub fn preview(&self) -> Result<Vec<String>> {
        let there = self.there()?;
        let wanted = self.wanted()?.into_iter().map(|listed| listed.id);
        Ok(wanted.filter(|id| !there.contains(id)).collect())
    }

    /// Makes the other repository when it does not exist yet. It cuts files at the same places, or nothing would be
    /// shared between two copies of a file.
    fn make_sure_of_repository(&self) -> Result<()> {
        let mut look = self.command(&["cat", "config", "--no-lock"]);
        let (ended, said) = self.heard(&mut look, &|_| {})?;
        let is_missing = ended.status == Some(NO_REPOSITORY)
            || said
                .iter()
                .any(|line| line.contains("Is there a repository at the following location?"));
        match ended.status {
            Some(0) => return Ok(()),
            _ if !is_missing => bail!("cannot open {}: {}", self.to, why(&ended, &said)),
            _ => {}
        }
        if self.was_complete {
            bail!("the copy is gone: there is no repository at {}", self.to);
        }
        self.done(
            self.with_source(&["init", "--copy-chunker-params"]),
            "make the repository of the copy",
        )?;
        Ok(())
    }

    /// The snapshots that the policy keeps of those that there are.
    fn wanted(&self) -> Result<Vec<Listed>> {
        let mut forget = self.restic();
        forget
            .arg("--repo")
            .arg(self.repository)
            .arg("--password-file")
            .arg(self.password_file)
            .args([
                "--no-lock",
                "forget",
                "--dry-run",
                "--json",
                "--tag",
                TAG,
                "--group-by",
                "host",
            ]);
        self.add_policy(&mut forget);
        let groups = self.groups(forget, "list the snapshots")?;
        Ok(groups
            .into_iter()
            .flat_map(|group| group.keep.unwrap_or_default())
            .collect())
    }

    /// The ids, in this repository, of the snapshots that the other one has.
    fn there(&self) -> Result<BTreeSet<String>> {
        let output = self.done(
            self.command(&["snapshots", "--json", "--no-lock", "--tag", TAG]),
            "list the snapshots of the copy",
        )?;
        let listed: Vec<Listed> =
            serde_json::from_slice(&output).context("cannot read restic's list of snapshots")?;
        Ok(listed
            .into_iter()
            .map(|listed| listed.original.unwrap_or(listed.id))
            .collect())
    }

    /// Applies the policy there.
    fn forget(&self) -> Result<usize> {
        let mut forget = self.command(&["forget", "--json", "--prune", "--tag", TAG, "--group-by", "host"]);
        self.add_policy(&mut forget);
        let groups = self.groups(forget, "forget snapshots of the copy")?;
        Ok(groups
            .iter()
            .filter_map(|group| group.remove.as_ref())
            .map(Vec::len)
            .sum())
    }

    fn groups(&self, command: Command, what: &str) -> Result<Vec<Group>> {
        let output = self.done(command, what)?;
        // What prune says follows in lines of its own.
        let line = output.split(|byte| *byte == b'\n').next().unwrap_or_default();
        serde_json::from_slice(line)
            .with_context(|| format!("cannot {what}: cannot read what restic printed"))
    }

    fn add_policy(&self, command: &mut Command) {
        for rule in self.keep.rules() {
            command.arg(rule.option()).arg(rule.value(self.restic));
        }
    }

    /// restic on the other repository.
    fn command(&self, arguments: &[&str]) -> Command {
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
    fn with_source(&self, arguments: &[&str]) -> Command {
        let mut command = self.command(arguments);
        command
            .arg("--from-repo")
            .arg(self.repository)
            .arg("--from-password-file")
            .arg(self.password_file);
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
        let mut said = Vec::new();
        // Every version of restic removes its lock on SIGINT.
        let heard = Heard {
            output: each,
            errors: &mut |line| {
                if said.len() < 1000 {
                    said.push(String::from_utf8_lossy(line).into_owned());
                }
                Next::Continue
            },
        };
        let ended = process::run(command, "", self.stop, Signal::SIGINT, heard)?;
        Ok((ended, said))
    }

    fn done(&self, command: Command, what: &str) -> Result<Vec<u8>> {
        self.watched(command, what, &|_| {})
    }

    /// The same; `each` hears each line of its standard output.
    fn watched(&self, mut command: Command, what: &str, each: &(dyn Fn(&[u8]) + Sync)) -> Result<Vec<u8>> {
        let (ended, said) = self.heard(&mut command, each)?;
        if ended.status == Some(0) {
            return Ok(ended.output);
        }
        bail!("cannot {what}: {}", why(&ended, &said))
    }
}

/// `snapshot 1a2b3c4d saved`: what restic prints once a snapshot is in the other repository.
fn is_about_a_copied_snapshot(line: &[u8]) -> bool {
    line.starts_with(b"snapshot ") && line.trim_ascii_end().ends_with(b" saved")
}

fn why(ended: &Ended, said: &[String]) -> String {
    let telling = said.iter().rfind(|line| line.starts_with("Fatal: "));
    let last = telling.or_else(|| said.iter().rfind(|line| !line.trim().is_empty()));
    match (last, ended.status) {
        (Some(last), _) => crate::text::harmless(last),
        (None, Some(status)) => format!("restic exited with {status}"),
        (None, None) => "a signal ended restic".to_owned(),
    }
}
