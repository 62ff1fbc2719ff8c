//! One restic of forget and prune: its output, its complaint, and the signal that stops it.

#![expect(
    clippy::disallowed_methods,
    reason = "this module starts restic, and keeps its output in the runtime directory of the unit"
)]

use std::ffi::OsString;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{Id, WaitPidFlag, waitid};
use nix::unistd::Pid;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::runs::complaint::{Complaint, exit_status};
use crate::system::journal;

/// How often a restic that is to stop gets the signal: it ignores the signal until it has set up its handler.
const REMIND: Duration = Duration::from_secs(1);
/// The most bytes of a line of restic's messages that are read.
const LONGEST_LINE: u64 = 64 * 1024;
/// The exit status of a restic that was not started, because a signal came first.
const STOPPED: i32 = 130;
/// The exit status of a program that is missing, as a shell reports it.
const MISSING: i32 = 127;

/// How a restic ended.
#[derive(Debug, Clone)]
pub(super) struct Ended {
    /// Its exit status; 128 and the number of the signal that ended it.
    pub(super) status: i32,
    /// What it printed on standard error.
    pub(super) complaint: Complaint,
}

/// Whether this process is to stop, and the restic that has to stop first, so that it removes its lock.
#[derive(Debug, Clone, Default)]
pub(super) struct Interrupt(Arc<(Mutex<State>, Condvar)>);

#[derive(Debug, Default)]
struct State {
    has_come: bool,
    restic: Option<Pid>,
}

impl Interrupt {
    /// Waits in a thread for SIGINT and SIGTERM, and passes them on to restic as SIGINT: every version of restic removes
    /// its lock then.
    ///
    /// # Errors
    /// When this process cannot wait for signals.
    pub(super) fn on_signals() -> Result<Self> {
        let interrupt = Self::default();
        let mut signals = Signals::new([SIGINT, SIGTERM]).context("cannot wait for signals")?;
        let same = interrupt.clone();
        thread::spawn(move || {
            if signals.forever().next().is_some() {
                same.come();
            }
        });
        Ok(interrupt)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Stops restic; reminds it until this process ends.
    fn come(&self) {
        self.state().has_come = true;
        self.0.1.notify_all();
        loop {
            self.state().interrupt();
            thread::park_timeout(REMIND);
        }
    }

    /// True if this process is to stop.
    pub(super) fn has_come(&self) -> bool {
        self.state().has_come
    }

    /// Waits, unless this process is to stop.
    pub(super) fn pause(&self, duration: Duration) {
        let state = self.state();
        let waited = self
            .0
            .1
            .wait_timeout_while(state, duration, |state| !state.has_come);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }

    /// From now on, a signal is passed on to this restic.
    fn set_restic(&self, restic: Option<Pid>) {
        let mut state = self.state();
        state.restic = restic;
        if state.has_come {
            state.interrupt();
        }
    }
}

impl State {
    fn interrupt(&self) {
        if let Some(restic) = self.restic {
            let _ = kill(restic, Signal::SIGINT);
        }
    }
}

/// Runs restic to its end. Its output goes to a file, its messages to the journal.
pub(super) fn run(command: &[OsString], password_file: &Path, interrupt: &Interrupt, output: &Path) -> Ended {
    let mut complaint = Complaint::default();
    if interrupt.has_come() {
        let status = STOPPED;
        return Ended { status, complaint };
    }
    match start(command, password_file, output) {
        Ok(mut restic) => {
            let id = Pid::from_raw(restic.id().cast_signed());
            interrupt.set_restic(Some(id));
            if let Some(messages) = restic.stderr.take() {
                read(messages, &mut complaint);
            }
            // It stays a process that can be signalled until it is reaped.
            let _ = waitid(Id::Pid(id), WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT);
            interrupt.set_restic(None);
            Ended {
                status: restic.wait().map_or(1, exit_status),
                complaint,
            }
        }
        Err(error) => {
            let error = format!("{error:#}");
            journal::warn(&error);
            complaint.add(&error);
            let status = MISSING;
            Ended { status, complaint }
        }
    }
}

fn start(command: &[OsString], password_file: &Path, output: &Path) -> Result<Child> {
    let (program, arguments) = command.split_first().context("there is no command")?;
    let output = File::create(output).with_context(|| format!("cannot write {}", output.display()))?;
    Command::new(program)
        .args(arguments)
        .env("RESTIC_PASSWORD_FILE", password_file)
        .stdin(Stdio::null())
        .stdout(output)
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start {}", program.to_string_lossy()))
}

/// Reads messages line by line to their end, and passes them on to the journal.
fn read(messages: impl Read, complaint: &mut Complaint) {
    let mut messages = BufReader::new(messages);
    let mut line = Vec::new();
    loop {
        line.clear();
        let mut bounded = messages.by_ref().take(LONGEST_LINE);
        match bounded.read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        let text = String::from_utf8_lossy(&line);
        let text = text.trim_end_matches(['\n', '\r']);
        journal::warn(text);
        complaint.add(text);
    }
}
