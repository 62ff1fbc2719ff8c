//! Copies snapshots into another repository, with its own password and keep policy.
//!
//! Only those snapshots are copied that the other repository's policy keeps: a policy applied after each copy would
//! remove the others again every night.

mod guard;
mod restic;

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context, Result};
use jiff::Timestamp;
use serde::Deserialize;

use super::limits::Limits;
use super::memory::{Memory, Source};
use super::process::Stop;
use super::progress::{Progress, Watcher};
use crate::model::{KeepPolicy, Rate, RepositoryAddress, ResticVersion};

/// The tag of the snapshots that the fleet's runs make.
const TAG: &str = "genbackup";

/// A repository and another one that gets some of its snapshots.
#[derive(Clone, Copy)]
pub(crate) struct Transfer<'t> {
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
    /// The limit of the upload rate.
    pub bandwidth: Option<Rate>,
    /// A directory for restic's cache.
    pub cache: &'t Path,
    /// What is known from the last time. A copy that was complete once is not made anew.
    pub memory: &'t Memory,
    /// How many snapshots may go at once.
    pub limits: Limits,
    /// Whether the repository may be another one this time.
    pub accepts_config: bool,
    /// The time.
    pub now: Timestamp,
    /// Why to stop now, if it is time to.
    pub stop: Stop<'t>,
    /// Gets the progress.
    pub watcher: Watcher<'t>,
}

/// What was done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Transferred {
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

/// The snapshots to copy.
struct Prepared {
    source: Source,
    /// Whether the other repository exists.
    exists: bool,
    new: Vec<String>,
}

/// What the policy does with the snapshots of the copy.
#[derive(Clone, Copy)]
struct Forgotten {
    kept: usize,
    removed: usize,
}

impl Transfer<'_> {
    /// Copies, then forgets and prunes there. Returns what was done, and what to remember of the repository.
    ///
    /// # Errors
    /// A [`Refusal`](super::Refusal); or why restic failed, or that it is time to stop: then the other repository is
    /// valid.
    pub(crate) fn run(&self) -> Result<(Transferred, Source)> {
        let Prepared { source, exists, new } = self.prepare()?;
        if !exists {
            self.make()?;
        }
        if !new.is_empty() {
            self.copy(&new)?;
        }
        let forgotten = self.forget(&["--dry-run"])?;
        self.guard_forget(forgotten)?;
        if forgotten.removed > 0 {
            self.forget(&["--prune"])?;
        }
        let transferred = Transferred {
            copied: new.len(),
            removed: forgotten.removed,
            snapshots: forgotten.kept,
        };
        Ok((transferred, source))
    }

    /// The ids of the snapshots that would be copied.
    ///
    /// # Errors
    /// A [`Refusal`](super::Refusal), or why restic failed.
    pub(crate) fn preview(&self) -> Result<Vec<String>> {
        Ok(self.prepare()?.new)
    }

    fn prepare(&self) -> Result<Prepared> {
        let (config, source) = self.source()?;
        let there = match self.open()? {
            None => None,
            Some(copy) => {
                self.guard_config(&config, &copy)?;
                Some(self.there()?)
            }
        };
        let exists = there.is_some();
        let there = there.unwrap_or_default();
        self.guard_source(&source, there.len())?;
        let wanted = self.wanted()?.into_iter().map(|listed| listed.id);
        let new = wanted.filter(|id| !there.contains(id)).collect();
        Ok(Prepared { source, exists, new })
    }

    /// Makes the other repository. It cuts files at the same places, or nothing would be shared between two copies of a
    /// file.
    fn make(&self) -> Result<()> {
        let init = self.with_source(&["init", "--copy-chunker-params"]);
        self.done(init, "make the repository of the copy").map(drop)
    }

    fn copy(&self, new: &[String]) -> Result<()> {
        let mut copy = self.with_source(&["copy", "--no-lock"]);
        copy.args(new);
        let done = AtomicU64::new(0);
        let of = new.len() as u64;
        (self.watcher)(Progress::Snapshots { done: 0, of });
        self.watched(copy, "copy the snapshots", &|line| {
            if is_about_a_copied_snapshot(line) {
                let done = done.fetch_add(1, Ordering::Relaxed) + 1;
                (self.watcher)(Progress::Snapshots { done, of });
            }
        })
        .map(drop)
    }

    /// The snapshots of the repository that the policy keeps.
    fn wanted(&self) -> Result<Vec<Listed>> {
        let mut forget = self.on_source();
        forget.args([
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

    /// Applies the keep policy to the copy, or lists what it would do.
    fn forget(&self, more: &[&str]) -> Result<Forgotten> {
        let mut forget = self.command(&["forget", "--json", "--tag", TAG, "--group-by", "host"]);
        forget.args(more);
        self.add_policy(&mut forget);
        let groups = self.groups(forget, "forget snapshots of the copy")?;
        let count = |listed: fn(&Group) -> &Option<Vec<Listed>>| {
            groups
                .iter()
                .filter_map(|group| listed(group).as_ref())
                .map(Vec::len)
                .sum()
        };
        Ok(Forgotten {
            kept: count(|group| &group.keep),
            removed: count(|group| &group.remove),
        })
    }

    fn groups(&self, command: Command, what: &str) -> Result<Vec<Group>> {
        let output = self.done(command, what)?;
        // The output of prune follows in separate lines.
        let line = output.split(|byte| *byte == b'\n').next().unwrap_or_default();
        // Without a snapshot, it prints nothing, or `null`.
        if line.trim_ascii().is_empty() {
            return Ok(Vec::new());
        }
        let groups: Option<Vec<Group>> = serde_json::from_slice(line)
            .with_context(|| format!("cannot {what}: cannot read what restic printed"))?;
        Ok(groups.unwrap_or_default())
    }

    fn add_policy(&self, command: &mut Command) {
        for rule in self.keep.rules() {
            command.arg(rule.option()).arg(rule.value(self.restic));
        }
    }
}

/// `snapshot 1a2b3c4d saved`: what restic prints once a snapshot is in the other repository.
fn is_about_a_copied_snapshot(line: &[u8]) -> bool {
    line.starts_with(b"snapshot ") && line.trim_ascii_end().ends_with(b" saved")
}
