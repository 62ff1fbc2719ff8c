//! A program whose input and output threads carry. So each wait has a deadline, and its output takes a
//! bounded amount of memory.

use std::io::{self, Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use super::complaint::Complaint;

/// Bytes of the longest line.
pub(super) const LONGEST_LINE: usize = 64 * 1024;
/// Bytes that are read at once.
const PIECE: usize = 64 * 1024;
/// Pieces that wait to be read.
const PIECES: usize = 4;

/// Why something did not come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Silence {
    /// It did not come in time.
    Late,
    /// The program closed its output.
    Closed,
    /// More came than is wanted.
    TooMuch,
}

/// A program that runs.
#[derive(Debug)]
pub(super) struct Link {
    child: Child,
    /// For the thread that writes its input; `None` once its input ends.
    input: Option<Sender<Vec<u8>>>,
    output: Receiver<Vec<u8>>,
    /// What arrived and was not read yet.
    unread: Vec<u8>,
    complaint: Complaint,
}

impl Link {
    /// Starts a program.
    ///
    /// # Errors
    /// When it cannot be started.
    pub(super) fn start(command: &mut Command) -> io::Result<Self> {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let (input, to_write) = channel();
        if let Some(stdin) = child.stdin.take() {
            thread::spawn(move || write_all(stdin, to_write));
        }
        let (sender, output) = sync_channel(PIECES);
        if let Some(stdout) = child.stdout.take() {
            thread::spawn(move || forward(stdout, &sender));
        }
        let complaint = Complaint::of(child.stderr.take());
        Ok(Self {
            child,
            input: Some(input),
            output,
            unread: Vec::new(),
            complaint,
        })
    }

    /// Sends bytes, without waiting for the program to read them. What is sent to a program that has ended is lost: its
    /// output ends, too.
    pub(super) fn send(&self, bytes: Vec<u8>) {
        if let Some(input) = &self.input {
            drop(input.send(bytes));
        }
    }

    /// The next line, without its end.
    pub(super) fn line(&mut self, deadline: Instant) -> Result<String, Silence> {
        loop {
            if let Some(end) = memchr::memchr(b'\n', &self.unread) {
                let line: Vec<u8> = self.unread.drain(..=end).collect();
                return Ok(String::from_utf8_lossy(&line).trim_end().to_owned());
            }
            if self.unread.len() > LONGEST_LINE {
                return Err(Silence::TooMuch);
            }
            self.receive(deadline)?;
        }
    }

    /// The next bytes.
    pub(super) fn bytes(&mut self, number: usize, deadline: Instant) -> Result<Vec<u8>, Silence> {
        while self.unread.len() < number {
            self.receive(deadline)?;
        }
        let rest = self.unread.split_off(number);
        Ok(std::mem::replace(&mut self.unread, rest))
    }

    fn receive(&mut self, deadline: Instant) -> Result<(), Silence> {
        let left = left(deadline);
        // Without this, output that never ends would never be late.
        if left.is_zero() {
            return Err(Silence::Late);
        }
        match self.output.recv_timeout(left) {
            Ok(bytes) => {
                self.unread.extend(bytes);
                Ok(())
            }
            Err(RecvTimeoutError::Timeout) => Err(Silence::Late),
            Err(RecvTimeoutError::Disconnected) => Err(Silence::Closed),
        }
    }

    /// What it printed last on its standard error.
    pub(super) fn complaint(&self) -> String {
        self.complaint.text()
    }

    /// Ends its input, waits for the end of its output until the deadline, and ends it. Returns its exit
    /// status; `None` if a signal ended it.
    pub(super) fn end(&mut self, deadline: Instant) -> Option<i32> {
        drop(self.input.take());
        loop {
            let left = left(deadline);
            if left.is_zero() || self.output.recv_timeout(left).is_err() {
                break;
            }
        }
        drop(self.child.kill());
        self.child.wait().ok()?.code()
    }
}

fn left(deadline: Instant) -> Duration {
    deadline.saturating_duration_since(Instant::now())
}

/// Writes what arrives, until the sender or the reader closes.
fn write_all(mut to: impl Write, from: Receiver<Vec<u8>>) {
    for bytes in from {
        if to.write_all(&bytes).and_then(|()| to.flush()).is_err() {
            break;
        }
    }
}

/// Sends on what arrives, until the source ends or the receiver is gone.
fn forward(mut from: impl Read, to: &SyncSender<Vec<u8>>) {
    let mut buffer = vec![0; PIECE];
    while let Ok(size @ 1..) = from.read(&mut buffer) {
        if to.send(buffer[..size].to_vec()).is_err() {
            break;
        }
    }
}
