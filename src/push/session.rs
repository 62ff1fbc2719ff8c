//! A root shell on a client, behind the administrator's own ssh, that runs one script after the other.
//!
//! Each script and its input are sent with their lengths; each answer comes back with its exit status and lengths. What a
//! client answers is input from outside: its size and time are bounded, and nothing of it is run here.

#![expect(
    clippy::disallowed_methods,
    reason = "this is the module that starts ssh for `genbackup push`"
)]

use std::io::{Read, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};

use crate::model::Destination;
use crate::text::bounded;

/// What runs on the client.
const SERVER: &str = include_str!("server.bash");
/// What starts it there, whatever the login shell is: it holds no character that a shell reads differently within single
/// quotes. It becomes root where it is not, then reads the server with its length.
const START: &str = r#"bash -c '((UID == 0)) || exec sudo -n -- bash -c "$BASH_EXECUTION_STRING"; read -r size; IFS= read -rN "$size" server; eval "$server"'"#;
/// Begins the line by which the server reports how it starts; a login shell may print others before it.
const MARK: &str = "genbackup-push ";
/// Bytes that a login shell may print before that line.
const NOISE: usize = 64 * 1024;
/// How long a client may take to start the server: the administrator may have to type a passphrase.
const TO_START: Duration = Duration::from_secs(120);
/// How long a script may take.
const TO_ANSWER: Duration = Duration::from_secs(300);
/// Bytes of one answer.
const LARGEST: usize = 64 * 1024 * 1024;
/// Characters of what ssh prints that are reported.
const LONGEST_REASON: usize = 400;

/// How a script ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Answer {
    /// Its exit status.
    pub(super) status: u8,
    /// Its standard output.
    pub(super) output: Vec<u8>,
    /// Its standard error, bounded and without control characters.
    pub(super) complaint: String,
}

/// A root shell on a client. Dropped, it ends.
#[derive(Debug)]
pub(super) struct Session {
    destination: String,
    ssh: Child,
    /// `None` once the session ends.
    input: Option<ChildStdin>,
    output: Receiver<Vec<u8>>,
    /// What came and nobody has read yet.
    unread: Vec<u8>,
    complaint: Option<JoinHandle<String>>,
}

impl Session {
    /// Connects, becomes root and, if `locked` names a directory of the client, locks it against other writers.
    ///
    /// `may_ask` lets ssh ask for a passphrase, a password or an unknown host key.
    ///
    /// # Errors
    /// When the client cannot be reached, or its user cannot become root, or another program writes there.
    pub(super) fn open(destination: &Destination, locked: Option<&str>, may_ask: bool) -> Result<Self> {
        let mut ssh = Command::new("ssh");
        // The administrator's configuration may ask for what is of no use here.
        for option in [
            "ClearAllForwardings=yes",
            "ForwardAgent=no",
            "RemoteCommand=none",
            "RequestTTY=no",
            "ServerAliveInterval=10",
            "ServerAliveCountMax=3",
        ] {
            ssh.args(["-o", option]);
        }
        if !may_ask {
            ssh.args(["-o", "BatchMode=yes"]);
        }
        let mut ssh = ssh
            .args(["-T", "--", destination.as_str(), START])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| anyhow!("cannot start ssh: {error}\n\nhint: `apt install openssh-client`"))?;
        let input = ssh.stdin.take();
        let (sender, output) = sync_channel(16);
        if let Some(stdout) = ssh.stdout.take() {
            thread::spawn(move || forward(stdout, &sender));
        }
        let complaint = ssh.stderr.take().map(|stderr| thread::spawn(move || last_words(stderr)));
        let mut session = Self {
            destination: destination.as_str().to_owned(),
            ssh,
            input,
            output,
            unread: Vec::new(),
            complaint,
        };
        session.start(locked)?;
        Ok(session)
    }

    fn start(&mut self, locked: Option<&str>) -> Result<()> {
        let locked = locked.unwrap_or("-");
        let sent = self.send(format!("{}\n{SERVER}{locked}\n", SERVER.len()).as_bytes());
        let deadline = Instant::now() + TO_START;
        let mut noise = 0;
        let word = loop {
            let Ok(line) = self.line(deadline) else {
                return Err(self.why_not_started());
            };
            noise += line.len();
            if let Some((_, word)) = line.split_once(MARK) {
                break word.to_owned();
            }
            if noise > NOISE {
                bail!("{}: its login shell prints too much", self.destination);
            }
        };
        match word.as_str() {
            "ready" => sent,
            "nixos" => bail!(
                "{} runs NixOS, where the system's configuration brings the files\n\nhint: on that host, \
                 `nixos-rebuild switch`; see the chapter \"NixOS\"",
                self.destination
            ),
            "locked" => bail!(
                "{}: another `genbackup emit` or `genbackup push` is writing there\n\nhint: wait until it has ended, \
                 then push again",
                self.destination
            ),
            word => bail!("{} answered `{}`", self.destination, word.escape_debug()),
        }
    }

    /// Runs a script with an input and waits until it has ended.
    ///
    /// # Errors
    /// When the connection breaks, or the answer is late or too large.
    pub(super) fn run(&mut self, script: &str, input: &[u8]) -> Result<Answer> {
        self.send(format!("{} {}\n{script}", script.len(), input.len()).as_bytes())?;
        self.send(input)?;
        let deadline = Instant::now() + TO_ANSWER;
        let line = self.line(deadline)?;
        let mut numbers = line.split(' ').map(str::parse::<usize>);
        let (Some(Ok(status)), Some(Ok(output)), Some(Ok(errors)), None) =
            (numbers.next(), numbers.next(), numbers.next(), numbers.next())
        else {
            bail!("{} answered `{}`", self.destination, bounded(&line, 100));
        };
        if output.saturating_add(errors) > LARGEST {
            bail!("{} answered with more than {LARGEST} bytes", self.destination);
        }
        let output = self.bytes(output, deadline)?;
        let errors = self.bytes(errors, deadline)?;
        Ok(Answer {
            status: u8::try_from(status).unwrap_or(u8::MAX),
            output,
            complaint: bounded(String::from_utf8_lossy(&errors).trim(), LONGEST_REASON),
        })
    }

    fn send(&mut self, bytes: &[u8]) -> Result<()> {
        let input = self.input.as_mut().context("the session has ended")?;
        let sent = input.write_all(bytes).and_then(|()| input.flush());
        sent.map_err(|error| self.broken(&error.to_string()))
    }

    /// The next line, without its end.
    fn line(&mut self, deadline: Instant) -> Result<String> {
        loop {
            if let Some(end) = memchr::memchr(b'\n', &self.unread) {
                let line = self.unread.drain(..=end).collect::<Vec<u8>>();
                return Ok(String::from_utf8_lossy(&line).trim_end().to_owned());
            }
            if self.unread.len() > NOISE {
                bail!("{} answered with a line without an end", self.destination);
            }
            self.receive(deadline)?;
        }
    }

    fn bytes(&mut self, number: usize, deadline: Instant) -> Result<Vec<u8>> {
        while self.unread.len() < number {
            self.receive(deadline)?;
        }
        let rest = self.unread.split_off(number);
        Ok(std::mem::replace(&mut self.unread, rest))
    }

    fn receive(&mut self, deadline: Instant) -> Result<()> {
        let left = deadline.saturating_duration_since(Instant::now());
        match self.output.recv_timeout(left) {
            Ok(bytes) => self.unread.extend(bytes),
            Err(RecvTimeoutError::Timeout) => bail!("{} does not answer", self.destination),
            Err(RecvTimeoutError::Disconnected) => return Err(self.broken("it was closed")),
        }
        Ok(())
    }

    fn broken(&self, why: &str) -> anyhow::Error {
        anyhow!(
            "the connection to {} broke: {why}\n\nhint: push again: each file is whole, old or new",
            self.destination
        )
    }

    /// Why ssh, or what it started, ended before it was ready.
    fn why_not_started(&mut self) -> anyhow::Error {
        drop(self.input.take());
        drop(self.ssh.kill());
        let status = self.ssh.wait().ok().and_then(|status| status.code());
        let complaint = self.complaint.take().and_then(|thread| thread.join().ok());
        let complaint = bounded(complaint.unwrap_or_default().trim(), LONGEST_REASON);
        let destination = &self.destination;
        if complaint.contains("sudo:") {
            return anyhow!(
                "cannot become root on {destination}: {complaint}\n\nhint: push needs root or a user with passwordless \
                 sudo; `push-to` of the host names the destination, such as `root@{destination}`"
            );
        }
        match status {
            Some(255) => anyhow!(
                "cannot connect to {destination}: {complaint}\n\nhint: `ssh {destination} true` has to work without \
                 a question; `push-to` of the host names another destination"
            ),
            _ => anyhow!(
                "cannot start bash on {destination}: {complaint}\n\nhint: `ssh {destination} bash --version` shows why"
            ),
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // The server ends with its input, and cleans up; ssh ends with the server.
        drop(self.input.take());
        let deadline = Instant::now() + Duration::from_secs(10);
        while self.output.recv_timeout(deadline.saturating_duration_since(Instant::now())).is_ok() {}
        drop(self.ssh.kill());
        drop(self.ssh.wait());
    }
}

/// Sends on what comes, until it ends or nobody wants it.
fn forward(mut from: impl Read, to: &SyncSender<Vec<u8>>) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(size) = from.read(&mut buffer) {
        if size == 0 || to.send(buffer[..size].to_vec()).is_err() {
            break;
        }
    }
}

/// The end of what ssh prints on its standard error.
fn last_words(mut from: impl Read) -> String {
    const KEPT: usize = 4096;
    let mut kept = Vec::new();
    let mut buffer = [0; 1024];
    while let Ok(size) = from.read(&mut buffer) {
        if size == 0 {
            break;
        }
        kept.extend_from_slice(&buffer[..size]);
        kept.drain(..kept.len().saturating_sub(KEPT));
    }
    String::from_utf8_lossy(&kept).into_owned()
}
