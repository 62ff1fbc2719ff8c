//! Which files of a repository are settled.
//!
//! A pack is settled while an index file names it that genbackup made or verified. So packs and index files are
//! recorded in groups: the index files of a group name all its packs. If one of them is missing, for example because a
//! prune was cut off, the whole group is verified again.

use std::collections::BTreeSet;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use super::found::{Files, Found};
use crate::apply;

/// What is settled.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct State {
    groups: Vec<Group>,
    /// The settled snapshots.
    pub(super) snapshots: BTreeSet<String>,
    /// True from before forget and prune until the state is recorded again: new index files may be theirs.
    #[serde(default)]
    pub(super) maintaining: bool,
    /// True if there was no state, until all snapshots are judged once.
    #[serde(default)]
    pub(super) is_lost: bool,
}

/// Index files, and the packs that they name together.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Group {
    pub(super) indexes: BTreeSet<String>,
    pub(super) packs: BTreeSet<String>,
}

/// The names of the files that are not settled.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Unsettled {
    /// The packs.
    pub packs: BTreeSet<String>,
    /// The index files.
    pub indexes: BTreeSet<String>,
    /// The snapshots.
    pub snapshots: BTreeSet<String>,
}

impl Unsettled {
    /// True if everything is settled.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let Self {
            packs,
            indexes,
            snapshots,
        } = self;
        packs.is_empty() && indexes.is_empty() && snapshots.is_empty()
    }
}

impl State {
    /// Reads the state. One that is missing or damaged is lost: then nothing is settled.
    ///
    /// # Errors
    /// When the file exists and the disk does not return it.
    pub(super) fn read(path: &Path) -> Result<Self> {
        let lost = Self {
            is_lost: true,
            ..Self::default()
        };
        match fs::read(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(lost),
            Err(error) => Err(error).with_context(|| format!("cannot read `{}`", path.display())),
            Ok(text) => Ok(serde_json::from_slice(&text).unwrap_or(lost)),
        }
    }

    /// All files of a repository as settled.
    pub(super) fn of_all(found: &Found) -> Self {
        let names = |files: &Files| files.keys().cloned().collect();
        let group = Group {
            indexes: names(&found.indexes),
            packs: names(&found.packs),
        };
        Self {
            groups: vec![group],
            snapshots: names(&found.snapshots),
            ..Self::default()
        }
    }

    /// Replaces the state. A reader gets the old or the new one, whole, also after a power cut.
    pub(super) fn put(&self, path: &Path) -> Result<()> {
        let text = serde_json::to_string(self)? + "\n";
        apply::replace(path, text.as_bytes())
    }

    /// The groups whose index files exist.
    fn whole(&self, found: &Found) -> impl Iterator<Item = &Group> {
        let is_whole = |group: &&Group| {
            group
                .indexes
                .iter()
                .all(|index| found.indexes.contains_key(index))
        };
        self.groups.iter().filter(is_whole)
    }

    /// What is not settled.
    pub(super) fn unsettled(&self, found: &Found) -> Unsettled {
        let packs: BTreeSet<&String> = self.whole(found).flat_map(|group| &group.packs).collect();
        let indexes: BTreeSet<&String> = self.whole(found).flat_map(|group| &group.indexes).collect();
        let missing = |files: &Files, settled: &BTreeSet<&String>| {
            let names = files.keys().filter(|name| !settled.contains(name));
            names.cloned().collect()
        };
        Unsettled {
            packs: missing(&found.packs, &packs),
            indexes: missing(&found.indexes, &indexes),
            snapshots: missing(&found.snapshots, &self.snapshots.iter().collect()),
        }
    }

    /// The settled packs that the repository no longer has, although its index names them.
    pub(super) fn missing_packs(&self, found: &Found) -> Vec<String> {
        let packs = self.whole(found).flat_map(|group| &group.packs);
        let missing = packs.filter(|pack| !found.packs.contains_key(*pack));
        missing.cloned().collect()
    }

    /// True if a settled pack has this name.
    pub(super) fn has_pack(&self, pack: &str) -> bool {
        self.groups.iter().any(|group| group.packs.contains(pack))
    }

    /// Adds what was verified, and drops groups that are not whole: their packs were verified again.
    pub(super) fn add(&mut self, groups: Vec<Group>, found: &Found) {
        self.groups = self.whole(found).cloned().chain(groups).collect();
        self.snapshots.retain(|id| found.snapshots.contains_key(id));
    }
}
