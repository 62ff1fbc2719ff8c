//! One tree of files, and the staged texts next to their places that become them.

use std::collections::VecDeque;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::error::Hinted;
use anyhow::{Context, Result, anyhow, bail};
use nix::fcntl::{Flock, FlockArg};

/// The end of the name of a staged text.
const STAGING_SUFFIX: &str = ".genbackup-new";

/// A text that is staged next to its place.
#[derive(Debug)]
pub(crate) struct Staged {
    /// Where it belongs.
    pub(crate) place: PathBuf,
    /// Where it waits.
    pub(crate) waiting: PathBuf,
    /// Its content.
    pub(crate) text: String,
    /// Its mode.
    pub(crate) mode: u32,
}

/// A tree that only this process writes to. Dropped before [`Tree::put_in_force`] has come to its end, it
/// takes back what has not become a file yet.
#[derive(Debug)]
pub(super) struct Tree {
    root: PathBuf,
    /// Places, each with its staged text, in the order in which they are put in force.
    staged: VecDeque<(PathBuf, PathBuf)>,
    /// Directories that were made, each after the one that it is in.
    made: Vec<PathBuf>,
    /// Two who write at once would mix their states. The directory itself is locked, so no lock file is needed.
    lock: Option<Flock<File>>,
}

impl Tree {
    /// Locks the tree at a root, by the directory of its manifest.
    pub(super) fn lock(root: &Path, manifest: &Path) -> Result<Self> {
        let mut tree = Self {
            root: root.to_path_buf(),
            staged: VecDeque::new(),
            made: Vec::new(),
            lock: None,
        };
        let manifest = root.join(manifest);
        tree.make_directory_of(&manifest)?;
        let directory = manifest.parent().unwrap_or(root);
        let lock = locked(directory, FlockArg::LockExclusiveNonblock)?;
        // If another process made this directory and failed, it has removed the directory: then the lock is
        // worthless.
        match (fs::metadata(directory), lock.metadata()) {
            (Ok(there), Ok(ours)) if there.ino() == ours.ino() => tree.lock = Some(lock),
            _ => bail!(is_locked(directory)),
        }
        Ok(tree)
    }

    /// Keeps others from changing the tree at a root that has a manifest and stays as it is, for as long as
    /// the value lives. Nothing is written, so the disk may be read-only.
    pub(super) fn keep(root: &Path, manifest: &Path) -> Result<Flock<File>> {
        let manifest = root.join(manifest);
        locked(manifest.parent().unwrap_or(root), FlockArg::LockSharedNonblock)
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// Writes a text that waits until it becomes the file at its place.
    pub(super) fn stage(&mut self, staged: Staged) -> Result<()> {
        let Staged {
            place,
            waiting,
            text,
            mode,
        } = staged;
        self.make_directory_of(&place)?;
        self.staged.push_back((place.clone(), waiting.clone()));
        write_new(&waiting, &text, mode).map_err(|error| unwritable(&place, &error))
    }

    /// Moves the staged texts into their places, up to but not including the last of them.
    pub(super) fn put_in_force_but_last(&mut self) -> Result<()> {
        while self.staged.len() > 1 {
            self.put_first_in_force()?;
        }
        Ok(())
    }

    /// Moves the staged texts that are left into their places.
    pub(super) fn put_in_force(&mut self) -> Result<()> {
        while !self.staged.is_empty() {
            self.put_first_in_force()?;
        }
        Ok(())
    }

    fn put_first_in_force(&mut self) -> Result<()> {
        if let Some((place, waiting)) = self.staged.front() {
            fs::rename(waiting, place).with_context(|| format!("cannot replace `{}`", place.display()))?;
            self.staged.pop_front();
            // There is something in them now.
            self.made.clear();
        }
        Ok(())
    }

    fn make_directory_of(&mut self, place: &Path) -> Result<()> {
        let directory = place.parent().unwrap_or(place);
        // A relative path ends in the empty one, which is the directory we are in.
        let is_missing = |directory: &&Path| !directory.as_os_str().is_empty() && !directory.exists();
        let missing: Vec<&Path> = directory.ancestors().take_while(is_missing).collect();
        for directory in missing.into_iter().rev() {
            match fs::create_dir(directory) {
                Ok(()) => self.made.push(directory.to_path_buf()),
                Err(error) if error.kind() == ErrorKind::AlreadyExists && directory.is_dir() => {}
                Err(error) => return Err(unwritable(directory, &error)),
            }
        }
        Ok(())
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        // Nothing depends on these, and nobody is left to read an error.
        for (_, waiting) in &self.staged {
            drop(fs::remove_file(waiting));
        }
        for directory in self.made.iter().rev() {
            drop(fs::remove_dir(directory));
        }
    }
}

/// Removes a file that may be there.
pub(super) fn remove(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if !matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            Err(error).with_context(|| format!("cannot remove `{}`", path.display()))
        }
        _ => Ok(()),
    }
}

/// True for the path of a staged text.
pub(super) fn is_staging_path(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.starts_with('.') && name.ends_with(STAGING_SUFFIX)
}

/// Locks a directory, or fails at once where somebody else has it locked.
fn locked(directory: &Path, lock: FlockArg) -> Result<Flock<File>> {
    let file = File::open(directory).with_context(|| format!("cannot open `{}`", directory.display()))?;
    Flock::lock(file, lock)
        .map_err(|(_, error)| error)
        .with_context(|| is_locked(directory))
}

fn is_locked(directory: &Path) -> String {
    format!(
        "`{}` is locked: another `genbackup emit` is running",
        directory.display()
    )
}

/// Where what becomes the file at a place waits.
pub(super) fn staging_path(place: &Path) -> PathBuf {
    let name = place.file_name().unwrap_or_default().to_string_lossy();
    place.with_file_name(format!(".{name}{STAGING_SUFFIX}"))
}

fn write_new(path: &Path, text: &str, mode: u32) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(path)?;
    file.write_all(text.as_bytes())?;
    // Set the mode whatever the umask is.
    file.set_permissions(Permissions::from_mode(mode))
}

fn unwritable(path: &Path, error: &io::Error) -> anyhow::Error {
    let what = format!("cannot write `{}`: {error}; nothing was changed", path.display());
    let hint = match error.kind() {
        ErrorKind::PermissionDenied => {
            "run this as root, or write the files below another directory with `--root`"
        }
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => "free some space, and run this again",
        _ => return anyhow!(what),
    };
    anyhow::Error::new(Hinted::new(what, hint))
}
