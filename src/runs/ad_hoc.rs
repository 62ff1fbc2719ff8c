//! Runs a command that an admin records, and reports how it ended.
//!
//! The command has the input, the output, the environment and the signals that it would have without genbackup. Signals
//! are not forwarded: systemd sends them to each process of a unit, a terminal to each process of the foreground group.
//! This process survives them and waits for the command, because it records the result.

#![expect(
    clippy::disallowed_methods,
    reason = "this module starts the command that an admin records"
)]

mod recorded;

use std::ffi::OsString;
use std::io::ErrorKind;
use std::os::unix::process::ExitStatusExt;
use std::process::Command;

use anyhow::{Context, Result};
use nix::sys::signal::Signal;
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::runs::record::Status;

pub(crate) use self::recorded::Recorded;

/// The signals that end a process by default.
const ENDING: [i32; 4] = [SIGHUP, SIGINT, SIGQUIT, SIGTERM];
// The exit statuses of a shell: the program cannot be started, it is missing, and the number to which a signal is
// added.
const NOT_STARTED: u8 = 126;
const NOT_FOUND: u8 = 127;
const SIGNALLED: u8 = 128;

/// How a command ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ended {
    program: String,
    how: How,
    /// The first signal that arrived while it was running.
    stop_signal: Option<i32>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum How {
    Exited(u8),
    Killed(i32),
    NotStarted { status: u8, why: String },
}

/// Runs a command to its end.
///
/// # Errors
/// When this process cannot wait for signals or for the command. The command may still be running then.
pub(crate) fn run(program: &OsString, arguments: &[OsString]) -> Result<Ended> {
    let ignored = ignored();
    let is_heeded = |signal: &i32| ignored & (1 << (signal - 1)) == 0;
    // A program does not inherit handlers, but it inherits ignored signals. So ignored signals stay ignored.
    let mut signals =
        Signals::new(ENDING.into_iter().filter(is_heeded)).context("cannot wait for signals")?;
    let how = match Command::new(program).args(arguments).spawn() {
        Err(error) => How::NotStarted {
            status: match error.kind() {
                ErrorKind::NotFound => NOT_FOUND,
                _ => NOT_STARTED,
            },
            why: error.to_string(),
        },
        Ok(mut child) => {
            let status = child.wait().context("cannot wait for the command")?;
            match (status.code().map(u8::try_from), status.signal()) {
                (Some(Ok(code)), _) => How::Exited(code),
                (_, signal) => How::Killed(signal.unwrap_or_default()),
            }
        }
    };
    Ok(Ended {
        program: program.to_string_lossy().into_owned(),
        how,
        stop_signal: signals.pending().next(),
    })
}

/// The signals that this process ignores (`proc_pid_status(5)`), for example because `nohup` started it.
fn ignored() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .unwrap_or_default()
}

impl Ended {
    /// How it ended, as a status of a record.
    #[must_use]
    pub(crate) const fn status(&self) -> Status {
        match (&self.how, self.stop_signal) {
            (How::Exited(0), _) => Status::Ok,
            (How::NotStarted { .. }, _) | (_, None) => Status::Failed,
            (_, Some(_)) => Status::Interrupted,
        }
    }

    /// Why it failed; `None` if it succeeded.
    #[must_use]
    pub(crate) fn why(&self) -> Option<String> {
        let Self {
            program,
            how,
            stop_signal,
        } = self;
        let text = match how {
            How::Exited(0) => return None,
            How::Exited(code) => format!("{program} exited with {code}"),
            How::Killed(signal) => format!("{program} was killed by {}", name(*signal)),
            How::NotStarted { why, .. } => format!("cannot start {program}: {why}"),
        };
        Some(match stop_signal {
            Some(signal) => format!("{text}, stopped by {}", name(*signal)),
            None => text,
        })
    }

    /// The exit status of the command; `None` if a signal ended it or it was not started.
    #[must_use]
    pub(crate) const fn exit_code(&self) -> Option<u8> {
        match self.how {
            How::Exited(code) => Some(code),
            How::Killed(_) | How::NotStarted { .. } => None,
        }
    }

    /// The exit status that a shell would report.
    #[must_use]
    pub(crate) fn exit_status(&self) -> u8 {
        match self.how {
            How::Exited(code) => code,
            How::Killed(signal) => u8::try_from(signal).map_or(u8::MAX, |signal| SIGNALLED | signal),
            How::NotStarted { status, .. } => status,
        }
    }

    /// True if the command could not be started.
    #[must_use]
    pub(crate) const fn never_began(&self) -> bool {
        matches!(self.how, How::NotStarted { .. })
    }
}

fn name(signal: i32) -> String {
    Signal::try_from(signal).map_or_else(|_| format!("signal {signal}"), |signal| signal.to_string())
}
