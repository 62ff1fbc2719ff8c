//! What is there already.

use std::collections::BTreeSet;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use super::tree;

/// A file that is there.
pub(super) struct Found {
    /// What is in it, or in words what it is when it is no regular file.
    pub(super) text: Vec<u8>,
    pub(super) mode: u32,
    pub(super) regular: bool,
    /// Its user id.
    pub(super) owner: u32,
}

/// The file at a path, or none.
///
/// # Errors
/// When there is a directory, or it cannot be read.
pub(super) fn look(path: &Path) -> Result<Option<Found>> {
    let metadata = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        Err(error) => return Err(error).with_context(|| format!("cannot examine `{}`", path.display())),
    };
    if metadata.is_dir() {
        bail!(
            "`{}` is a directory, but must be a file\n\nhint: move the directory away",
            path.display()
        );
    }
    // A link is never ours, wherever it leads; its text is not read.
    let regular = metadata.is_file();
    let read = if regular {
        fs::read(path)
    } else if metadata.is_symlink() {
        fs::read_link(path).map(|target| format!("(a symbolic link to {})\n", target.display()).into_bytes())
    } else {
        Ok(b"(neither a file nor a link)\n".to_vec())
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

/// What waits beside the places of these files, and of others in their directories.
pub(super) fn strays(root: &Path, files: &[&Path]) -> Result<Vec<PathBuf>> {
    let folders: BTreeSet<PathBuf> = files
        .iter()
        .filter_map(|file| file.parent())
        .map(|folder| root.join(folder))
        .collect();
    let mut strays = Vec::new();
    for folder in folders {
        strays.extend(entries(&folder)?.into_iter().filter(|path| tree::is_beside(path)));
    }
    Ok(strays)
}

/// What is in a directory; nothing when it is none.
pub(super) fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(Vec::new());
        }
        entries => entries.with_context(|| format!("cannot read the directory `{}`", folder.display()))?,
    };
    entries
        .map(|entry| {
            Ok(entry
                .with_context(|| format!("cannot read the directory `{}`", folder.display()))?
                .path())
        })
        .collect()
}
