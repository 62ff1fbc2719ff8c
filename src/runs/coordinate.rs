//! Backs up the hosts of a run, and writes its record: what `run-backups` starts on the storage host.
//!
//! 1. Wait for another run until it ends, and for forget and prune of the previous run for a limited time.
//! 2. Begin the record. Check the credentials.
//! 3. Connect to each host, hand the password over, read the answer, and judge it. Some hosts at the same time.
//! 4. Hand the record over to forget and prune, which systemd starts next.
//!
//! | module | its one job |
//! | --- | --- |
//! | `hosts` | which hosts a run backs up |
//! | `predecessor` | the lock, and the previous run that waits for forget and prune |
//! | `turns` | the turn of each host, some at the same time |
//! | `conversation`, `output` | the connection to one host: limits, heartbeat, end |
//! | `answer`, `message`, `words` | what a client answers, as values, in bounded memory |
//! | `judge`, `lacks`, `ssh` | from an answer to the event `host-finished` |
//! | `progress_file` | what `genbackup run` reads while a host is backed up |

pub mod answer;
mod conversation;
mod hosts;
pub mod judge;
mod lacks;
mod message;
mod output;
mod predecessor;
mod progress_file;
mod ssh;
mod turns;
mod words;

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyhow::Result;

use self::turns::Turns;
use super::record::{self, Event, RunStarted, Status, Warning, What, Writer};
use super::state::{Current, State};
use super::stop::Stop;
use super::versions::versions;
use crate::model::password;
use crate::system::credentials::Credentials;
use crate::system::journal;

pub use self::hosts::Hosts;

/// What a run over some hosts needs.
#[derive(Debug, Clone)]
pub struct Run {
    /// The storage host, by its name in the fleet file.
    pub storage_host: String,
    /// The hosts.
    pub hosts: Hosts,
    /// How many hosts are backed up at the same time.
    pub max_parallel: usize,
    /// The time limit of one host, from the connection to the end of its answer.
    pub time_limit: Duration,
    /// How long to wait for forget and prune of the previous run.
    pub lock_wait: Duration,
    /// The name of the file of the ssh key, for messages; absent if no host is on another machine.
    pub key_file: Option<String>,
    /// The command that connects to the backup socket of a host whose name is added.
    pub connect: Vec<OsString>,
    /// The state directory.
    pub state: State,
    /// The directory of this run, from which `genbackup run` reads the progress.
    pub runtime: PathBuf,
    /// The credentials `restic-password` and `ssh-key`.
    pub credentials: Credentials,
    /// systemd's name for this time of the unit.
    pub invocation: Option<String>,
    /// The socket of this host, if it is not the usual one.
    pub socket: Option<PathBuf>,
}

/// How the hosts of a run ended, as an exit status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// All hosts succeeded.
    Ok,
    /// A snapshot is partial.
    Partial,
    /// A host has no snapshot of this run.
    Failed,
}

impl Outcome {
    /// The exit status of `run-backups`.
    #[must_use]
    pub const fn exit_status(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::Partial => 3,
            Self::Failed => 1,
        }
    }

    const fn of(status: &Status) -> Self {
        match status {
            Status::Ok => Self::Ok,
            Status::Partial => Self::Partial,
            _ => Self::Failed,
        }
    }
}

impl Run {
    /// Backs up the hosts.
    ///
    /// # Errors
    /// When a directory of the unit cannot be used. A host that fails, and a record that cannot be written, are no errors.
    pub fn back_up(&self) -> Result<Outcome> {
        let stop = Stop::on_signals()?;
        let runs = self.state.make_runs()?;
        let lock = predecessor::wait(&self.state, self.lock_wait)?;
        if lock.is_some() {
            // Forget and prune rely on this file after the run, and find it again before that.
            drop(self.state.set_current(Current::Running));
        }
        // Look for the newest record before this run has a name. Otherwise a record that begins later would
        // count as one from the future.
        let newest = record::list(&runs).unwrap_or_default().pop();
        let record = Arc::new(Writer::begin(&runs));
        let run = record.run();
        let of_the_future = newest.filter(|newest| *newest > run).map(|newest| {
            format!("this host's clock is or was wrong: the record {newest} is from the future")
        });
        let problem = if lock.is_none() {
            let seconds = self.lock_wait.as_secs();
            Some(format!(
                "forget and prune of the previous run have been running for more than {seconds} s"
            ))
        } else {
            self.problem_of_credentials()
        };

        let turns = Turns::new(self, &record, &stop);
        // A stop is recorded behind `run-started`, because it waits for the guard, too.
        stop.set_record(Some(Arc::clone(&record)));
        // The hosts do not wait for the versions of this host; their events do.
        let mut guard = record.guard();
        let outcome = thread::scope(|scope| {
            let hosts = scope.spawn(|| match &problem {
                None => turns.all(),
                Some(why) => turns.call_off(why),
            });
            guard.append(&Event::now(What::RunStarted(self.run_started(&record))));
            if let Some(why) = of_the_future {
                journal::warn(&why);
                guard.append(&Event::now(What::Warning(Warning { why })));
            }
            drop(guard);
            // A thread that panicked has no result.
            hosts.join().unwrap_or(Outcome::Failed)
        });
        stop.set_record(None);

        if lock.is_none() {
            // systemd does not start forget and prune again while they are running, so this record ends here.
            record.append(What::RunFinished);
            return Ok(Outcome::Failed);
        }
        // Forget and prune follow, and write the rest of this record. They rely on it, so they do nothing if it is
        // incomplete.
        if !record.is_complete() || self.state.set_current(Current::HandedOver(run)).is_err() {
            drop(self.state.set_current(Current::Incomplete));
            let path = record.path().display();
            journal::warn(format_args!(
                "skipping forget and prune: the record {path} is incomplete"
            ));
            return Ok(Outcome::Failed);
        }
        Ok(outcome)
    }

    fn run_started(&self, record: &Writer) -> RunStarted {
        RunStarted {
            run: record.run().to_string(),
            hosts: self.hosts.names.clone(),
            versions: versions(),
            chosen: self.hosts.are_chosen,
            beside: false,
            invocation: self.invocation.clone(),
        }
    }

    /// Why no backup can be requested.
    fn problem_of_credentials(&self) -> Option<String> {
        self.credentials.problem_of_password().or_else(|| {
            let file = self.key_file.as_ref()?;
            password::is_blank(&self.credentials.read("ssh-key")).then(|| {
                format!(
                    "the ssh key {file} is missing or empty: its file system may be locked or not mounted"
                )
            })
        })
    }
}
