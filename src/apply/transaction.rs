//! Makes changes so that no file is ever half-written, however it ends.
//!
//! All new texts are first written next to their places and brought to the disk by one syncfs(2); only then
//! are they renamed. A disk that fills up is noticed before the first file has changed.

use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use anyhow::{Context, Result};
use nix::fcntl::Flock;
use nix::sys::resource::{Resource, getrlimit, setrlimit};

use super::changes::Changes;
use super::note::Note;
use super::place::Place;
use super::refused::{foreign, of_newer};
use super::steps::{Counts, Steps};
use super::tree::{Tree, remove};
use crate::emit::Artifact;
use crate::model::Release;

/// Whether files that somebody else wrote or changed are overwritten.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overwrite {
    /// They are refused, and nothing is written.
    Never,
    /// They are.
    Always,
}

/// Changes that are written next to their places, and not yet in force. Dropped without
/// [`Transaction::commit`], it takes back what it wrote.
#[derive(Debug, Default)]
pub struct Transaction {
    trees: Vec<(Tree, Vec<PathBuf>)>,
    /// The locks of trees that are as they should be.
    kept: Vec<Flock<File>>,
    counts: Counts,
    notes: Vec<Note>,
    /// Files that we may not overwrite, each with the difference.
    foreign: Vec<(PathBuf, String)>,
    /// Roots whose files a newer genbackup wrote.
    newer: Vec<(PathBuf, Release)>,
}

impl Transaction {
    /// Writes the texts that have changed next to their places. A file that we may not overwrite is no error
    /// yet: [`Transaction::commit`] refuses all of them at once.
    ///
    /// # Errors
    /// When somebody else is writing here, or when a text cannot be written. Then nothing has changed.
    pub fn stage(&mut self, place: &Place, artifacts: &[Artifact], overwrite: Overwrite) -> Result<()> {
        if self.trees.is_empty() && self.kept.is_empty() {
            allow_many_locks()?;
        }
        if let Some(before) = written_as(place) {
            let changes = Changes::between(place, artifacts)?;
            if changes.is_empty() {
                // What is as it should be stays so until the other trees are in force, too.
                let kept = Tree::keep(&place.root, &place.manifest)?;
                if written_as(place) == Some(before) {
                    self.notes.extend(changes.notes);
                    self.kept.push(kept);
                    return Ok(());
                }
            }
        }
        let mut tree = Tree::lock(&place.root, &place.manifest)?;
        // Somebody else may have been at it until now.
        let changes = Changes::between(place, artifacts)?;
        if overwrite == Overwrite::Never {
            let others = (self.foreign.len(), self.newer.len());
            self.foreign.extend(changes.overwritten());
            self.newer
                .extend(changes.newer().map(|release| (changes.root.clone(), release)));
            if (self.foreign.len(), self.newer.len()) != others {
                self.notes.extend(changes.notes);
                return Ok(());
            }
        }
        let Steps {
            strays,
            staged,
            remove: to_remove,
            counts,
        } = changes.steps()?;
        for stray in strays {
            remove(&stray)?;
        }
        for text in staged {
            tree.stage(text)?;
        }
        self.notes.extend(changes.notes);
        self.trees.push((tree, to_remove));
        self.counts.written += counts.written;
        self.counts.removed += counts.removed;
        Ok(())
    }

    /// What a person should know of what is staged.
    #[must_use]
    pub fn notes(&self) -> &[Note] {
        &self.notes
    }

    /// Puts everything that is staged in force.
    ///
    /// # Errors
    /// When there is a file that we may not overwrite; then nothing has changed. When the disk refuses; each file
    /// is then old or new, and the next call completes the change.
    pub fn commit(mut self) -> Result<Counts> {
        self.refuse_foreign()?;
        self.sync()?;
        for (tree, to_remove) in &mut self.trees {
            tree.put_in_force_but_last()?;
            for path in to_remove {
                remove(path)?;
            }
        }
        // The manifest comes last, once everything that it lists is on the disk.
        self.sync()?;
        for (tree, _) in &mut self.trees {
            tree.put_in_force()?;
        }
        self.sync()?;
        Ok(self.counts)
    }

    /// Refuses what [`Transaction::commit`] would refuse, for who has something to do between the two.
    ///
    /// # Errors
    /// When there is a file that we may not overwrite.
    pub(crate) fn refuse_foreign(&self) -> Result<()> {
        if !self.newer.is_empty() {
            return Err(of_newer(&self.newer));
        }
        if self.foreign.is_empty() {
            return Ok(());
        }
        Err(foreign(&self.foreign))
    }

    /// One syncfs(2) for all trees of one file system, instead of an fsync(2) a file.
    fn sync(&self) -> Result<()> {
        let mut synced = Vec::new();
        for (tree, _) in &self.trees {
            let root = tree.root();
            let directory = File::open(root).with_context(|| format!("cannot open `{}`", root.display()))?;
            let device = directory.metadata()?.dev();
            if !synced.contains(&device) {
                nix::unistd::syncfs(&directory)
                    .with_context(|| format!("cannot sync `{}`", root.display()))?;
                synced.push(device);
            }
        }
        Ok(())
    }
}

/// Which file the manifest of a place is, if there is one: each time that something is written there, it is another.
fn written_as(place: &Place) -> Option<(u64, u64, i64, i64)> {
    let manifest = place.manifest_file()?;
    Some((
        manifest.dev(),
        manifest.ino(),
        manifest.ctime(),
        manifest.ctime_nsec(),
    ))
}

/// Each tree has its lock, and each lock a file descriptor: a large fleet needs more than the usual 1024.
fn allow_many_locks() -> Result<()> {
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE).context("cannot read the limit of open files")?;
    setrlimit(Resource::RLIMIT_NOFILE, most, most).context("cannot raise the limit of open files")
}
