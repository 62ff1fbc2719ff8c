//! The only module that changes the disk: what would change, and the change itself.
//!
//! # What it guarantees
//! - Each file is whole at any moment, old or new: also after a crash, a full disk or `kill -9`.
//! - When a file can't be written, no file is changed, and nothing is left behind.
//! - What was interrupted is completed by the next call.
//! - Only what the manifest lists is ever deleted, never a file changed by hand since, and nothing at all when
//!   the manifest can't be read.
//!
//! It does not guarantee that all files change at one moment: a reader in between sees some old, some new. A
//! folder that was made stays when it has become empty.

#![expect(
    clippy::disallowed_methods,
    reason = "this is the module that changes the disk"
)]

mod changes;
mod manifest;
mod transaction;
mod tree;

use std::fs;
use std::io::{ErrorKind, Write};
use std::path::Path;

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use crate::emit::Artifact;

pub use changes::{Change, Changes, Place};
pub use transaction::{Counts, Overwrite, Transaction};

/// Writes files below a folder that is soon gone, for other programs to read: nothing is brought to the disk.
///
/// # Errors
/// When a file can't be written.
pub fn throw_away(artifacts: &[Artifact]) -> Result<TempDir> {
    let folder = tempfile::tempdir().context("can't make a temporary folder")?;
    for Artifact { path, content, .. } in artifacts {
        let place = folder.path().join(path.trim_start_matches('/'));
        fs::create_dir_all(place.parent().unwrap_or(&place))
            .and_then(|()| fs::write(&place, content))
            .with_context(|| format!("can't write {}", place.display()))?;
    }
    Ok(folder)
}

/// True when files were written below this root.
#[must_use]
pub fn has_manifest(root: &Path) -> bool {
    root.join(manifest::MANIFEST).exists()
}

/// Writes a file that is not there yet, mode 0644, with its folder.
///
/// # Errors
/// When there is one already, or it can't be written.
pub fn create_new(path: &Path, text: &str) -> Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).with_context(|| format!("can't make the folder {}", folder.display()))?;
    }
    let mut file = match fs::File::create_new(path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            bail!(
                "{} is there already\n\nhint: name another file with `--fleet`, or move this one away",
                path.display()
            );
        }
        file => file.with_context(|| format!("can't write {}", path.display()))?,
    };
    let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_all());
    if written.is_err() {
        // Half a file would be taken for a whole one.
        drop(fs::remove_file(path));
    }
    written.with_context(|| format!("can't write {}", path.display()))
}
