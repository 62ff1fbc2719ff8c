//! The only module that changes the disk: what would change, and the change itself.
//!
//! # What it guarantees
//! - Each file is whole at any moment, old or new: also after a crash, a full disk or `kill -9`.
//! - When a file cannot be written, no file is changed, and nothing is left behind.
//! - What was interrupted is completed by the next call.
//! - Only what the manifest lists is ever deleted, never a file changed by hand since, and nothing at all when
//!   the manifest cannot be read, or names what is not below the root.
//!
//! It does not guarantee that all files change at one moment: a reader in between sees some old, some new. A
//! directory that was made stays when it has become empty.

#![expect(
    clippy::disallowed_methods,
    reason = "this is the module that changes the disk"
)]

mod change;
mod changes;
mod diff;
mod enablement;
mod found;
#[warn(clippy::disallowed_methods, reason = "it acts through `system` and `push`")]
pub(crate) mod live;
mod manifest;
mod note;
#[warn(
    clippy::disallowed_methods,
    reason = "it acts through `live` and `Transaction`"
)]
pub(crate) mod now;
mod place;
#[warn(clippy::disallowed_methods, reason = "only its session starts a process")]
pub(crate) mod push;
mod refused;
mod steps;
mod transaction;
mod tree;

use std::fs;
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use anyhow::{Context, Result};
use tempfile::{NamedTempFile, TempDir};

use crate::emit::Artifact;
use crate::error::fail;
use found::Disk;

pub use change::Change;
pub use changes::Changes;
pub(crate) use found::{Files, Found, NEITHER, is_directory, link_to};
pub use note::Note;
pub use place::Place;
pub use steps::Counts;
pub(crate) use steps::Steps;
pub use transaction::{Overwrite, Transaction};
#[cfg(test)]
pub(crate) use tree::Staged;

/// Writes files below a directory that is soon gone, for other programs to read.
///
/// # Errors
/// When a file cannot be written.
pub(crate) fn throw_away(artifacts: &[Artifact]) -> Result<TempDir> {
    let directory = tempfile::tempdir().context("cannot create a temporary directory")?;
    write_below(directory.path(), artifacts)?;
    Ok(directory)
}

/// Copies files below a directory that is soon gone, each under a name relative to it, for other programs to read;
/// other users cannot.
///
/// # Errors
/// When a file cannot be read or written.
pub(crate) fn throw_away_copies<'p>(
    files: impl IntoIterator<Item = (&'p Path, &'p Path)>,
) -> Result<TempDir> {
    let directory = tempfile::tempdir().context("cannot create a temporary directory")?;
    for (from, name) in files {
        let to = directory.path().join(name);
        make_directory_of(&to)?;
        fs::copy(from, &to).with_context(|| format!("cannot copy `{}`", from.display()))?;
    }
    Ok(directory)
}

/// Makes a directory, and those above it, for their owner only. An existing empty directory becomes private, too. One
/// that is not empty stays as it is, because others may need what is in it.
///
/// # Errors
/// When it cannot be made, or made private.
pub(crate) fn private_directory(directory: &Path) -> Result<Privacy> {
    let made = || {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(PRIVATE)
            .create(directory)?;
        if fs::read_dir(directory)?.next().is_none() {
            fs::set_permissions(directory, fs::Permissions::from_mode(PRIVATE))?;
        }
        let is_private = fs::metadata(directory)?.permissions().mode().trailing_zeros() >= 6;
        Ok::<_, io::Error>(if is_private {
            Privacy::Private
        } else {
            Privacy::OthersMayLook
        })
    };
    made().with_context(|| format!("cannot create the directory `{}`", directory.display()))
}

/// The mode of a directory that is its owner's alone.
const PRIVATE: u32 = 0o700;

/// Whom a directory is open to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Privacy {
    /// Its owner alone.
    Private,
    /// Others, too.
    OthersMayLook,
}

/// Writes files below a directory that does not exist yet or is empty. This is for a build that starts again
/// from scratch when it fails, so it syncs nothing to the disk, and writes no manifest.
///
/// # Errors
/// When there is something in the directory, or a file cannot be written.
pub(crate) fn new_directory(directory: &Path, artifacts: &[Artifact]) -> Result<()> {
    if !Disk.entries(directory)?.is_empty() {
        fail!(
            what("the directory `{}` is not empty", directory.display()),
            hint("name a directory that does not exist yet")
        );
    }
    write_below(directory, artifacts)
}

fn write_below(directory: &Path, artifacts: &[Artifact]) -> Result<()> {
    for Artifact {
        path,
        access,
        content,
    } in artifacts
    {
        let place = directory.join(path.trim_start_matches('/'));
        fs::create_dir_all(place.parent().unwrap_or(&place))
            .and_then(|()| fs::write(&place, content))
            .and_then(|()| fs::set_permissions(&place, fs::Permissions::from_mode(access.mode())))
            .with_context(|| format!("cannot write `{}`", place.display()))?;
    }
    Ok(())
}

/// Makes a directory, with those above it.
///
/// # Errors
/// When it cannot be made.
pub(crate) fn make_directory(directory: &Path) -> Result<()> {
    fs::create_dir_all(directory)
        .with_context(|| format!("cannot create the directory `{}`", directory.display()))
}

/// Makes the directory of a file, with those above it.
///
/// # Errors
/// When it cannot be made.
pub(crate) fn make_directory_of(file: &Path) -> Result<()> {
    file.parent().map_or(Ok(()), make_directory)
}

/// Writes a file, mode 0644, over one that may be there: at any moment, who reads it reads one of them, whole. Its
/// directory is there, or its place was written wrong.
///
/// # Errors
/// When it cannot be written; then what was there is as it was.
pub fn replace(path: &Path, text: &[u8]) -> Result<()> {
    let directory = match path.parent() {
        Some(directory) if !directory.as_os_str().is_empty() => directory,
        _ => Path::new("."),
    };
    let written = || {
        let file = waiting(directory, text, 0o644)?;
        file.persist(path).map_err(|error| error.error)?;
        fs::File::open(directory)?.sync_all()
    };
    written().with_context(|| format!("cannot write `{}`", path.display()))
}

/// A whole file on the disk that waits for its name, and is gone when it gets none.
fn waiting(directory: &Path, text: &[u8], mode: u32) -> io::Result<NamedTempFile> {
    let mut file = tempfile::Builder::new()
        .prefix(".genbackup-")
        .tempfile_in(directory)?;
    file.write_all(text)?;
    // Set the mode whatever the umask is.
    file.as_file().set_permissions(fs::Permissions::from_mode(mode))?;
    file.as_file().sync_all()?;
    Ok(file)
}

/// Writes a file that does not exist yet, mode 0644 less the umask, with its directory.
///
/// # Errors
/// When there is one already, or it cannot be written.
pub fn create_new(path: &Path, text: &str) -> Result<()> {
    create(path, text, 0o644)
}

/// The same for a secret: mode 0600, from the first moment on.
///
/// # Errors
/// As [`create_new`].
pub(crate) fn create_secret(path: &Path, text: &str) -> Result<()> {
    create(path, text, 0o600)
}

fn create(path: &Path, text: &str, mode: u32) -> Result<()> {
    if let Some(directory) = path.parent() {
        make_directory(directory)?;
    }
    let mut options = fs::OpenOptions::new();
    let mut file = match options.write(true).create_new(true).mode(mode).open(path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            fail!(
                what("`{}` already exists", path.display()),
                hint("name another file, or move the existing one away")
            );
        }
        file => file.with_context(|| format!("cannot write `{}`", path.display()))?,
    };
    let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_all());
    if written.is_err() {
        // Half a file would be taken for a whole one.
        drop(fs::remove_file(path));
    }
    written.with_context(|| format!("cannot write `{}`", path.display()))
}
