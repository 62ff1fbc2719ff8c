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
//! | `conversation` | the connection to one host: limits, heartbeat, end |
//! | `answer`, `message`, `words` | what a client answers, as values, in bounded memory |
//! | `judge`, `ssh` | from an answer to the event `host-finished` |
//! | `progress_file` | what `genbackup run` reads while a host is backed up |

pub mod answer;
mod conversation;
mod hosts;
pub mod judge;
mod message;
mod predecessor;
mod progress_file;
mod ssh;
mod words;

use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use jiff::Timestamp;

use self::answer::Answer;
use self::conversation::{Connection, Limits, Way};
use self::judge::{Ending, StorageHost, in_words, judge};
use self::progress_file::ProgressFile;
use super::record::{
    self, Event, HostFinished, HostStarted, Restic, RunStarted, Status, Warning, What, Writer,
};
use super::state::{Current, State};
use super::stop::Stop;
use super::versions::versions;
use crate::model::password;
use crate::system::journal;

pub use self::hosts::Hosts;

/// The most bytes of one host's answer. A normal one is far smaller, with one line for each unreadable file.
const ANSWER_LIMIT: u64 = 16 * 1024 * 1024;
/// The socket of this host, on which its own backup is requested.
const SOCKET: &str = "/run/genbackup/backup.sock";

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
    /// The name of the password file, for messages.
    pub password_file: String,
    /// The name of the file of the ssh key, for messages; absent if no host is on another machine.
    pub key_file: Option<String>,
    /// The command that connects to the backup socket of a host whose name is added.
    pub connect: Vec<OsString>,
    /// The state directory.
    pub state: State,
    /// The directory of this run, from which `genbackup run` reads the progress.
    pub runtime: PathBuf,
    /// The directory of the credentials `restic-password` and `ssh-key`.
    pub credentials: PathBuf,
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

/// What all hosts of a run share.
struct Shared<'r> {
    run: &'r Run,
    record: &'r Writer,
    stop: &'r Stop,
    /// This host's kernel host name, if a client can compare it with its own.
    kernel_name: Option<String>,
}

impl Run {
    /// Backs up the hosts.
    ///
    /// # Errors
    /// When a directory of the unit cannot be used. A host that fails, and a record that cannot be written, are no errors.
    pub fn back_up(&self) -> Result<Outcome> {
        let stop = Stop::on_signals()?;
        let runs = self.state.runs();
        create_directory(&runs)?;
        let lock = predecessor::wait(&self.state, self.lock_wait)?;
        if lock.is_some() {
            // Forget and prune rely on this file after the run, and find it again before that.
            drop(self.state.set_current(Current::Running));
        }
        // Look for the newest record before this run has a name, so that a record that begins later does not count as one
        // from the future.
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

        let shared = Shared {
            run: self,
            record: &record,
            stop: &stop,
            kernel_name: kernel_name(),
        };
        // A stop is recorded behind `run-started`, because it waits for the guard, too.
        stop.set_record(Some(Arc::clone(&record)));
        // The hosts do not wait for the versions of this host; their events do.
        let mut guard = record.guard();
        let outcome = thread::scope(|scope| {
            let hosts = scope.spawn(|| match &problem {
                None => shared.back_up_all(),
                Some(why) => shared.call_off(why),
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
        let read = |name: &str| fs::read(self.credentials.join(name)).unwrap_or_default();
        password::problem(&read("restic-password"), &self.password_file).or_else(|| {
            let file = self.key_file.as_ref()?;
            password::is_blank(&read("ssh-key")).then(|| {
                format!(
                    "the ssh key {file} is missing or empty: its file system may be locked or not mounted"
                )
            })
        })
    }

    fn way_to(&self, host: &str) -> Way {
        if host == self.storage_host {
            Way::Socket(self.socket.clone().unwrap_or_else(|| SOCKET.into()))
        } else {
            Way::Command(self.connect.iter().cloned().chain([host.into()]).collect())
        }
    }
}

impl Shared<'_> {
    /// Requests no backup. Records for each host why it has no snapshot of this run, and prints the reason.
    fn call_off(&self, why: &str) -> Outcome {
        journal::warn(why);
        for host in &self.run.hosts.names {
            self.record.append(What::HostFinished(Box::new(HostFinished {
                host: host.clone(),
                status: Status::Failed,
                why: Some(why.to_owned()),
                ..HostFinished::default()
            })));
        }
        Outcome::Failed
    }

    /// Backs up the hosts, some at the same time, in the order of the fleet. The worst result counts.
    fn back_up_all(&self) -> Outcome {
        let hosts = &self.run.hosts.names;
        let next = AtomicUsize::new(0);
        let worst = Mutex::new(Outcome::Ok);
        let work = || {
            while let Some(host) = hosts.get(next.fetch_add(1, Ordering::Relaxed)) {
                let outcome = Outcome::of(&self.back_up(host));
                let mut worst = worst.lock().unwrap_or_else(PoisonError::into_inner);
                *worst = outcome.max(*worst);
            }
        };
        let threads = self.run.max_parallel.clamp(1, hosts.len().max(1));
        let all_ended = thread::scope(|scope| {
            let threads: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
            threads.into_iter().all(|thread| thread.join().is_ok())
        });
        if all_ended {
            worst.into_inner().unwrap_or_else(PoisonError::into_inner)
        } else {
            Outcome::Failed
        }
    }

    fn back_up(&self, host: &str) -> Status {
        let limits = Limits {
            time: self.run.time_limit,
            answer: ANSWER_LIMIT,
        };
        let clock = Instant::now();
        let started = Event::now(What::HostStarted(HostStarted {
            host: host.to_owned(),
        }));
        let mut progress = ProgressFile::create(&self.run.runtime, host);
        let connection = Connection::open(&self.run.way_to(host), limits);
        let (answer, ending) = match connection {
            Ok(mut connection) => {
                connection.send(&self.request(host));
                self.record.guard().append(&started);
                let mut answer = Answer::default();
                let ending = connection.read(limits, |line, is_cut| {
                    progress.note(line);
                    answer.add(line, is_cut);
                });
                (answer, ending)
            }
            Err(ending) => {
                self.record.guard().append(&started);
                (Answer::default(), ending)
            }
        };
        drop(progress);
        // systemd also sends the signal to ssh, whose end would count as that of the host.
        self.stop.wait_for_end();
        self.judge(host, answer, &ending, clock)
    }

    fn judge(&self, host: &str, answer: Answer, ending: &Ending, clock: Instant) -> Status {
        if let Some(summary) = answer.summary() {
            self.record.append(What::Restic(Restic {
                host: host.to_owned(),
                message: summary.clone(),
            }));
        }
        let storage = self.storage_name(host);
        let seconds = clock.elapsed().as_secs_f64();
        let finished = judge(host, answer, ending, storage, seconds, Timestamp::now());
        journal::note(in_words(&finished));
        let status = finished.status.clone();
        self.record.append(What::HostFinished(Box::new(finished)));
        status
    }

    /// This host's kernel host name, which a client compares with its own: a restic that an administrator starts on this
    /// host removes a lock at once if it has this host's name and its process does not run here. No host gets the name of
    /// another client.
    fn storage_name(&self, host: &str) -> Option<StorageHost<'_>> {
        let name = self.run.storage_host.as_str();
        let kernel_name = self.kernel_name.as_deref().filter(|_| host != name)?;
        Some(StorageHost { name, kernel_name })
    }

    /// The request, the password, and the name that the host compares with its own. To a client of an older release, the
    /// last line is a sign of life. The password is read for each host, and only kept until it is sent.
    fn request(&self, host: &str) -> Vec<u8> {
        let names = self.storage_name(host);
        let names = names.map_or_else(String::new, |StorageHost { name, kernel_name }| {
            format!("{name}={kernel_name}")
        });
        let file = fs::read(self.run.credentials.join("restic-password")).unwrap_or_default();
        let mut request = format!("genbackup/1 backup {}\n", self.record.run()).into_bytes();
        request.extend_from_slice(password::first_line(&file));
        request.extend_from_slice(format!("\nnames {names}\n").as_bytes());
        request
    }
}

/// This host's kernel host name, if it has only characters that stand in one word of a line.
fn kernel_name() -> Option<String> {
    let name = nix::unistd::gethostname().ok()?.into_string().ok()?;
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "._()-".contains(c);
    ((1..=64).contains(&name.len()) && name.chars().all(is_plain)).then_some(name)
}

#[expect(
    clippy::disallowed_methods,
    reason = "systemd makes the state directory, and the first run makes the directory of the records in it"
)]
fn create_directory(path: &PathBuf) -> Result<()> {
    fs::create_dir_all(path).with_context(|| format!("cannot make the directory {}", path.display()))
}
