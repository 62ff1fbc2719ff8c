//! Directories, moves and the lock of one settling, below the repository.

#![expect(
    clippy::disallowed_methods,
    reason = "settling moves files within the repository, and keeps its own directories there"
)]

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};

use crate::error::hinted;
use crate::runs::state::{Lock, Waiting};

/// The directory of genbackup in a repository. restic ignores it, and no client can write it.
const OWN: &str = ".genbackup";
/// How long another settling of this repository is waited for.
const PATIENCE: Duration = Duration::from_secs(10);

/// Called before each change on the disk; an error ends the settling there.
pub type Before<'b> = &'b dyn Fn() -> Result<()>;

/// A path below the directory of genbackup.
pub(super) fn own(repository: &Path, name: &str) -> PathBuf {
    repository.join(OWN).join(name)
}

/// Makes the directory of genbackup, and locks it: only one process settles a repository.
pub(super) fn lock(repository: &Path) -> Result<Lock> {
    let directory = repository.join(OWN);
    match fs::create_dir(&directory) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => {
            return Err(error).with_context(|| format!("cannot make `{}`", directory.display()));
        }
        _ => sync(repository)?,
    }
    Waiting::for_lock(&directory)?.at_most(PATIENCE)?.map_err(|_| {
        hinted!(
            what("another process settles {}", repository.display()),
            hint("wait until it ends")
        )
    })
}

/// Brings the entries of a directory to the disk.
pub(super) fn sync(directory: &Path) -> Result<()> {
    File::open(directory)
        .and_then(|directory| directory.sync_all())
        .with_context(|| format!("cannot write `{}`", directory.display()))
}

/// Makes a directory below another that exists, with those between, and brings them to the disk.
pub(super) fn make(below: &Path, directory: &Path) -> Result<()> {
    fs::create_dir_all(directory).with_context(|| format!("cannot make `{}`", directory.display()))?;
    let between = directory.ancestors().take_while(|path| path.starts_with(below));
    for directory in between {
        sync(directory)?;
    }
    Ok(())
}

/// Moves files of a repository below another directory of it, to the same relative paths. One that is gone is skipped.
/// An existing file is never replaced.
pub(super) fn move_all(repository: &Path, files: &[PathBuf], to: &Path, before: Before<'_>) -> Result<()> {
    let mut changed = BTreeSet::new();
    for file in files {
        let from = repository.join(file);
        if fs::symlink_metadata(&from).is_err_and(|error| error.kind() == ErrorKind::NotFound) {
            continue;
        }
        let target = free(&to.join(file));
        let (Some(left), Some(entered)) = (from.parent(), target.parent()) else {
            continue;
        };
        before()?;
        make(repository, entered)?;
        fs::rename(&from, &target)
            .with_context(|| format!("cannot move `{}` to `{}`", from.display(), target.display()))?;
        changed.extend([entered.to_owned(), left.to_owned()]);
    }
    // The new names first: a file that has two after a power cut is not lost.
    let (new, old): (Vec<_>, Vec<_>) = changed.iter().partition(|directory| directory.starts_with(to));
    new.into_iter()
        .chain(old)
        .try_for_each(|directory| sync(directory))
}

/// A path, or one with a number behind it if it is taken.
fn free(path: &Path) -> PathBuf {
    let is_free = |path: &PathBuf| fs::symlink_metadata(path).is_err();
    let numbered = (2_u64..).map(|number| {
        let mut name = path.as_os_str().to_owned();
        name.push(format!(".{number}"));
        PathBuf::from(name)
    });
    let mut candidates = std::iter::once(path.to_owned()).chain(numbered);
    candidates.find(is_free).unwrap_or_else(|| path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moved_file_replaces_none() {
        let repository = tempfile::tempdir().unwrap();
        let repository = repository.path();
        fs::create_dir(repository.join("index")).unwrap();
        let to = repository.join("away");
        for text in ["first", "second"] {
            fs::write(repository.join("index/a"), text).unwrap();
            let files = [PathBuf::from("index/a"), PathBuf::from("index/gone")];
            move_all(repository, &files, &to, &|| Ok(())).unwrap();
        }
        assert_eq!(fs::read_to_string(to.join("index/a")).unwrap(), "first");
        assert_eq!(fs::read_to_string(to.join("index/a.2")).unwrap(), "second");
    }

    #[test]
    fn a_link_is_moved_and_not_followed() {
        let repository = tempfile::tempdir().unwrap();
        let repository = repository.path();
        fs::write(repository.join("target"), "text").unwrap();
        std::os::unix::fs::symlink("target", repository.join("link")).unwrap();
        let to = repository.join("away");
        move_all(repository, &[PathBuf::from("link")], &to, &|| Ok(())).unwrap();
        assert!(to.join("link").is_symlink() && repository.join("target").is_file());
    }
}
