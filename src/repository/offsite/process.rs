//! Runs a program that may take days: reads what it prints, and ends it when it is time to stop.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// How often `stop` is asked whether it is time to stop.
const ASKED_EVERY: Duration = Duration::from_secs(1);

/// Why to stop now, if it is time to.
pub(crate) type Stop<'s> = &'s (dyn Fn() -> Option<String> + Sync);

/// It was time to stop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stopped {
    /// Why.
    pub why: String,
}

impl std::fmt::Display for Stopped {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "stopped: {}", self.why)
    }
}

impl std::error::Error for Stopped {}

/// How the program ended.
#[derive(Debug)]
pub(super) struct Ended {
    /// Its exit status; `None` if a signal ended it.
    pub(super) status: Option<i32>,
    /// Its standard output.
    pub(super) output: Vec<u8>,
}

/// The functions that take each line that a program prints, while it runs.
pub(super) struct Heard<'h> {
    /// Of its standard output.
    pub(super) output: &'h (dyn Fn(&[u8]) + Sync),
    /// Of its standard error.
    pub(super) errors: &'h mut dyn FnMut(&[u8]) -> Next,
}

/// What to do after a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// Read the next line.
    Continue,
    /// End the program: it cannot do what it was asked to do.
    End,
}

/// Runs a program with this input, and passes on its output. `signal` ends it.
///
/// # Errors
/// [`Stopped`], or when the program cannot be started or its output cannot be read.
pub(super) fn run(
    command: &mut Command,
    input: &str,
    stop: Stop<'_>,
    signal: Signal,
    heard: Heard<'_>,
) -> Result<Ended> {
    let Heard {
        output: each_output,
        errors: each_error,
    } = heard;
    if let Some(why) = stop() {
        return Err(Stopped { why }.into());
    }
    let program = command.get_program().display().to_string();
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start `{program}`; the package `{program}` contains it"))?;
    let (to, output, errors) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let (lines, received) = channel();
    thread::scope(|scope| {
        // Each stream has a separate thread: the program waits for none of them.
        let writer = scope.spawn(move || to.map(|mut to| to.write_all(input.as_bytes())));
        let output = scope.spawn(move || {
            let mut bytes = Vec::new();
            let mut from = output.map(BufReader::new);
            while let Some(from) = &mut from {
                let start = bytes.len();
                if from.read_until(b'\n', &mut bytes)? == 0 {
                    break;
                }
                each_output(bytes.get(start..).unwrap_or_default());
            }
            std::io::Result::Ok(bytes)
        });
        scope.spawn(move || {
            let errors = errors
                .into_iter()
                .flat_map(|errors| BufReader::new(errors).split(b'\n'));
            for line in errors.map_while(Result::ok) {
                if lines.send(line).is_err() {
                    break;
                }
            }
        });
        let (mut stopped, mut has_failed) = (None, false);
        loop {
            match received.recv_timeout(ASKED_EVERY) {
                Ok(line) => has_failed |= each_error(&line) == Next::End,
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            // A program may ignore a signal until it has set up its handler.
            if let Some(why) = stop() {
                stopped = Some(why);
            }
            if has_failed || stopped.is_some() {
                end(&child, signal);
            }
        }
        let status = child
            .wait()
            .with_context(|| format!("cannot wait for {program}"))?;
        // A program that fails may end before it has read all.
        let _written = writer.join();
        let output = output
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        match stopped {
            Some(why) if !status.success() => Err(Stopped { why }.into()),
            _ => Ok(Ended {
                status: status.code(),
                output,
            }),
        }
    })
}

/// Asks the program to end. It is no error if it has ended already.
fn end(child: &Child, signal: Signal) {
    if let Ok(id) = i32::try_from(child.id()) {
        let _gone = kill(Pid::from_raw(id), signal);
    }
}
