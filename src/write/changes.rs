//! What would change on the disk.

use std::collections::BTreeSet;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use similar::TextDiff;

use super::manifest::{self, Known, MANIFEST, Manifest, hash};
use super::tree;
use crate::emit::{Access, Artifact, UNIT_FOLDER};

/// Where a host's files go.
#[derive(Debug, Clone)]
pub struct Place {
    /// What stands before every path: `/`, or a folder where a host's files are staged.
    pub root: PathBuf,
    /// Where units go, below the root; [`UNIT_FOLDER`] unless somebody wants them elsewhere.
    pub units: PathBuf,
}

/// What happens to one file.
#[derive(Debug)]
pub enum Change {
    /// It is not there yet.
    Create(Artifact),
    /// It is ours, and old.
    Update(Artifact, Vec<u8>),
    /// It is there with another text that we did not write.
    Overwrite(Artifact, Vec<u8>),
    /// It is ours, and no longer wanted.
    Remove(Vec<u8>),
    /// It is no longer wanted, but was changed by hand: it stays.
    Leave,
}

/// What would change, file by file.
#[derive(Debug)]
pub struct Changes {
    pub(super) root: PathBuf,
    pub(super) known: Manifest,
    pub(super) wanted: Manifest,
    pub(super) files: Vec<(PathBuf, Change)>,
    /// What an interrupted call left beside the places of its files.
    pub(super) strays: Vec<PathBuf>,
    /// What a person should know: the manifest can't be read, a file was left.
    pub notes: Vec<String>,
}

impl Place {
    /// A root, with the units at their usual place.
    #[must_use]
    pub fn below(root: impl Into<PathBuf>) -> Self {
        Self {
            root: root.into(),
            units: PathBuf::from(UNIT_FOLDER),
        }
    }

    /// The artifact's path below the root, without a leading `/`.
    fn relative(&self, artifact: &Artifact) -> PathBuf {
        let path = match artifact.path.strip_prefix(UNIT_FOLDER) {
            Some(unit) => self.units.join(unit.trim_start_matches('/')),
            None => PathBuf::from(&artifact.path),
        };
        path.strip_prefix("/").map(Path::to_path_buf).unwrap_or(path)
    }
}

impl Changes {
    /// Compares what is wanted with what is there.
    ///
    /// # Errors
    /// When a file that is there can't be read.
    pub fn between(place: &Place, artifacts: &[Artifact]) -> Result<Self> {
        let mut notes = Vec::new();
        let known = match manifest::read(&place.root) {
            Known::Files(manifest) => manifest,
            Known::Unreadable(why) => {
                let path = place.root.join(MANIFEST);
                notes.push(format!(
                    "{} can't be read, so nothing is deleted: {why}",
                    path.display()
                ));
                Manifest::default()
            }
        };
        let mut wanted = Manifest::default();
        let mut changes = Vec::new();
        for artifact in artifacts {
            let path = place.relative(artifact);
            wanted
                .files
                .insert(path.clone(), [hash(artifact.content.as_bytes())].into());
            if let Some(change) = compare(&place.root, &path, artifact, &known)? {
                changes.push((path, change));
            }
        }
        for path in known
            .files
            .keys()
            .filter(|path| !wanted.files.contains_key(*path))
        {
            let Some(Found { text, .. }) = look(&place.root.join(path))? else {
                continue;
            };
            let change = if known.lists(path, &text) {
                Change::Remove(text)
            } else {
                notes.push(format!(
                    "{} is no longer needed, but was changed by hand: it stays",
                    path.display()
                ));
                Change::Leave
            };
            changes.push((path.clone(), change));
        }
        let files = known.files.keys().chain(wanted.files.keys());
        let files: Vec<&Path> = files.map(PathBuf::as_path).collect();
        let strays = strays(&place.root, &files)?;
        Ok(Self {
            root: place.root.clone(),
            known,
            wanted,
            files: changes,
            strays,
            notes,
        })
    }

    /// True when there is nothing to do: also no manifest to complete and nothing to clean up after an
    /// interrupted call.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        !self.changes_files() && self.strays.is_empty() && self.known == self.wanted
    }

    /// True when a file would be written or removed.
    #[must_use]
    pub fn changes_files(&self) -> bool {
        !self
            .files
            .iter()
            .all(|(_, change)| matches!(change, Change::Leave))
    }

    /// The files that somebody else wrote or changed, and that we would overwrite.
    pub fn overwritten(&self) -> impl Iterator<Item = PathBuf> {
        self.files
            .iter()
            .filter(|(_, change)| matches!(change, Change::Overwrite(..)))
            .map(|(path, _)| self.root.join(path))
    }

    /// How many files are written and how many removed.
    #[must_use]
    pub fn counts(&self) -> (usize, usize) {
        let removed = self
            .files
            .iter()
            .filter(|(_, change)| matches!(change, Change::Remove(_)))
            .count();
        let left = self
            .files
            .iter()
            .filter(|(_, change)| matches!(change, Change::Leave))
            .count();
        (self.files.len() - removed - left, removed)
    }

    /// The changes as a unified diff.
    #[must_use]
    pub fn diff(&self) -> String {
        self.files
            .iter()
            .filter_map(|(path, change)| {
                let (old, new): (&[u8], &str) = match change {
                    Change::Create(new) => (&[], &new.content),
                    Change::Update(new, old) | Change::Overwrite(new, old) => (old, &new.content),
                    Change::Remove(old) => (old, ""),
                    Change::Leave => return None,
                };
                let path = self.root.join(path);
                let before = if matches!(change, Change::Create(_)) {
                    "/dev/null".to_owned()
                } else {
                    path.display().to_string()
                };
                let after = if matches!(change, Change::Remove(_)) {
                    "/dev/null".to_owned()
                } else {
                    path.display().to_string()
                };
                let old = String::from_utf8_lossy(old);
                Some(if old == new {
                    format!("--- {before}\n+++ {after}\n(its mode or owner changes)\n")
                } else {
                    TextDiff::from_lines(old.as_ref(), new)
                        .unified_diff()
                        .header(&before, &after)
                        .to_string()
                })
            })
            .collect()
    }
}

/// What waits beside the places of these files, and of others in their folders.
fn strays(root: &Path, files: &[&Path]) -> Result<Vec<PathBuf>> {
    let folders: BTreeSet<PathBuf> = files
        .iter()
        .copied()
        .chain([Path::new(MANIFEST)])
        .filter_map(|file| file.parent())
        .map(|folder| root.join(folder))
        .collect();
    let mut strays = Vec::new();
    for folder in folders {
        let entries = match fs::read_dir(&folder) {
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => continue,
            entries => entries.with_context(|| format!("can't look into {}", folder.display()))?,
        };
        for entry in entries {
            let path = entry
                .with_context(|| format!("can't look into {}", folder.display()))?
                .path();
            if tree::is_beside(&path) {
                strays.push(path);
            }
        }
    }
    Ok(strays)
}

/// A file that is there.
struct Found {
    text: Vec<u8>,
    mode: u32,
    regular: bool,
    owner: (u32, u32),
}

fn compare(root: &Path, path: &Path, artifact: &Artifact, known: &Manifest) -> Result<Option<Change>> {
    let Some(found) = look(&root.join(path))? else {
        return Ok(Some(Change::Create(artifact.clone())));
    };
    let same_text = found.regular && found.text == artifact.content.as_bytes();
    let ours = nix::unistd::geteuid().as_raw();
    let same_access = found.mode == mode(artifact.access) && found.owner.0 == ours;
    let artifact = artifact.clone();
    Ok(match (same_text, same_access) {
        (true, true) => None,
        (true, false) => Some(Change::Update(artifact, found.text)),
        _ if found.regular && known.lists(path, &found.text) => Some(Change::Update(artifact, found.text)),
        _ => Some(Change::Overwrite(artifact, found.text)),
    })
}

fn mode(access: Access) -> u32 {
    access.mode()
}

fn look(path: &Path) -> Result<Option<Found>> {
    let metadata = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        Err(error) => return Err(error).with_context(|| format!("can't look at {}", path.display())),
    };
    if metadata.is_dir() {
        bail!(
            "{} is a folder, where a file belongs\n\nhint: move it away",
            path.display()
        );
    }
    // A link is never ours, wherever it leads; its text is not read.
    let regular = metadata.is_file();
    let text = match regular.then(|| fs::read(path)) {
        // Gone meanwhile.
        Some(Err(error)) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Some(text) => text.with_context(|| format!("can't read {}", path.display()))?,
        None => Vec::new(),
    };
    Ok(Some(Found {
        text,
        mode: metadata.permissions().mode() & 0o7777,
        regular,
        owner: (metadata.uid(), metadata.gid()),
    }))
}
