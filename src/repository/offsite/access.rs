//! Gives copies, or forget and prune, access to the repository. Backups may continue during both.
//!
//! Forget and prune lock `maintaining` when they begin, and then wait for the lock of `copying`. A copy holds
//! a shared lock of `copying`, and releases it when `maintaining` is locked.

use std::fs::{File, TryLockError};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use backon::{BlockingRetryable, ConstantBuilder};

/// How often a waiting copy checks whether forget and prune are done.
const PAUSE: Duration = Duration::from_secs(1);

/// The two lock files, open.
#[derive(Debug)]
pub(crate) struct AccessLocks {
    maintaining: File,
    copying: File,
}

/// A shared lock of `copying`. While it exists, neither forget nor prune begins.
#[derive(Debug)]
pub(crate) struct Access<'t> {
    copying: &'t File,
}

/// Why a copy has no access.
enum NotYet {
    Waits,
    Stopped,
    Refused(std::io::Error),
}

impl AccessLocks {
    /// Opens the lock files of a state directory. systemd-tmpfiles makes them.
    ///
    /// # Errors
    /// When one of them cannot be opened.
    pub(crate) fn open(state: &Path) -> Result<Self> {
        let open = |name: &str| {
            let path = state.join(name);
            File::open(&path).with_context(|| format!("cannot open `{}`", path.display()))
        };
        Ok(Self {
            maintaining: open("maintaining")?,
            copying: open("copying")?,
        })
    }

    /// Waits until neither forget nor prune runs. Returns `None` if `stop` becomes true first.
    ///
    /// # Errors
    /// When a file cannot be locked.
    pub(crate) fn take(&self, stop: &dyn Fn() -> bool) -> Result<Option<Access<'_>>> {
        let take = || {
            if stop() {
                return Err(NotYet::Stopped);
            }
            // A process that holds this lock for a moment only checks whether it is free.
            if self.is_wanted().map_err(NotYet::Refused)? {
                return Err(NotYet::Waits);
            }
            match self.copying.try_lock_shared() {
                Ok(()) => Ok(Access {
                    copying: &self.copying,
                }),
                Err(TryLockError::WouldBlock) => Err(NotYet::Waits),
                Err(TryLockError::Error(error)) => Err(NotYet::Refused(error)),
            }
        };
        let waits = ConstantBuilder::default().with_delay(PAUSE).without_max_times();
        match take.retry(waits).when(|why| matches!(why, NotYet::Waits)).call() {
            Ok(access) => Ok(Some(access)),
            Err(NotYet::Refused(error)) => Err(error).context("cannot lock the state directory"),
            Err(NotYet::Waits | NotYet::Stopped) => Ok(None),
        }
    }

    /// Whether forget and prune run, or wait for copies to stop.
    ///
    /// # Errors
    /// When the file cannot be locked or unlocked.
    pub(crate) fn is_wanted(&self) -> std::io::Result<bool> {
        match self.maintaining.try_lock_shared() {
            Ok(()) => self.maintaining.unlock().map(|()| false),
            Err(TryLockError::WouldBlock) => Ok(true),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }
}

impl Drop for Access<'_> {
    fn drop(&mut self) {
        // If this fails, the lock is released when the process ends.
        drop(self.copying.unlock());
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    fn state() -> tempfile::TempDir {
        let directory = tempfile::tempdir().unwrap();
        for name in ["maintaining", "copying"] {
            crate::apply::replace(&directory.path().join(name), b"").unwrap();
        }
        directory
    }

    #[test]
    fn two_copies_run_at_the_same_time() {
        let directory = state();
        let (one, other) = (
            AccessLocks::open(directory.path()).unwrap(),
            AccessLocks::open(directory.path()).unwrap(),
        );
        let never = || false;
        let (one, other) = (one.take(&never).unwrap(), other.take(&never).unwrap());
        assert!(one.is_some() && other.is_some());
    }

    #[test]
    fn a_copy_stops_and_waits_until_forget_and_prune_are_done() {
        let directory = state();
        let locks = AccessLocks::open(directory.path()).unwrap();
        let access = locks.take(&|| false).unwrap().unwrap();
        assert!(!locks.is_wanted().unwrap());
        let maintain = AccessLocks::open(directory.path()).unwrap();
        maintain.maintaining.lock().unwrap();
        assert!(locks.is_wanted().unwrap());
        assert!(maintain.copying.try_lock().is_err());
        drop(access);
        maintain.copying.try_lock().unwrap();
        // `take` stops at its second attempt.
        let looked = AtomicBool::new(false);
        let stop = || looked.swap(true, Ordering::Relaxed);
        assert!(locks.take(&stop).unwrap().is_none());
        drop(maintain);
        assert!(locks.take(&|| false).unwrap().is_some());
    }
}
