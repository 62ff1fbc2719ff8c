//! The records of this host, or of another directory, and the current time.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use jiff::Timestamp;

use super::record::{self, About, Run, RunId};
use crate::error::hinted;
use crate::status::{Holder, Present};

/// A directory of records, and the time.
#[derive(Debug)]
pub(crate) struct Records {
    /// The directory.
    pub(crate) directory: PathBuf,
    /// What is taken for the current time; by default, the clock.
    pub(crate) now: Option<Timestamp>,
    /// The state directory whose lock is looked at; by default, that of this host if its own records are read.
    pub(crate) state: Option<PathBuf>,
}

impl Records {
    pub(crate) fn now(&self) -> Timestamp {
        self.now.unwrap_or_else(Timestamp::now)
    }

    /// The time, and who holds the lock on the state directory. Call this before the records are listed.
    pub(crate) fn present(&self) -> Present {
        let now = self.now();
        // Records elsewhere, or another time, have no lock.
        let own = (self.directory == Path::new(record::DIRECTORY) && self.now.is_none())
            .then(|| self.directory.parent());
        let state = self.state.as_deref().or(own.flatten());
        Present {
            now,
            holder: state.map_or(Holder::Unknown, holder),
        }
    }

    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    /// The runs that have a record, oldest first; `None` if the directory does not exist.
    ///
    /// # Errors
    /// When the directory cannot be read.
    pub(crate) fn list(&self) -> Result<Option<Vec<RunId>>> {
        match record::list(&self.directory) {
            Ok(runs) => Ok(Some(runs)),
            Err(error) => match kind(&error) {
                Some(io::ErrorKind::NotFound) => Ok(None),
                Some(io::ErrorKind::PermissionDenied) => Err(readable_for(&error)),
                _ => Err(error),
            },
        }
    }

    /// The newest run of these, which are given oldest first. Ad hoc records do not count.
    ///
    /// # Errors
    /// When a record cannot be read.
    pub(crate) fn newest_run(&self, runs: &[RunId]) -> Result<Option<RunId>> {
        for run in runs.iter().rev() {
            // The first line is enough.
            let nothing = About::new(std::iter::empty::<String>(), []);
            if !self.read(*run, Some(nothing))?.is_ad_hoc {
                return Ok(Some(*run));
            }
        }
        Ok(None)
    }

    /// Reads the record of a run, or only its lines about certain hosts and phases.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(crate) fn read(&self, run: RunId, about: Option<About>) -> Result<Run> {
        let record = record::open(&self.directory, run).map_err(|error| match kind(&error) {
            Some(io::ErrorKind::PermissionDenied) => readable_for(&error),
            _ => error,
        })?;
        let read = match about {
            None => Run::read(run, record),
            Some(about) => Run::read_about(run, record, about),
        };
        read.with_context(|| format!("cannot read the record of {run}"))
    }
}

/// The holder of the lock on a state directory. `coordinate` and `maintain` hold it exclusively while they
/// run.
///
/// This function takes the lock while it reads one small file. The lock is shared, so that two callers do not disturb
/// each other. A run that starts meanwhile waits for the lock and does not fail. The file is read
/// under the lock, because only the holder of the lock writes it.
fn holder(state: &Path) -> Holder {
    let Ok(lock) = File::open(state) else {
        return Holder::Unknown;
    };
    match lock.try_lock_shared() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Holder::Somebody,
        Err(TryLockError::Error(_)) => return Holder::Unknown,
    }
    match fs::read_to_string(state.join("current")) {
        Ok(run) => run.trim().parse().map_or(Holder::Nobody, Holder::Next),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Holder::Nobody,
        Err(_) => Holder::Unknown,
    }
}

/// The kind of the I/O error behind an error.
pub(crate) fn kind(error: &anyhow::Error) -> Option<io::ErrorKind> {
    let error: &io::Error = error
        .downcast_ref()
        .or_else(|| error.root_cause().downcast_ref())?;
    Some(error.kind())
}

fn readable_for(error: &anyhow::Error) -> anyhow::Error {
    hinted!(
        what("{error:#}"),
        hint("run this as root or as a member of the group `restic`; `--runs DIR` reads another directory")
    )
}
