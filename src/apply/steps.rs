//! What a change does to the files of a machine, in its order.

use std::fmt;
use std::path::PathBuf;

use anyhow::Result;

use super::change::Change;
use super::changes::Changes;
use super::manifest::{self, Manifest};
use super::tree::{Staged, staging_path};
use crate::text::counted;

/// What a change does to the files of a machine, in this order. It removes the strays and writes all texts
/// next to their places. It moves all but the last into place, and removes the files that go. The last one,
/// the manifest, comes at the end.
#[derive(Debug)]
pub(crate) struct Steps {
    /// What an interrupted call left.
    pub(crate) strays: Vec<PathBuf>,
    /// The manifest that knows both states first, the one that knows the new state last.
    pub(crate) staged: Vec<Staged>,
    /// Files that go.
    pub(crate) remove: Vec<PathBuf>,
    /// How many files are written and removed, without manifests.
    pub(crate) counts: Counts,
}

/// How many files a transaction writes and removes.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    /// Created or replaced.
    pub written: usize,
    /// Gone.
    pub removed: usize,
}

impl fmt::Display for Counts {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let written = counted(self.written, "file");
        write!(formatter, "{written} written, {} removed", self.removed)
    }
}

impl Changes {
    /// The steps of this change.
    ///
    /// # Errors
    /// When a manifest cannot be written as JSON, which no path of ours causes.
    pub(crate) fn steps(&self) -> Result<Steps> {
        let (written, removed) = self.counts();
        let Self {
            root,
            manifest,
            known,
            wanted,
            files,
            strays,
            notes: _,
        } = self;
        let manifest = root.join(manifest);
        let staged = |place: PathBuf, text: String, mode: u32| Staged {
            waiting: staging_path(&place),
            place,
            text,
            mode,
        };
        let mut all = vec![staged(manifest.clone(), both(known, wanted).to_text()?, 0o644)];
        let mut remove = Vec::new();
        for (path, change) in files {
            match change {
                Change::Create(artifact) | Change::Update(artifact, _) | Change::Overwrite(artifact, _) => {
                    let mode = artifact.access.mode();
                    all.push(staged(root.join(path), artifact.content.clone(), mode));
                }
                Change::Remove(_) => remove.push(root.join(path)),
                Change::Leave => {}
            }
        }
        all.push(Staged {
            waiting: staging_path(&manifest::last(&manifest)),
            place: manifest,
            text: wanted.to_text()?,
            mode: 0o644,
        });
        Ok(Steps {
            strays: strays.clone(),
            staged: all,
            remove,
            counts: Counts { written, removed },
        })
    }
}

/// Each file's old and new hashes: in either state it is ours.
fn both(known: &Manifest, wanted: &Manifest) -> Manifest {
    let mut both = Manifest::new();
    both.genbackup = both.genbackup.max(known.genbackup);
    both.files.clone_from(&known.files);
    for (path, hashes) in &wanted.files {
        both.files
            .entry(path.clone())
            .or_default()
            .extend(hashes.iter().cloned());
    }
    both
}
