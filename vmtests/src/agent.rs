//! The control channel: a root shell in the guest behind its second serial port.
//!
//! It leans on no network and survives the loading of a snapshot. The other end is `image/agent`. Requests and answers
//! are lines that start with `genbackup-vmtests`:
//!
//! | request | answer |
//! | --- | --- |
//! | `synchronize TOKEN` | `synchronized TOKEN` |
//! | `run TOKEN PIECE COMMAND INPUT port SECONDS`, then COMMAND bytes of shell and INPUT bytes of standard input | `taken` after the line and after each PIECE bytes; `finished TOKEN STATUS plain` or `squeezed`, `OUTPUT ERRORS`, then as many bytes |
//! | the same with `inbox` for `port`: then the input is on the guest's inbox disk, for a port is slow | the same |

mod finished;

use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::fs::FileExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};

use self::finished::{Finished, unsqueeze};
use crate::deadline::SOON;

const MARK: &str = "genbackup-vmtests";
/// Bytes sent before the guest confirms them: less than the guest's terminal layer can hold.
const PIECE: usize = 16 << 10;
/// The size of a guest's inbox disk: an input cannot be larger. Takes up only what is written.
pub const INBOX_BYTES: u64 = 1 << 30;
/// How much longer than a command's own deadline the guest may take to report its end.
const GRACE: Duration = SOON;
/// Time between two tries to be heard: a guest that boots, or has just been put back, may miss one.
const RETRY: Duration = Duration::from_secs(1);

/// How a command ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// The exit status; 128 and more for a signal, like a shell's.
    pub status: i32,
    /// Standard output.
    pub stdout: Vec<u8>,
    /// Standard error.
    pub stderr: Vec<u8>,
}

impl Output {
    /// Standard output as text, without the white space at its end.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).trim_end().to_owned()
    }

    /// Standard error as text, without the white space at its end.
    #[must_use]
    pub fn error_text(&self) -> String {
        String::from_utf8_lossy(&self.stderr).trim_end().to_owned()
    }
}

/// The host's end of one guest's control channel.
#[derive(Debug)]
pub struct Agent {
    guest: String,
    socket: PathBuf,
    inbox: PathBuf,
    stream: Option<UnixStream>,
    received: Vec<u8>,
    tokens: u64,
}

impl Agent {
    /// For the guest named `guest`, whose serial port QEMU serves at `socket` and whose read-only inbox disk is the file
    /// `inbox`. Connects when it is first needed.
    #[must_use]
    pub fn new(guest: &str, socket: &Path, inbox: &Path) -> Self {
        Self {
            guest: guest.to_owned(),
            socket: socket.to_path_buf(),
            inbox: inbox.to_path_buf(),
            stream: None,
            received: Vec::new(),
            tokens: 0,
        }
    }

    /// Waits until the guest answers, and drops everything that it sent before. For a guest that boots or was
    /// put back.
    ///
    /// # Errors
    /// When it does not answer within `limit`.
    pub fn synchronize(&mut self, limit: Duration) -> anyhow::Result<()> {
        let end = Instant::now() + limit;
        loop {
            let token = self.next_token();
            let next_try = end.min(Instant::now() + RETRY);
            // The line break ends what an interrupted request may have left in the guest's line. A guest that boots for
            // minutes reads nothing meanwhile, and the socket takes only so much.
            self.send_by(format!("\n{MARK} synchronize {token}\n").as_bytes(), next_try)?;
            let expected = format!("{MARK} synchronized {token}");
            while let Some(line) = self.line(next_try)? {
                // The terminal layer may have echoed before the agent set it up, so a line can start with anything.
                if line.ends_with(&expected) {
                    return Ok(());
                }
            }
            ensure!(
                Instant::now() < end,
                "guest `{}` does not answer within {} s",
                self.guest,
                limit.as_secs()
            );
        }
    }

    /// Runs a shell command (`bash -o errexit -o nounset -o pipefail`) as root, with `input` as its standard input.
    ///
    /// # Errors
    /// When it is not done within `limit`: then its process group has been ended. The guest's own failure to answer is
    /// an error too; a command that fails is not.
    pub fn run(&mut self, command: &str, input: &[u8], limit: Duration) -> anyhow::Result<Output> {
        let started = Instant::now();
        let output = self.exchange(command, input, limit);
        let output = output.with_context(|| format!("guest `{}`, command `{command}`", self.guest))?;
        // `timeout` exits with 124, or is killed itself when the command ignored its first signal.
        if [124, 137].contains(&output.status) && started.elapsed() >= limit {
            bail!(
                "guest `{}`: command `{command}` was not done after {} s and has been ended\n{}",
                self.guest,
                limit.as_secs(),
                output.error_text()
            );
        }
        Ok(output)
    }

    fn exchange(&mut self, command: &str, input: &[u8], limit: Duration) -> anyhow::Result<Output> {
        let token = self.next_token();
        let (length, seconds) = (command.len(), limit.as_secs_f64());
        let way = if input.len() > PIECE { "inbox" } else { "port" };
        let request = format!(
            "{MARK} run {token} {PIECE} {length} {} {way} {seconds}\n",
            input.len()
        );
        let through_port = if way == "port" {
            input
        } else {
            self.put_into_inbox(input)?;
            &[]
        };
        let pieces = command.as_bytes().chunks(PIECE).chain(through_port.chunks(PIECE));
        for piece in std::iter::once(request.as_bytes()).chain(pieces) {
            self.send(piece)?;
            let answer = self
                .line(Instant::now() + GRACE)?
                .context("no answer while sending")?;
            ensure!(
                answer == format!("{MARK} taken"),
                "an answer that was not asked for: `{answer}`"
            );
        }
        let end = Instant::now() + limit + GRACE;
        let answer = self
            .line(end)?
            .with_context(|| format!("no answer after {} s", (limit + GRACE).as_secs()))?;
        let finished = Finished::parse(&answer, &token)?;
        let stdout = self.exactly(finished.output, end + GRACE)?;
        let stderr = self.exactly(finished.errors, end + GRACE)?;
        let status = finished.status;
        if !finished.squeezed {
            return Ok(Output {
                status,
                stdout,
                stderr,
            });
        }
        Ok(Output {
            status,
            stdout: unsqueeze(&stdout)?,
            stderr: unsqueeze(&stderr)?,
        })
    }

    fn put_into_inbox(&self, input: &[u8]) -> anyhow::Result<()> {
        let length = u64::try_from(input.len())?;
        ensure!(
            length <= INBOX_BYTES,
            "an input of {length} bytes; it can have {INBOX_BYTES}"
        );
        let inbox = File::options()
            .write(true)
            .open(&self.inbox)
            .context("cannot open the inbox disk")?;
        inbox
            .write_all_at(input, 0)
            .context("cannot write the inbox disk")
    }

    fn next_token(&mut self) -> String {
        self.tokens += 1;
        self.tokens.to_string()
    }

    fn stream(&mut self) -> anyhow::Result<&mut UnixStream> {
        if self.stream.is_none() {
            let stream = UnixStream::connect(&self.socket).with_context(|| {
                format!(
                    "cannot reach guest `{}` at `{}`",
                    self.guest,
                    self.socket.display()
                )
            })?;
            self.stream = Some(stream);
        }
        self.stream.as_mut().context("no stream")
    }

    fn send(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        ensure!(
            self.send_by(bytes, Instant::now() + GRACE)?,
            "the guest read nothing for {} s",
            GRACE.as_secs()
        );
        Ok(())
    }

    /// Sends bytes; false when the guest has not read enough by `end`: then a part of them may be on its way.
    fn send_by(&mut self, bytes: &[u8], end: Instant) -> anyhow::Result<bool> {
        let stream = self.stream()?;
        let left = end.saturating_duration_since(Instant::now());
        stream.set_write_timeout(Some(left.max(Duration::from_millis(1))))?;
        match stream.write_all(bytes) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => Ok(false),
            Err(error) => Err(error).context("cannot send"),
        }
    }

    /// The next line, without its end; `None` when there is none by `end`.
    fn line(&mut self, end: Instant) -> anyhow::Result<Option<String>> {
        loop {
            if let Some(length) = self.received.iter().position(|&byte| byte == b'\n') {
                let mut line = self.received.drain(..=length).collect::<Vec<_>>();
                line.pop();
                return Ok(Some(String::from_utf8_lossy(&line).into_owned()));
            }
            if !self.receive(end)? {
                return Ok(None);
            }
        }
    }

    fn exactly(&mut self, length: usize, end: Instant) -> anyhow::Result<Vec<u8>> {
        while self.received.len() < length {
            ensure!(
                self.receive(end)?,
                "only {} of {length} bytes of the output came",
                self.received.len()
            );
        }
        Ok(self.received.drain(..length).collect())
    }

    /// Waits for more bytes; false when none came by `end`.
    fn receive(&mut self, end: Instant) -> anyhow::Result<bool> {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(false);
        }
        let mut buffer = vec![0; 64 << 10];
        let stream = self.stream()?;
        stream.set_read_timeout(Some(left))?;
        match stream.read(&mut buffer) {
            Ok(0) => bail!("the virtual machine has ended"),
            Ok(length) => {
                self.received.extend(buffer.iter().take(length));
                Ok(true)
            }
            Err(error)
                if matches!(
                    error.kind(),
                    std::io::ErrorKind::WouldBlock | std::io::ErrorKind::Interrupted
                ) =>
            {
                Ok(true)
            }
            Err(error) => Err(error).context("cannot receive"),
        }
    }
}

#[cfg(test)]
mod tests;
