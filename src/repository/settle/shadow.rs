//! The shadow repository: hard links of some files of a repository, so that restic trusts nothing else of it.
//!
//! A hard link costs no space, and restic never writes into an existing file.

#![expect(
    clippy::disallowed_methods,
    reason = "the shadow is made of links in a directory of its own, which is removed with them"
)]

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::disk::{self, Before};
use super::found::{DATA, INDEX, SNAPSHOTS};

/// A repository with the configuration and the keys of another, and nothing else at first.
#[derive(Debug)]
pub(super) struct Shadow<'r> {
    repository: &'r Path,
    directory: PathBuf,
}

/// Removes what is left of a shadow: links, and an index that can be made again.
pub(super) fn remove(repository: &Path, before: Before<'_>) -> Result<()> {
    before()?;
    let directory = place(repository);
    match fs::remove_dir_all(&directory) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove `{}`", directory.display()))
        }
        _ => Ok(()),
    }
}

fn place(repository: &Path) -> PathBuf {
    disk::own(repository, "settle")
}

impl<'r> Shadow<'r> {
    /// An empty one, in the place of an earlier one.
    pub(super) fn make(repository: &'r Path, before: Before<'_>) -> Result<Self> {
        remove(repository, before)?;
        let directory = place(repository);
        let shadow = Self {
            repository,
            directory,
        };
        for name in [DATA, INDEX, SNAPSHOTS, "keys", "locks"] {
            let made = shadow.directory.join(name);
            fs::create_dir_all(&made).with_context(|| format!("cannot make `{}`", made.display()))?;
        }
        shadow.link(Path::new("config"))?;
        let unreadable = || format!("cannot read the keys of `{}`", repository.display());
        for key in fs::read_dir(repository.join("keys")).with_context(unreadable)? {
            let key = key.with_context(unreadable)?;
            if key.file_type().with_context(unreadable)?.is_file() {
                shadow.link(&Path::new("keys").join(key.file_name()))?;
            }
        }
        Ok(shadow)
    }

    /// Where it is.
    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    /// Adds a file of the repository.
    pub(super) fn link(&self, file: &Path) -> Result<()> {
        let (from, to) = (self.repository.join(file), self.directory.join(file));
        let linked = || {
            to.parent().map_or(Ok(()), fs::create_dir_all)?;
            fs::hard_link(&from, &to)
        };
        linked().with_context(|| format!("cannot link `{}` to `{}`", to.display(), from.display()))
    }

    /// The names of its index files.
    pub(super) fn indexes(&self) -> Result<Vec<String>> {
        let directory = self.directory.join(INDEX);
        let names = || {
            fs::read_dir(&directory)?
                .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
                .collect::<std::io::Result<_>>()
        };
        names().with_context(|| format!("cannot read `{}`", directory.display()))
    }

    /// Adds its index files to the repository, and brings them to the disk.
    pub(super) fn give_indexes(&self, names: &[String], before: Before<'_>) -> Result<()> {
        let directory = self.repository.join(INDEX);
        for name in names {
            before()?;
            let (from, to) = (self.directory.join(INDEX).join(name), directory.join(name));
            match fs::hard_link(&from, &to) {
                Err(error) if error.kind() != ErrorKind::AlreadyExists => {
                    return Err(error).with_context(|| format!("cannot write `{}`", to.display()));
                }
                _ => {}
            }
        }
        disk::sync(&directory)
    }
}
