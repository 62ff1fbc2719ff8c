//! Forgets snapshots by the keep policies, prunes, and completes the record of a run: what `maintain-repository` starts on
//! the storage host.
//!
//! 1. Wait until a run in progress ends, and continue its record. Copies of the repository stop meanwhile.
//! 2. List the snapshots. Decide from the records and the holds which hosts forget may touch.
//! 3. Forget, once for each keep policy.
//! 4. Prune. If forget failed, nothing is pruned.
//!
//! | module | its one job |
//! | --- | --- |
//! | `steps` | restic's command lines, as the script has them |
//! | `process` | one restic: its output, its complaint, a signal that stops it |
//! | `locks` | stale locks of the repository |
//! | `phase` | runs a phase, and records how it ended |
//! | `forget` | the guards before forget, and forget |

mod forget;
mod locks;
mod phase;
mod process;
mod steps;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;

use self::phase::Phases;
use self::process::Interrupt;
use crate::error::fail;
use crate::model::Phase;
use crate::runs::record::{RunStarted, RunStopped, What, Writer};
use crate::runs::state::{Current, Lock, State, Waiting};
use crate::runs::versions::versions;
use crate::system::credentials::Credentials;
use crate::system::journal;

pub(crate) use self::locks::remove_all;
pub use self::locks::remove_stale;
pub use self::steps::{Forget, Steps};

/// What forget and prune need.
#[derive(Debug, Clone)]
pub struct Maintenance {
    /// The directory of the repository.
    pub repository: PathBuf,
    /// How long to wait for a lock that another process holds.
    pub lock_wait: Duration,
    /// True if copies of the repository have to stop meanwhile.
    pub has_copies: bool,
    /// restic's command lines.
    pub steps: Steps,
    /// The state directory.
    pub state: State,
    /// A directory for restic's output, which other users cannot read.
    pub scratch: PathBuf,
    /// The credential `restic-password`.
    pub credentials: Credentials,
    /// The directory of the holds.
    pub holds: PathBuf,
}

impl Maintenance {
    /// Forgets and prunes. True if both succeeded, or if there is nothing to do, because the run was stopped.
    ///
    /// # Errors
    /// When forget and prune are skipped; the record of the run then ends without them. A phase that failed is no error.
    pub fn run(&self) -> Result<bool> {
        let _locks = self.lock()?;
        let Some(record) = self.record()? else {
            return Ok(true);
        };
        let interrupt = Interrupt::on_signals()?;
        let mut phases = Phases::new(&record, &interrupt);
        let forgot = phases.run(Phase::Forget, |finished| {
            self.forget(&interrupt, &record, finished)
        });
        if forgot {
            // The repository exists today: `init-repository` creates no other one in its place.
            self.remember_repository();
        }
        if !interrupt.has_come() {
            phases.run(Phase::Prune, |_| self.prune(&interrupt, forgot));
        }
        if interrupt.has_come() {
            let why = Some("forget or prune was stopped".to_owned());
            record.append(What::RunStopped(RunStopped { why }));
        } else {
            // A record without this event belongs to an interrupted run.
            record.append(What::RunFinished);
        }
        Ok(phases.all_succeeded() && record.is_complete())
    }

    /// Waits until a run in progress ends, and until the copies have stopped.
    fn lock(&self) -> Result<Vec<Lock>> {
        let seconds = self.lock_wait.as_secs();
        let mut waiting = self.state.wait()?;
        let lock = loop {
            waiting = match waiting.at_most(self.lock_wait)? {
                Ok(lock) => break lock,
                Err(_) if self.state.current() != Current::Running => fail!(
                    what(
                        "skipping forget and prune: {} has been locked for more than {seconds} s",
                        self.state.directory().display()
                    ),
                    hint("try again later: `systemctl start genbackup-maintain.service`")
                ),
                Err(waiting) => waiting,
            };
        };
        let mut locks = vec![lock];
        // Copies stop when they see that `maintaining` is locked, and continue after this process.
        let names: &[&str] = if self.has_copies {
            &["maintaining", "copying"]
        } else {
            &[]
        };
        for name in names {
            let waiting = Waiting::for_lock(&self.state.file(name))?;
            let Ok(lock) = waiting.at_most(self.lock_wait)? else {
                fail!(
                    what(
                        "skipping forget and prune: a copy of the repository has not stopped for more than {seconds} s"
                    ),
                    hint("see `systemctl list-units 'genbackup-offsite-*'`")
                );
            };
            locks.push(lock);
        }
        Ok(locks)
    }

    /// The record of the run whose hosts are done; its own, if this process was started alone. `None` if the run was
    /// stopped.
    fn record(&self) -> Result<Option<Writer>> {
        let current = self.state.current();
        if current == Current::None {
            let record = Writer::begin(&self.state.make_runs()?);
            record.append(What::RunStarted(RunStarted {
                run: record.run().to_string(),
                hosts: Vec::new(),
                versions: versions(),
                chosen: false,
                beside: false,
                invocation: None,
            }));
            return Ok(Some(record));
        }
        self.state.set_current(Current::None)?;
        match current {
            Current::HandedOver(run) => Ok(Some(Writer::of(&self.state.runs(), run))),
            Current::Running | Current::None => {
                journal::note(
                    "skipping forget and prune: the run was stopped before all its hosts were done",
                );
                Ok(None)
            }
            // The run could not record what forget needs to know, such as a wrong clock.
            Current::Incomplete => fail!(
                what("skipping forget and prune: the record of the previous run is incomplete"),
                hint("see `journalctl --unit=genbackup.service`; free some space if the disk is full")
            ),
        }
    }

    /// Notes that the repository existed: a file whose time is that of the last forget.
    #[expect(
        clippy::disallowed_methods,
        reason = "an empty file in the unit's own state directory; without it, only a hint is missing"
    )]
    fn remember_repository(&self) {
        drop(std::fs::write(self.state.file(super::init::MADE), ""));
    }
}
