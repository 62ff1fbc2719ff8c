//! Where images and notes about this machine are kept between runs.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::Write;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use anyhow::Context;

/// The directory that keeps what is slow to make: `GENBACKUP_VM_CACHE`, or `vmtests` in the workspace's target directory.
///
/// # Errors
/// When it cannot be made.
pub fn directory() -> anyhow::Result<PathBuf> {
    let directory = if let Some(directory) = std::env::var_os("GENBACKUP_VM_CACHE") {
        PathBuf::from(directory)
    } else {
        target_directory().join("vmtests")
    };
    fs::create_dir_all(&directory)
        .with_context(|| format!("cannot make the cache directory `{}`", directory.display()))?;
    fs::canonicalize(&directory)
        .with_context(|| format!("cannot find the cache directory `{}`", directory.display()))
}

/// The directory of the workspace.
#[must_use]
pub fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .map_or_else(PathBuf::new, Path::to_path_buf)
}

/// The directory that cargo builds into.
#[must_use]
pub fn target_directory() -> PathBuf {
    let directory =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| PathBuf::from("target"), PathBuf::from);
    // Cargo reads a relative directory from where it was started; that is the workspace for every command of ours.
    workspace().join(directory)
}

/// Waits until no other process holds `name` in the cache directory, and holds it until the value goes away.
///
/// # Errors
/// When the file system cannot lock.
pub fn hold(name: &str) -> anyhow::Result<File> {
    let path = directory()?.join(name);
    let file = File::create(&path).with_context(|| format!("cannot make `{}`", path.display()))?;
    file.lock()
        .with_context(|| format!("cannot lock `{}`", path.display()))?;
    Ok(file)
}

/// Directories of runs, and their directories for sockets.
const RUN_PREFIX: &str = "run-";
const SOCKETS_PREFIX: &str = "genbackup-lab-";
/// In a run's directory: locked while the run lives, holds the path of its directory for sockets.
const OWNER: &str = "owner";

/// Two directories of one run, removed with the value.
#[derive(Debug)]
pub struct RunDirectories {
    disks: tempfile::TempDir,
    sockets: tempfile::TempDir,
    _owner: File,
}

impl RunDirectories {
    /// Makes them, and removes what killed runs have left.
    ///
    /// # Errors
    /// When they cannot be made, or something left cannot be removed.
    pub fn new() -> anyhow::Result<Self> {
        let cache = directory()?;
        // No other process makes or sweeps directories meanwhile, so one without a lock is a left-over.
        let sweep = hold("runs.lock")?;
        for entry in fs::read_dir(&cache)? {
            let path = entry?.path();
            if is_named(&path, RUN_PREFIX) {
                remove_abandoned(&path)
                    .with_context(|| format!("cannot remove the left-over `{}`", path.display()))?;
            }
        }
        let disks = tempfile::Builder::new().prefix(RUN_PREFIX).tempdir_in(&cache)?;
        let sockets = tempfile::Builder::new().prefix(SOCKETS_PREFIX).tempdir()?;
        let mut owner = File::create(disks.path().join(OWNER))?;
        owner.lock()?;
        owner.write_all(sockets.path().as_os_str().as_bytes())?;
        drop(sweep);
        Ok(Self {
            disks,
            sockets,
            _owner: owner,
        })
    }

    /// For disks: in the cache and not in `/tmp`, which may be in memory. A snapshot of a guest is some 200 MB.
    #[must_use]
    pub fn disks(&self) -> &Path {
        self.disks.path()
    }

    /// For sockets: in `/tmp`, for the path of a socket has at most 108 bytes.
    #[must_use]
    pub fn sockets(&self) -> &Path {
        self.sockets.path()
    }
}

/// Whether `path` is a directory whose name starts with `prefix`.
pub(crate) fn is_named(path: &Path, prefix: &str) -> bool {
    path.is_dir()
        && path
            .file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with(prefix))
}

/// Removes a run's directories, unless the run still lives.
fn remove_abandoned(run: &Path) -> anyhow::Result<()> {
    let owner = run.join(OWNER);
    if let Ok(file) = File::open(&owner) {
        if file.try_lock().is_err() {
            return Ok(());
        }
        let sockets = PathBuf::from(OsString::from_vec(fs::read(&owner)?));
        if is_named(&sockets, SOCKETS_PREFIX) {
            fs::remove_dir_all(&sockets)?;
        }
    }
    Ok(fs::remove_dir_all(run)?)
}
