//! The state directory of a storage host, and its lock: only one process at a time backs up hosts, or forgets and prunes.
//!
//! The kernel releases the lock (flock(2)) when its holder ends. The file `current`, which only the holder writes, hands a
//! run over from the hosts to forget and prune.

#![expect(
    clippy::disallowed_methods,
    reason = "a run makes the directory of its records, and the holder of the lock replaces one file: its readers hold \
              the lock, too"
)]

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::thread;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result};

use super::record::RunId;

/// What `current` contains while the hosts are backed up, and after a run that was stopped.
const RUNNING: &str = "at-work";

/// What the last holder of the lock left for the next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Current {
    /// Nothing: no run waits for forget and prune.
    None,
    /// The hosts of a run are being backed up, or the run was stopped.
    Running,
    /// The hosts of this run are done: forget and prune continue its record.
    HandedOver(RunId),
    /// The record of the previous run is incomplete, so forget and prune do nothing.
    Incomplete,
}

/// The state directory of a storage host.
#[derive(Debug, Clone)]
pub struct State {
    directory: PathBuf,
}

/// A lock for which a thread waits.
#[derive(Debug)]
pub struct Waiting {
    file: File,
    acquired: Receiver<io::Result<()>>,
}

/// A lock, held until this is dropped.
#[derive(Debug)]
pub(crate) struct Lock(File);

impl State {
    /// This state directory.
    #[must_use]
    pub fn of(directory: impl Into<PathBuf>) -> Self {
        let directory = directory.into();
        Self { directory }
    }

    /// The directory of the records.
    #[must_use]
    pub fn runs(&self) -> PathBuf {
        self.directory.join("runs")
    }

    /// The directory of the records. systemd makes the state directory, and the first run this one in it.
    ///
    /// # Errors
    /// When it cannot be made.
    pub(crate) fn make_runs(&self) -> Result<PathBuf> {
        let runs = self.runs();
        fs::create_dir_all(&runs).with_context(|| format!("cannot make the directory {}", runs.display()))?;
        Ok(runs)
    }

    /// A file of the state directory.
    #[must_use]
    pub fn file(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// The state directory.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    fn current_file(&self) -> PathBuf {
        self.file("current")
    }

    /// What `current` contains. A file that cannot be read counts as missing.
    #[must_use]
    pub fn current(&self) -> Current {
        match fs::read_to_string(self.current_file()) {
            Err(_) => Current::None,
            Ok(text) => match text.trim() {
                RUNNING => Current::Running,
                run => run.parse().map_or(Current::Incomplete, Current::HandedOver),
            },
        }
    }

    /// How long ago `current` was written; [`Duration::MAX`] if that is unknown.
    #[must_use]
    pub(crate) fn age_of_current(&self) -> Duration {
        let written = fs::metadata(self.current_file()).and_then(|file| file.modified());
        written.map_or(Duration::MAX, |written| {
            SystemTime::now().duration_since(written).unwrap_or_default()
        })
    }

    /// Replaces `current`.
    ///
    /// # Errors
    /// When it cannot be written, for example because the disk is full.
    pub(crate) fn set_current(&self, current: Current) -> Result<()> {
        let path = self.current_file();
        let done = match current {
            Current::None => fs::remove_file(&path),
            Current::Running => fs::write(&path, format!("{RUNNING}\n")),
            Current::HandedOver(run) => fs::write(&path, format!("{run}\n")),
            Current::Incomplete => fs::write(&path, ""),
        };
        done.with_context(|| format!("cannot write {}", path.display()))
    }

    /// Begins to wait for the lock of the state directory.
    ///
    /// # Errors
    /// When the state directory cannot be opened.
    pub fn wait(&self) -> Result<Waiting> {
        Waiting::for_lock(&self.directory)
    }
}

impl Waiting {
    /// Begins to wait for the lock of a file or directory.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub(crate) fn for_lock(path: &Path) -> Result<Self> {
        let unusable = || format!("cannot lock {}", path.display());
        let file = File::open(path).with_context(unusable)?;
        // Both belong to one lock. A thread waits for it, because flock(2) has no time limit.
        let same = file.try_clone().with_context(unusable)?;
        let (sender, acquired) = sync_channel(1);
        thread::spawn(move || drop(sender.send(same.lock())));
        Ok(Self { file, acquired })
    }

    /// Waits for the lock, at most that long; after that, it can be waited for again.
    ///
    /// # Errors
    /// When it cannot be locked; otherwise this wait goes on.
    pub(crate) fn at_most(self, limit: Duration) -> Result<Result<Lock, Self>> {
        match self.acquired.recv_timeout(limit) {
            Ok(Ok(())) => Ok(Ok(Lock(self.file))),
            Ok(Err(error)) => Err(error).context("cannot lock the state directory"),
            Err(RecvTimeoutError::Timeout) => Ok(Err(self)),
            Err(RecvTimeoutError::Disconnected) => {
                Err(anyhow::anyhow!("nothing waits for the lock any more"))
            }
        }
    }
}

impl Lock {
    /// Lets others go first.
    ///
    /// # Errors
    /// When it cannot be unlocked.
    pub(crate) fn release(self) -> Result<()> {
        self.0.unlock().context("cannot unlock the state directory")
    }
}
