//! A root shell on a client, behind the administrator's own ssh, that runs one script after the other.
//!
//! A script and its input are sent as a line of base64 each: what the connection cuts off is never run. An answer comes
//! back with its exit status and sizes. What a client answers is input from outside: its size and time are bounded, and
//! nothing of it is run here.

#![expect(
    clippy::disallowed_methods,
    reason = "this is the module that starts ssh for `genbackup push`"
)]

mod complaint;
mod failure;
mod link;
mod ssh;
#[cfg(test)]
mod tests;

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use base64::prelude::{BASE64_STANDARD, Engine};

use crate::error::{fail, hinted};
use crate::model::Destination;
use crate::text::bounded;

pub(super) use complaint::last_lines;
use failure::broken;
use link::{Link, Silence};
use ssh::ssh;

/// What runs on the client.
const SERVER: &str = include_str!("server.bash");
/// Begins the line by which the server reports how it starts; a login shell may print others before it.
const MARK: &str = "genbackup-push ";
/// Bytes that a login shell may print before that line.
const NOISE: usize = 64 * 1024;
/// Bytes of one answer.
const LARGEST: usize = 16 * 1024 * 1024;
/// Characters of what a client answers that are reported.
const LONGEST_WORD: usize = 100;

/// How long a client may take.
#[derive(Debug, Clone, Copy)]
struct Limits {
    /// To start the server: the administrator may have to type a passphrase.
    to_start: Duration,
    /// For one script.
    to_answer: Duration,
    /// For all scripts.
    in_all: Duration,
    /// To end.
    to_end: Duration,
}

const LIMITS: Limits = Limits {
    to_start: Duration::from_secs(120),
    to_answer: Duration::from_secs(300),
    in_all: Duration::from_secs(30 * 60),
    to_end: Duration::from_secs(10),
};

/// How a script ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Answer {
    /// Its exit status.
    pub(super) status: u8,
    /// Its standard output.
    pub(super) output: Vec<u8>,
    /// The last lines of its standard error, bounded and without control characters.
    pub(super) complaint: String,
}

/// A root shell on a client. Dropped, it ends.
#[derive(Debug)]
pub(super) struct Session {
    destination: String,
    link: Link,
    limits: Limits,
    /// When it ends, whatever the client does.
    end: Instant,
    /// False once the connection broke, or the client broke the protocol.
    is_sound: bool,
}

impl Session {
    /// Connects, becomes root and, if `locked` names a directory of the client, locks it against other writers.
    ///
    /// `may_ask` lets ssh ask for a passphrase, a password or an unknown host key.
    ///
    /// # Errors
    /// When the client cannot be reached, or its user cannot become root, or another program writes there.
    pub(super) fn open(destination: &Destination, locked: Option<&str>, may_ask: bool) -> Result<Self> {
        let destination = destination.as_str();
        Self::over(&mut ssh(destination, may_ask), destination, locked, LIMITS)
    }

    /// The same by any program that connects its input and output with the client's.
    fn over(command: &mut Command, destination: &str, locked: Option<&str>, limits: Limits) -> Result<Self> {
        let link = Link::start(command).map_err(|error| {
            hinted!(
                what("cannot start ssh: {error}"),
                hint("run `apt install openssh-client`")
            )
        })?;
        let mut session = Self {
            destination: destination.to_owned(),
            link,
            limits,
            end: Instant::now() + limits.in_all,
            is_sound: false,
        };
        session.start(locked)?;
        session.is_sound = true;
        Ok(session)
    }

    fn start(&mut self, locked: Option<&str>) -> Result<()> {
        let locked = locked.unwrap_or("-");
        let server = format!("{}\n{SERVER}{locked}\n", SERVER.len());
        self.link.send(server.into_bytes());
        let deadline = Instant::now() + self.limits.to_start;
        let mut noise = 0;
        let word = loop {
            let line = match self.link.line(deadline) {
                Ok(line) => line,
                Err(Silence::Closed) => return Err(self.why_not_started()),
                Err(silence) => return Err(self.why(silence)),
            };
            if let Some((_, word)) = line.split_once(MARK) {
                break word.to_owned();
            }
            noise += line.len() + 1;
            if noise > NOISE {
                return Err(self.why(Silence::TooMuch));
            }
        };
        let destination = &self.destination;
        match word.as_str() {
            "ready" => Ok(()),
            "nixos" => fail!(
                what("{destination} runs NixOS, which builds these files into the system"),
                hint(
                    "run `nixos-rebuild \
                 switch` on that host; see the chapter \"NixOS\""
                )
            ),
            "locked" => fail!(
                what("{destination}: another `genbackup emit` or `genbackup push` is writing there"),
                hint(
                    "wait until it has \
                 ended, then push again"
                )
            ),
            word => bail!("{destination} answered `{}`", bounded(word, LONGEST_WORD)),
        }
    }

    /// True until the connection breaks, or the client breaks the protocol.
    pub(super) const fn is_sound(&self) -> bool {
        self.is_sound
    }

    /// Runs a script with an input and waits until it has ended.
    ///
    /// # Errors
    /// When the connection breaks, or the answer is late, too large or none.
    pub(super) fn run(&mut self, script: &str, input: &[u8]) -> Result<Answer> {
        if !self.is_sound {
            return Err(broken(&self.destination, "it was closed"));
        }
        let answer = self.exchange(script, input);
        self.is_sound = answer.is_ok();
        answer
    }

    fn exchange(&mut self, script: &str, input: &[u8]) -> Result<Answer> {
        let mut request = BASE64_STANDARD.encode(script);
        request.push('\n');
        BASE64_STANDARD.encode_string(input, &mut request);
        request.push('\n');
        self.link.send(request.into_bytes());
        let deadline = self.end.min(Instant::now() + self.limits.to_answer);
        let line = self.link.line(deadline).map_err(|silence| self.why(silence))?;
        let Some([status, output, errors]) = numbers(&line) else {
            bail!("{} answered `{}`", self.destination, bounded(&line, LONGEST_WORD));
        };
        if output.saturating_add(errors) > LARGEST {
            bail!("{} answered with more than {LARGEST} bytes", self.destination);
        }
        let output = self
            .link
            .bytes(output, deadline)
            .map_err(|silence| self.why(silence))?;
        let errors = self
            .link
            .bytes(errors, deadline)
            .map_err(|silence| self.why(silence))?;
        Ok(Answer {
            status: u8::try_from(status).unwrap_or(u8::MAX),
            output,
            complaint: last_lines(&errors),
        })
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // The server ends with its input, and cleans up; ssh ends with the server.
        let deadline = if self.is_sound {
            Instant::now() + self.limits.to_end
        } else {
            Instant::now()
        };
        let _: Option<i32> = self.link.end(deadline);
    }
}

/// The exit status of a script and the sizes of its outputs.
fn numbers(line: &str) -> Option<[usize; 3]> {
    let numbers: Option<Vec<usize>> = line.split(' ').map(|word| word.parse().ok()).collect();
    numbers?.try_into().ok()
}
