//! The records that a verb looks at, and the time that it is.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Args;
use jiff::Timestamp;

use crate::health::{Holder, Present};
use crate::record::{self, About, Run, RunId};

#[derive(Debug, Args)]
pub(super) struct Records {
    /// The directory of the runs' records
    #[arg(long, value_name = "DIR", default_value = record::FOLDER)]
    runs: PathBuf,
    /// Another time than now, as if the clock showed it
    #[arg(long, value_name = "TIME", hide = true)]
    now: Option<Timestamp>,
    /// The state directory whose lock runs hold; without it, the one of this host, where its records are read
    #[arg(long, value_name = "DIR", hide = true)]
    state: Option<PathBuf>,
}

impl Records {
    pub(super) fn now(&self) -> Timestamp {
        self.now.unwrap_or_else(Timestamp::now)
    }

    /// The time, and who holds the lock on the state directory. To be taken before the records are listed.
    pub(super) fn present(&self) -> Present {
        let now = self.now();
        // Records elsewhere, and another time, have no lock to look at.
        let own = (self.runs == Path::new(record::FOLDER) && self.now.is_none()).then(|| self.runs.parent());
        let state = self.state.as_deref().or(own.flatten());
        Present {
            now,
            holder: state.map_or(Holder::Unknown, holder),
        }
    }

    pub(super) fn folder(&self) -> &Path {
        &self.runs
    }

    /// The runs that have a record, oldest first; `None` where there is no such folder.
    ///
    /// # Errors
    /// When the folder can't be read.
    pub(super) fn list(&self) -> Result<Option<Vec<RunId>>> {
        match record::list(&self.runs) {
            Ok(runs) => Ok(Some(runs)),
            Err(error) => match kind(&error) {
                Some(io::ErrorKind::NotFound) => Ok(None),
                Some(io::ErrorKind::PermissionDenied) => Err(readable_for(&error)),
                _ => Err(error),
            },
        }
    }

    /// The newest run of these, which are given oldest first: what stands beside the runs is none.
    ///
    /// # Errors
    /// When a record can't be read.
    pub(super) fn newest_run(&self, runs: &[RunId]) -> Result<Option<RunId>> {
        for run in runs.iter().rev() {
            // Its first line says it.
            let nothing = About::new(std::iter::empty::<String>(), []);
            if !self.read(*run, Some(nothing))?.is_beside {
                return Ok(Some(*run));
            }
        }
        Ok(None)
    }

    /// Reads the record of a run, or as much of it as is about something.
    ///
    /// # Errors
    /// When it can't be read.
    pub(super) fn read(&self, run: RunId, about: Option<About>) -> Result<Run> {
        let record = record::open(&self.runs, run).map_err(|error| match kind(&error) {
            Some(io::ErrorKind::PermissionDenied) => readable_for(&error),
            _ => error,
        })?;
        let read = match about {
            None => Run::read(run, record),
            Some(about) => Run::read_about(run, record, about),
        };
        read.with_context(|| format!("can't read the record of {run}"))
    }
}

/// Who holds the lock on a state directory. run-backups and maintain-repository hold it exclusively while they work.
///
/// This takes it for the time that reading one small file takes, shared, so that two of these do not see each other. A run
/// that begins meanwhile waits for it (`flock --timeout`) and does not fail. The file is read under the lock: only who
/// holds it writes the file, so both belong to the same moment.
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

/// What the disk refuses.
pub(super) fn kind(error: &anyhow::Error) -> Option<io::ErrorKind> {
    let error: &io::Error = error
        .downcast_ref()
        .or_else(|| error.root_cause().downcast_ref())?;
    Some(error.kind())
}

fn readable_for(error: &anyhow::Error) -> anyhow::Error {
    anyhow::anyhow!(
        "{error:#}\n\nhint: root and the group `restic` may read the records; `--runs` names another folder"
    )
}
