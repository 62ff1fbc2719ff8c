//! The turn of each host: its part of a run.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use jiff::Timestamp;

use super::answer::Answer;
use super::conversation::{Connection, Limits, Next, Way};
use super::judge::{Ending, StorageHost, in_words, judge};
use super::progress_file::ProgressFile;
use super::{Outcome, Run};
use crate::runs::record::{Event, HostFinished, HostStarted, Restic, Status, What, Writer};
use crate::runs::stop::Stop;
use crate::system::journal;

/// The most bytes of one host's answer. A normal one is far smaller, with one line for each unreadable file.
const ANSWER_LIMIT: u64 = 16 * 1024 * 1024;
/// The socket of this host, on which its own backup is requested.
const SOCKET: &str = "/run/genbackup/backup.sock";

/// The turns of the hosts of a run.
pub(super) struct Turns<'r> {
    run: &'r Run,
    record: &'r Writer,
    stop: &'r Stop,
    /// This host's kernel host name, if a client can compare it with its own.
    kernel_name: Option<String>,
}

impl<'r> Turns<'r> {
    /// The turns of the hosts of a run.
    pub(super) fn new(run: &'r Run, record: &'r Writer, stop: &'r Stop) -> Self {
        Self {
            run,
            record,
            stop,
            kernel_name: kernel_name(),
        }
    }

    /// Requests no backup. Records for each host why it has no snapshot of this run, and prints the reason.
    pub(super) fn call_off(&self, why: &str) -> Outcome {
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
    pub(super) fn all(&self) -> Outcome {
        let hosts = &self.run.hosts.names;
        let next = AtomicUsize::new(0);
        let worst = Mutex::new(Outcome::Ok);
        let threads = self.run.max_parallel.clamp(1, hosts.len().max(1));
        let all_ended = thread::scope(|scope| {
            let work = || {
                while let Some(host) = hosts.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let (status, connection) = self.back_up(host);
                    // The next host need not wait until ssh has ended.
                    if let Some(connection) = connection {
                        scope.spawn(|| connection.close());
                    }
                    let mut worst = worst.lock().unwrap_or_else(PoisonError::into_inner);
                    *worst = Outcome::of(&status).max(*worst);
                }
            };
            let threads: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
            threads.into_iter().all(|thread| thread.join().is_ok())
        });
        if all_ended {
            worst.into_inner().unwrap_or_else(PoisonError::into_inner)
        } else {
            Outcome::Failed
        }
    }

    /// One turn. The connection may still have to be closed.
    fn back_up(&self, host: &str) -> (Status, Option<Connection>) {
        let limits = Limits {
            time: self.run.time_limit,
            answer: ANSWER_LIMIT,
        };
        let clock = Instant::now();
        let started = Event::now(What::HostStarted(HostStarted {
            host: host.to_owned(),
        }));
        let mut progress = ProgressFile::create(&self.run.runtime, host);
        let mut connection = Connection::open(&self.way_to(host), limits);
        if let Ok(connection) = &mut connection {
            connection.send(&self.request(host));
        }
        self.record.guard().append(&started);
        let mut answer = Answer::default();
        let (ending, connection) = match connection {
            Ok(mut connection) => {
                let ending = connection.read(|line, is_cut| {
                    progress.note(line);
                    answer.add(line, is_cut);
                    if answer.is_complete() {
                        Next::End
                    } else {
                        Next::Line
                    }
                });
                (ending, Some(connection))
            }
            Err(ending) => (ending, None),
        };
        drop(progress);
        // systemd also sends the signal to ssh, whose end would count as that of the host.
        self.stop.wait_for_end();
        (self.judge(host, answer, &ending, clock), connection)
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

    /// This host's kernel host name, which a client compares with its own. A restic that runs on this host
    /// removes a lock at once if the lock has this host's name and its process does not run here. No host
    /// gets the name of another client.
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
        let mut request = format!("genbackup/1 backup {}\n", self.record.run()).into_bytes();
        request.extend_from_slice(&self.run.credentials.password());
        request.extend_from_slice(format!("\nnames {names}\n").as_bytes());
        request
    }

    fn way_to(&self, host: &str) -> Way {
        if host == self.run.storage_host {
            Way::Socket(self.run.socket.clone().unwrap_or_else(|| SOCKET.into()))
        } else {
            Way::Command(self.run.connect.iter().cloned().chain([host.into()]).collect())
        }
    }
}

/// This host's kernel host name, if it has only characters that stand in one word of a line.
fn kernel_name() -> Option<String> {
    let name = nix::unistd::gethostname().ok()?.into_string().ok()?;
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "._()-".contains(c);
    ((1..=64).contains(&name.len()) && name.chars().all(is_plain)).then_some(name)
}
