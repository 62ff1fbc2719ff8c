//! Makes a copy, of either kind, gives way to forget and prune, and records how it ended.
//!
//! | module | its one job |
//! | --- | --- |
//! | `files` | a copy of the files, by rclone |
//! | `snapshots` | a copy of the snapshots, by restic |
//! | `ended` | how a copy ended |

mod ended;
mod files;
mod snapshots;

use std::fs::{self, File, TryLockError};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use anyhow::{Context, Result, bail};
use jiff::Timestamp;
use signal_hook::consts::{SIGINT, SIGTERM};

use super::{AccessLocks, Limits, Progress, Stopped, Watcher};
use crate::model::{CopyKind, CopyName, Fleet, Offsite};
use crate::runs::record::{self, AdHoc, Phase};

pub(crate) use self::ended::{Ended, Planned};

/// Why a copy stopped at a signal.
const STOPPED_BY_SIGNAL: &str = "a signal stopped it";

/// A copy that is made in the unit of that copy.
pub(crate) struct Copying<'c> {
    /// The fleet.
    pub fleet: &'c Fleet,
    /// The name of the copy.
    pub name: &'c CopyName,
    /// The copy.
    pub copy: &'c Offsite,
    /// What is done this time.
    pub task: Task,
    /// What the administrator accepts this time.
    pub accepts: Accepts,
    /// The state directory of the copy.
    pub state: &'c Path,
    /// The directory with the locks of forget and prune.
    pub turns: &'c Path,
    /// The directory of the credentials, if the unit has one.
    pub credentials: Option<&'c Path>,
    /// The directory of restic's cache.
    pub cache: &'c Path,
    /// Gets the progress.
    pub watcher: Watcher<'c>,
}

/// What is done with a copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Task {
    /// Copy and delete.
    Copy,
    /// Only find out what would be copied and deleted.
    DryRun,
    /// Only try to destroy a canary in the copy.
    TamperTest,
}

/// What an administrator accepts this time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Accepts {
    /// More snapshots went, or go from the copy, than `max-loss` allows.
    pub loss: bool,
    /// The repository has another `config`.
    pub config: bool,
    /// Damaged files of the copy are replaced.
    pub repair: bool,
}

impl Copying<'_> {
    /// Does the task, and records the result in a directory, except that of a dry run.
    ///
    /// # Errors
    /// When the copy is being made already, when the result cannot be recorded, or when a dry run fails.
    /// Other failures are recorded, and are no error.
    pub(crate) fn run(&self, runs: &Path) -> Result<Ended> {
        let _lock = self.lock()?;
        let stop_requested = stop_requested()?;
        let (start, clock) = (Timestamp::now(), Instant::now());
        let ended = self.copy_until_complete(&|| stop_requested.load(Ordering::Relaxed));
        if self.task == Task::DryRun {
            return ended;
        }
        let ended = ended.unwrap_or_else(|error| Ended::of_error(self.name, &error));
        let ad_hoc = AdHoc {
            phase: Phase::Offsite,
            copy: Some(self.name.to_string()),
            start,
            end: Timestamp::now(),
            seconds: clock.elapsed().as_secs_f64(),
            status: ended.status.clone(),
            why: ended.why.clone(),
            exit_code: None,
            figures: ended.figures.clone(),
        };
        record::add(runs, &ad_hoc).context("cannot record this copy")?;
        Ok(ended)
    }

    /// Locks the state: a copy is made by one process at a time.
    fn lock(&self) -> Result<File> {
        let unusable = || format!("cannot lock `{}`", self.state.display());
        let lock = File::open(self.state).with_context(unusable)?;
        match lock.try_lock() {
            Ok(()) => Ok(lock),
            Err(TryLockError::WouldBlock) => bail!("the copy `{}` is being made already", self.name),
            Err(TryLockError::Error(error)) => Err(error).with_context(unusable),
        }
    }

    /// Copies until the copy is complete. It stops while forget and prune run, and starts again after them.
    fn copy_until_complete(&self, must_end: &(dyn Fn() -> bool + Sync)) -> Result<Ended> {
        let locks = AccessLocks::open(self.turns)?;
        let stop = || {
            if must_end() {
                return Some(STOPPED_BY_SIGNAL.to_owned());
            }
            let is_wanted = locks.is_wanted().unwrap_or(false);
            is_wanted.then(|| "forget and prune begin".to_owned())
        };
        loop {
            let Some(_access) = locks.take(must_end)? else {
                let why = STOPPED_BY_SIGNAL.to_owned();
                return Err(Stopped { why }.into());
            };
            let ended = match &self.copy.kind {
                CopyKind::Sync(sync) => self.sync(sync, &stop),
                CopyKind::Restic(copy) => self.transfer(copy, &stop),
            };
            match ended {
                // Forget and prune run next. Then the copy starts again.
                Err(error) if error.is::<Stopped>() && !must_end() => (self.watcher)(Progress::Waiting),
                ended => return ended.map(|ended| ended.with_same_file_system(self.shares_file_system())),
            }
        }
    }

    fn limits(&self) -> Limits {
        Limits {
            max_loss: self.copy.max_loss.hundredths().into(),
            hosts: self.fleet.backed_up().count(),
            accepts_loss: self.accepts.loss,
        }
    }

    /// Whether the copy is on the file system of the repository. `None` if no directory of this host holds
    /// it.
    fn shares_file_system(&self) -> Option<bool> {
        let device = |path: &Path| Some(fs::metadata(path).ok()?.dev());
        let directory = device(Path::new(self.copy.kind.directory()?))?;
        Some(directory == device(self.repository())?)
    }

    fn repository(&self) -> &Path {
        Path::new(self.fleet.repository.path.as_str())
    }

    /// The file of a credential of the unit.
    fn credential(&self, name: &str) -> Result<PathBuf> {
        let file = self.credentials.map(|directory| directory.join(name));
        file.with_context(|| {
            format!("the credential `{name}` is missing: this command is for the unit of the copy")
        })
    }
}

/// A flag that a signal sets to end this process. rclone ends first.
fn stop_requested() -> Result<Arc<AtomicBool>> {
    let flag = Arc::new(AtomicBool::new(false));
    for signal in [SIGTERM, SIGINT] {
        signal_hook::flag::register(signal, Arc::clone(&flag)).context("cannot wait for signals")?;
    }
    Ok(flag)
}
