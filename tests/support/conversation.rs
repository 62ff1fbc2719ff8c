//! A program at a terminal: the test waits for its questions and answers them.

use std::fs::File;
use std::io::{Read, Write};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::pty::terminal;

/// The longest time that a program may take to print what the test expects.
const DEADLINE: Duration = Duration::from_secs(30);

/// A program at a terminal, which is its standard input, output and error.
pub(crate) struct Conversation {
    child: Child,
    terminal: File,
    output: Receiver<Vec<u8>>,
    printed: Vec<u8>,
    /// The end of the text that the test awaited last.
    read: usize,
}

impl Conversation {
    /// Starts a program at a terminal of this number of columns.
    pub(crate) fn start(command: &mut Command, columns: u16) -> Result<Self> {
        let (terminal, slave) = terminal(columns)?;
        let child = command
            .stdin(Stdio::from(slave.try_clone()?))
            .stdout(Stdio::from(slave.try_clone()?))
            .stderr(Stdio::from(slave))
            .env("TERM", "xterm")
            .env_remove("NO_COLOR")
            .spawn()?;
        // Our own copies of its end would keep the terminal open.
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let mut reader = terminal.try_clone()?;
        let (sender, output) = channel();
        std::thread::spawn(move || {
            let mut chunk = [0; 4096];
            // A terminal that nobody else has open is an error to read (EIO), and the end.
            while let Ok(read @ 1..) = reader.read(&mut chunk) {
                let chunk = chunk.get(..read).unwrap_or_default().to_vec();
                if sender.send(chunk).is_err() {
                    break;
                }
            }
        });
        Ok(Self {
            child,
            terminal,
            output,
            printed: Vec::new(),
            read: 0,
        })
    }

    /// Waits until it prints a text after the last answer.
    pub(crate) fn wait_for(&mut self, expected: &str) -> Result<()> {
        let end = Instant::now() + DEADLINE;
        loop {
            let printed = self.printed();
            if let Some(place) = printed.get(self.read..).and_then(|rest| rest.find(expected)) {
                self.read += place + expected.len();
                return Ok(());
            }
            match self
                .output
                .recv_timeout(end.saturating_duration_since(Instant::now()))
            {
                Ok(chunk) => self.printed.extend(chunk),
                Err(RecvTimeoutError::Timeout) => bail!("no `{expected}` in time:\n{printed}"),
                Err(RecvTimeoutError::Disconnected) => bail!("it ended without `{expected}`:\n{printed}"),
            }
        }
    }

    /// Waits for a question and types something.
    pub(crate) fn answer(&mut self, question: &str, keys: &str) -> Result<()> {
        self.wait_for(question)?;
        self.terminal.write_all(keys.as_bytes())?;
        Ok(())
    }

    /// Waits for its end; its exit status and all that it printed.
    pub(crate) fn end(mut self) -> Result<(ExitStatus, String)> {
        let end = Instant::now() + DEADLINE;
        loop {
            match self
                .output
                .recv_timeout(end.saturating_duration_since(Instant::now()))
            {
                Ok(chunk) => self.printed.extend(chunk),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {
                    self.child.kill()?;
                    bail!("it does not end:\n{}", self.printed());
                }
            }
        }
        Ok((self.child.wait()?, self.printed()))
    }

    /// What it printed so far, without what the terminal obeys.
    fn printed(&self) -> String {
        let text = String::from_utf8_lossy(&self.printed);
        let mut parts = text.split("\u{1b}[");
        let first = parts.next().unwrap_or_default().to_owned();
        parts.fold(first, |plain, part| {
            let is_argument = |character: char| !character.is_ascii_alphabetic();
            let rest = part.trim_start_matches(is_argument);
            plain + rest.get(1..).unwrap_or_default()
        })
    }
}
