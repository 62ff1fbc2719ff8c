//! Where images and notes about this machine are kept between runs.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::Context;

/// The folder that keeps what is slow to make: `GENBACKUP_VM_CACHE`, or `vmtests` in the workspace's target folder.
///
/// # Errors
/// When it cannot be made.
pub fn folder() -> anyhow::Result<PathBuf> {
    let folder = if let Some(folder) = std::env::var_os("GENBACKUP_VM_CACHE") {
        PathBuf::from(folder)
    } else {
        target_folder().join("vmtests")
    };
    fs::create_dir_all(&folder)
        .with_context(|| format!("cannot make the cache folder `{}`", folder.display()))?;
    fs::canonicalize(&folder).with_context(|| format!("cannot find the cache folder `{}`", folder.display()))
}

/// The folder of the workspace.
#[must_use]
pub fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .map_or_else(PathBuf::new, Path::to_path_buf)
}

/// The folder that cargo builds into.
#[must_use]
pub fn target_folder() -> PathBuf {
    let folder = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| PathBuf::from("target"), PathBuf::from);
    // Cargo reads a relative folder from where it was started; that is the workspace for every command of ours.
    workspace().join(folder)
}

/// Waits until no other process holds `name` in the cache folder, and holds it until the value goes away.
///
/// # Errors
/// When the file system cannot lock.
pub fn hold(name: &str) -> anyhow::Result<File> {
    let path = folder()?.join(name);
    let file = File::create(&path).with_context(|| format!("cannot make `{}`", path.display()))?;
    file.lock()
        .with_context(|| format!("cannot lock `{}`", path.display()))?;
    Ok(file)
}

/// Folders of runs that nobody holds any more: left by tests that were killed.
const RUN_PREFIX: &str = "run-";

/// A folder for the disks of one run, removed with the value. Removes what killed runs have left.
///
/// The disks go here and not into `/tmp`, which may be in memory: a snapshot of a guest is some 200 MB.
///
/// # Errors
/// When it cannot be made.
pub fn run_folder() -> anyhow::Result<RunFolder> {
    let cache = folder()?;
    // Nobody else makes or sweeps folders meanwhile, so one without a lock is a left-over.
    let sweep = hold("runs.lock")?;
    for entry in fs::read_dir(&cache)? {
        let path = entry?.path();
        let is_run = path
            .file_name()
            .and_then(|name| name.to_str())
            .is_some_and(|name| name.starts_with(RUN_PREFIX));
        if is_run && path.is_dir() && is_abandoned(&path) {
            fs::remove_dir_all(&path)
                .with_context(|| format!("cannot remove the left-over `{}`", path.display()))?;
        }
    }
    let folder = tempfile::Builder::new().prefix(RUN_PREFIX).tempdir_in(&cache)?;
    let owner = File::create(folder.path().join("owner"))?;
    owner.lock()?;
    drop(sweep);
    Ok(RunFolder {
        folder,
        _owner: owner,
    })
}

fn is_abandoned(run: &Path) -> bool {
    File::open(run.join("owner")).map_or(true, |owner| owner.try_lock().is_ok())
}

/// A folder for one run's disks.
#[derive(Debug)]
pub struct RunFolder {
    folder: tempfile::TempDir,
    _owner: File,
}

impl RunFolder {
    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.folder.path()
    }
}
