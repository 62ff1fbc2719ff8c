//! What is there already.

use crate::error::hinted;
use std::collections::BTreeSet;
use std::fs::{self, Metadata};
use std::io::ErrorKind;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::tree;

/// A file that is there.
pub(crate) struct Found {
    /// What is in it, or in words what it is when it is no regular file.
    pub(crate) text: Vec<u8>,
    pub(crate) mode: u32,
    pub(crate) regular: bool,
    /// Its user id.
    pub(crate) owner: u32,
}

/// The files of a machine: of this one, or of a client, as it reported them. A path begins with the root of
/// the place.
pub(crate) trait Files {
    /// The file at a path, or none.
    ///
    /// # Errors
    /// When there is a directory, or it cannot be read.
    fn look(&self, path: &Path) -> Result<Option<Found>>;

    /// The paths of what is in a directory; none where it is no directory.
    ///
    /// # Errors
    /// When it cannot be read.
    fn entries(&self, directory: &Path) -> Result<Vec<PathBuf>>;

    /// The same for a manifest: whatever is neither a directory nor a symbolic link is read as a file.
    ///
    /// # Errors
    /// As [`Files::look`].
    fn look_at_manifest(&self, path: &Path) -> Result<Option<Found>> {
        self.look(path)
    }

    /// Where a symbolic link leads; none where it is no link.
    fn target(&self, link: &Path) -> Option<PathBuf>;

    /// True for a directory.
    fn is_directory(&self, path: &Path) -> bool;

    /// The user id of the owner that our files have.
    fn owner(&self) -> u32;
}

/// The files of this machine.
#[derive(Debug, Clone, Copy)]
pub(super) struct Disk;

impl Files for Disk {
    fn look(&self, path: &Path) -> Result<Option<Found>> {
        // A link is never ours, wherever it leads; its text is not read.
        look(path, Metadata::is_file)
    }

    fn look_at_manifest(&self, path: &Path) -> Result<Option<Found>> {
        look(path, |metadata| !metadata.is_symlink())
    }

    fn entries(&self, directory: &Path) -> Result<Vec<PathBuf>> {
        let entries = match fs::read_dir(directory) {
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                return Ok(Vec::new());
            }
            entries => {
                entries.with_context(|| format!("cannot read the directory `{}`", directory.display()))?
            }
        };
        entries
            .map(|entry| {
                Ok(entry
                    .with_context(|| format!("cannot read the directory `{}`", directory.display()))?
                    .path())
            })
            .collect()
    }

    fn target(&self, link: &Path) -> Option<PathBuf> {
        fs::read_link(link).ok()
    }

    fn is_directory(&self, path: &Path) -> bool {
        path.is_dir()
    }

    fn owner(&self) -> u32 {
        nix::unistd::geteuid().as_raw()
    }
}

/// What is at a path. It counts as a regular file, and its text is read, where `is_file` is true of it.
fn look(path: &Path, is_file: impl Fn(&Metadata) -> bool) -> Result<Option<Found>> {
    let metadata = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        Err(error) => return Err(error).with_context(|| format!("cannot examine `{}`", path.display())),
    };
    if metadata.is_dir() {
        return Err(is_directory(path));
    }
    let regular = is_file(&metadata);
    let read = if regular {
        fs::read(path)
    } else if metadata.is_symlink() {
        fs::read_link(path).map(|target| link_to(&target))
    } else {
        Ok(NEITHER.to_vec())
    };
    let text = match read {
        // Gone meanwhile.
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        text => text.with_context(|| format!("cannot read `{}`", path.display()))?,
    };
    Ok(Some(Found {
        text,
        mode: metadata.permissions().mode() & 0o7777,
        regular,
        owner: metadata.uid(),
    }))
}

/// What stands for the text of what is no file.
pub(crate) const NEITHER: &[u8] = b"(neither a file nor a link)\n";

/// What stands for the text of a symbolic link.
pub(crate) fn link_to(target: &Path) -> Vec<u8> {
    format!("(a symbolic link to {})\n", target.display()).into_bytes()
}

/// What a directory is called where a file belongs.
pub(crate) fn is_directory(path: &Path) -> anyhow::Error {
    hinted!(
        what("`{}` is a directory, but must be a file", path.display()),
        hint("move the directory away")
    )
}

/// The staged texts next to the places of these files, and next to others in their directories.
pub(super) fn strays(system: &impl Files, root: &Path, files: &[&Path]) -> Result<Vec<PathBuf>> {
    let directories: BTreeSet<PathBuf> = files
        .iter()
        .filter_map(|file| file.parent())
        .map(|directory| root.join(directory))
        .collect();
    let mut strays = Vec::new();
    for directory in directories {
        strays.extend(
            system
                .entries(&directory)?
                .into_iter()
                .filter(|path| tree::is_staging_path(path)),
        );
    }
    Ok(strays)
}
