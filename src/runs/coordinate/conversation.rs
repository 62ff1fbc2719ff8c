//! The conversation with one host: the request goes out, and the answer comes in line by line.

#![expect(
    clippy::disallowed_methods,
    reason = "this module starts ssh, which connects to the backup socket of a host"
)]

use std::ffi::OsString;
use std::io::{ErrorKind, Write};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, killpg};
use nix::sys::wait::{Id, WaitPidFlag, waitid};
use nix::unistd::Pid;

use super::judge::{Ending, How};
use super::output::{Received, read_complaint, read_lines};

/// The host stops restic after 25 s without a line: then this process, or the connection, is gone.
const HEARTBEAT: Duration = Duration::from_secs(5);
/// How long ssh has to end after SIGTERM.
const KILL_AFTER: Duration = Duration::from_secs(30);
/// How long another process may hold the output of an ssh that has ended, and how long ssh has to end after the answer.
const STRAY: Duration = Duration::from_secs(5);
/// The number of lines that wait to be read.
const QUEUE: usize = 16;

/// The way to the backup socket of a host.
#[derive(Debug)]
pub(super) enum Way {
    /// The socket of this host itself.
    Socket(PathBuf),
    /// A command that connects its standard input and output to the socket of another host.
    Command(Vec<OsString>),
}

/// The limits of a conversation.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// From the connection to the end of the answer.
    pub(super) time: Duration,
    /// The most bytes of an answer.
    pub(super) answer: u64,
}

/// Whether an answer goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// More lines may come.
    Line,
    /// The answer is complete.
    End,
}

/// What ended a wait.
enum Waited {
    /// The answer is complete.
    Complete,
    /// The connection has ended.
    Ended,
    /// The connection was ended at the time limit.
    OverTime,
}

/// An open connection.
pub(super) struct Connection {
    input: Option<Box<dyn Write + Send>>,
    received: Receiver<Received>,
    process: Option<Child>,
    socket: Option<UnixStream>,
    complaint: Arc<Mutex<Vec<u8>>>,
    /// What has not ended yet: the output, and the messages and the process of a command.
    open: u8,
    deadline: Instant,
    /// What was cut off at the limit of the answer.
    cut_off_at: Option<u64>,
}

impl Connection {
    /// Connects to a host.
    ///
    /// # Errors
    /// How the connection ended before it began.
    pub(super) fn open(way: &Way, limits: Limits) -> Result<Self, Ending> {
        let deadline = Instant::now() + limits.time;
        match way {
            Way::Socket(path) => Self::to_socket(path, limits, deadline).map_err(|error| Ending {
                how: How::NoSocket,
                complaint: error.to_string(),
                cut_off_at: None,
            }),
            Way::Command(words) => Self::by_command(words, limits, deadline).map_err(|error| Ending {
                how: match error.kind() {
                    ErrorKind::NotFound => How::NoProgram,
                    _ => How::SshFailed,
                },
                complaint: format!(
                    "cannot start {}: {error}",
                    words
                        .first()
                        .map(|word| word.to_string_lossy())
                        .unwrap_or_default()
                ),
                cut_off_at: None,
            }),
        }
    }

    fn to_socket(path: &PathBuf, limits: Limits, deadline: Instant) -> std::io::Result<Self> {
        let socket = UnixStream::connect(path)?;
        let (input, output) = (socket.try_clone()?, socket.try_clone()?);
        let (sender, received) = sync_channel(QUEUE);
        thread::spawn(move || read_lines(output, limits.answer, &sender));
        Ok(Self {
            input: Some(Box::new(input)),
            received,
            process: None,
            socket: Some(socket),
            complaint: Arc::default(),
            open: 1,
            deadline,
            cut_off_at: None,
        })
    }

    fn by_command(words: &[OsString], limits: Limits, deadline: Instant) -> std::io::Result<Self> {
        let (program, arguments) = words.split_first().ok_or(ErrorKind::InvalidInput)?;
        let mut process = Command::new(program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // At the time limit, the signal reaches what it has started, too.
            .process_group(0)
            .spawn()?;
        let (sender, received) = sync_channel(QUEUE);
        let complaint = Arc::default();
        if let Some(output) = process.stdout.take() {
            let sender = sender.clone();
            thread::spawn(move || read_lines(output, limits.answer, &sender));
        }
        if let Some(messages) = process.stderr.take() {
            let (kept, sender) = (Arc::clone(&complaint), sender.clone());
            thread::spawn(move || read_complaint(messages, &kept, &sender));
        }
        let id = Id::Pid(Pid::from_raw(process.id().cast_signed()));
        thread::spawn(move || {
            // It stays a process that can be signalled until it is reaped.
            let _ = waitid(id, WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT);
            drop(sender.send(Received::Exited));
        });
        Ok(Self {
            input: process
                .stdin
                .take()
                .map(|input| Box::new(input) as Box<dyn Write + Send>),
            received,
            process: Some(process),
            socket: None,
            complaint,
            open: 3,
            deadline,
            cut_off_at: None,
        })
    }

    /// Sends text. If the host has hung up, its answer shows why.
    pub(super) fn send(&mut self, text: &[u8]) {
        if let Some(input) = &mut self.input {
            drop(input.write_all(text).and_then(|()| input.flush()));
        }
    }

    /// Reads the answer until it is complete, or until the connection has ended. Sends a line every few seconds, so that
    /// the host knows that this process is alive.
    pub(super) fn read(&mut self, mut each: impl FnMut(&[u8], bool) -> Next) -> Ending {
        let how = match self.wait(self.deadline, &mut each) {
            Waited::Complete => How::Closed,
            Waited::OverTime => How::TimeLimit,
            Waited::Ended => match self.status() {
                Some(255) => How::SshFailed,
                Some(127) => How::NoProgram,
                _ => How::Closed,
            },
        };
        let complaint = self.complaint.lock().unwrap_or_else(PoisonError::into_inner);
        Ending {
            how,
            complaint: String::from_utf8_lossy(&complaint).into_owned(),
            cut_off_at: self.cut_off_at,
        }
    }

    /// Waits until the connection has ended, after a complete answer. Ends it if that takes long.
    pub(super) fn close(mut self) {
        self.input = None;
        self.wait(Instant::now() + STRAY, &mut |_, _| Next::Line);
        self.status();
    }

    fn wait(&mut self, mut end: Instant, each: &mut impl FnMut(&[u8], bool) -> Next) -> Waited {
        let mut has_exited = false;
        let mut beat = Instant::now();
        let mut is_over_time = false;
        while self.open > 0 {
            let wait = beat.min(end).saturating_duration_since(Instant::now());
            match self.received.recv_timeout(wait) {
                Ok(Received::Line { line, is_cut }) => {
                    if each(&line, is_cut) == Next::End && !is_over_time {
                        return Waited::Complete;
                    }
                }
                Ok(Received::OutputEnded { cut_off_at }) => {
                    self.cut_off_at = cut_off_at;
                    self.open -= 1;
                    // ssh ends at the end of its input.
                    self.input = None;
                }
                Ok(Received::ComplaintEnded) => self.open -= 1,
                Ok(Received::Exited) => {
                    has_exited = true;
                    self.open -= 1;
                    end = end.min(Instant::now() + STRAY);
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            if Instant::now() >= beat {
                beat = Instant::now() + HEARTBEAT;
                self.send(b"\n");
            }
            if Instant::now() >= end {
                if has_exited {
                    break;
                }
                self.end(is_over_time);
                is_over_time = true;
                end = Instant::now() + KILL_AFTER;
            }
        }
        if is_over_time {
            Waited::OverTime
        } else {
            Waited::Ended
        }
    }

    /// The exit status of the process, after its end.
    fn status(&mut self) -> Option<i32> {
        self.process.as_mut()?.wait().ok()?.code()
    }

    /// Ends the connection at the time limit: first so that ssh can end in order, then by force.
    fn end(&mut self, by_force: bool) {
        self.input = None;
        if let Some(socket) = &self.socket {
            drop(socket.shutdown(std::net::Shutdown::Both));
        }
        if let Some(process) = &self.process {
            let signal = if by_force {
                Signal::SIGKILL
            } else {
                Signal::SIGTERM
            };
            let _ = killpg(Pid::from_raw(process.id().cast_signed()), signal);
        }
    }
}
