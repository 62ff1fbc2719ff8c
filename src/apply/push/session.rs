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
mod link;

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use base64::prelude::{BASE64_STANDARD, Engine};

use crate::error::{fail, hinted};
use crate::model::Destination;
use crate::text::bounded;

pub(super) use complaint::last_lines;
use link::{Link, Silence};

/// What runs on the client.
const SERVER: &str = include_str!("server.bash");
/// What starts it there, whatever the login shell is: it holds no character that a shell reads differently within single
/// quotes. It becomes root where it is not, then reads the server with its length.
const START: &str = r#"bash -c '((UID == 0)) || exec sudo -n -- bash -c "$BASH_EXECUTION_STRING"; read -r size && IFS= read -rN "$size" server && eval "$server"'"#;
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
    /// False once the connection broke, or the client answered what no client should.
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

    /// True until the connection breaks, or the client answers what no client should.
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

    fn why(&self, silence: Silence) -> anyhow::Error {
        let destination = &self.destination;
        match silence {
            Silence::Late => hinted!(
                what("{destination} does not answer"),
                hint("check that host, then push again; no file there is half-written")
            ),
            Silence::Closed => {
                let complaint = self.link.complaint();
                broken(
                    destination,
                    if complaint.is_empty() {
                        "it was closed"
                    } else {
                        &complaint
                    },
                )
            }
            Silence::TooMuch => hinted!(
                what("{destination}: its login shell prints too much"),
                hint(
                    "check that `ssh {destination} true` prints \
                 nothing"
                )
            ),
        }
    }

    /// Why ssh, or what it started, ended before it was ready.
    fn why_not_started(&mut self) -> anyhow::Error {
        let complaint = self.link.complaint();
        let status = self.link.end(Instant::now());
        let destination = &self.destination;
        let complaint = match status {
            Some(status) if complaint.is_empty() => format!("exit status {status}"),
            None if complaint.is_empty() => "it was closed".to_owned(),
            _ => complaint,
        };
        if complaint.contains("sudo:") {
            return hinted!(
                what("cannot become root on {destination}: {complaint}"),
                hint(
                    "log in as root, or as a user with \
                 passwordless sudo: change `push-to`, or the destination after `--remove`"
                )
            );
        }
        if status == Some(255) {
            return hinted!(
                what("cannot connect to {destination}: {complaint}"),
                hint(
                    "check that `ssh {destination} true` works \
                 without a question, or change `push-to`, or the destination after `--remove`"
                )
            );
        }
        hinted!(
            what("cannot start bash on {destination}: {complaint}"),
            hint("run `ssh {destination} bash --version` to see why")
        )
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

/// The administrator's own ssh, with the administrator's configuration but for what is of no use here.
fn ssh(destination: &str, may_ask: bool) -> Command {
    let mut ssh = Command::new("ssh");
    for option in [
        "ClearAllForwardings=yes",
        // A client without power is no reason to wait for two minutes, as the kernel does.
        "ConnectTimeout=20",
        "ForwardAgent=no",
        "ForwardX11=no",
        "RemoteCommand=none",
        "RequestTTY=no",
        "ServerAliveCountMax=3",
        "ServerAliveInterval=10",
    ] {
        ssh.args(["-o", option]);
    }
    if !may_ask {
        ssh.args(["-o", "BatchMode=yes"]);
    }
    ssh.args(["-T", "--", destination, START]);
    ssh
}

fn broken(destination: &str, why: &str) -> anyhow::Error {
    hinted!(
        what("the connection to {destination} broke: {why}"),
        hint("push again; no file is half-written")
    )
}

/// The exit status of a script and the sizes of its outputs.
fn numbers(line: &str) -> Option<[usize; 3]> {
    let numbers: Option<Vec<usize>> = line.split(' ').map(|word| word.parse().ok()).collect();
    numbers?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::describe;

    const SOON: Limits = Limits {
        to_start: Duration::from_secs(2),
        to_answer: Duration::from_secs(2),
        in_all: Duration::from_secs(30),
        to_end: Duration::from_secs(1),
    };
    /// A far end that has started.
    const READY: &str = "echo genbackup-push ready; ";

    /// A session whose far end is a script.
    fn session(far_end: &str) -> Result<Session> {
        Session::over(Command::new("bash").args(["-c", far_end]), "ziz", None, SOON)
    }

    fn refusal(far_end: &str) -> String {
        describe(&session(far_end).unwrap_err())
    }

    /// What is reported of an answer to the first script.
    fn answer(far_end: &str) -> String {
        let mut session = session(&format!("{READY}{far_end}")).unwrap();
        let error = describe(&session.run("true", b"").unwrap_err());
        assert!(!session.is_sound());
        let again = describe(&session.run("true", b"").unwrap_err());
        assert!(
            again.starts_with("the connection to ziz broke: it was closed"),
            "{again}"
        );
        error
    }

    #[test]
    fn every_shell_reads_the_start_in_the_same_way() {
        let inner = START
            .strip_prefix("bash -c '")
            .and_then(|text| text.strip_suffix('\''));
        // csh reads `!`, fish a backslash, and all of them a quote.
        assert!(
            inner.is_some_and(|text| !text.contains(['\'', '\\', '!', '\n'])),
            "{START}"
        );
    }

    #[test]
    fn the_server_has_as_many_characters_as_bytes() {
        assert!(SERVER.is_ascii() && SERVER.ends_with('\n'));
    }

    #[test]
    fn a_login_shell_may_print_before_the_server_is_ready() {
        assert!(session("echo Welcome; printf 'no end of line'; echo genbackup-push ready; cat").is_ok());
    }

    #[test]
    fn a_login_shell_that_prints_without_an_end_is_refused() {
        assert!(refusal("yes").starts_with("ziz: its login shell prints too much"));
        assert!(refusal("cat /dev/zero").starts_with("ziz: its login shell prints too much"));
    }

    #[test]
    fn a_far_end_that_does_not_start_is_refused_in_time() {
        let started = Instant::now();
        assert!(refusal("exec sleep 60").starts_with("ziz does not answer"));
        assert!(started.elapsed() < Duration::from_secs(20));
    }

    #[test]
    fn each_way_not_to_start_has_its_message() {
        for (far_end, what) in [
            ("echo refused >&2; exit 255", "cannot connect to ziz: refused\n"),
            (
                "echo 'sudo: a password is required' >&2; exit 1",
                "cannot become root on ziz: sudo: a ",
            ),
            ("exit 127", "cannot start bash on ziz: exit status 127\n"),
            ("echo genbackup-push nixos", "ziz runs NixOS"),
            ("echo genbackup-push locked", "ziz: another `genbackup emit` or"),
            ("printf 'genbackup-push \\e[2J\\n'", "ziz answered `\\u{1b}[2J`"),
        ] {
            let error = refusal(far_end);
            assert!(error.starts_with(what), "{error}");
        }
    }

    #[test]
    fn an_answer_is_read_by_its_sizes() {
        let mut session = session(&format!(
            "{READY}read -r _; read -r _; printf '3 4 5\\na\\0\\nbc\\nd\\n '; cat"
        ))
        .unwrap();
        let answer = session.run("true", b"").unwrap();
        assert_eq!((answer.status, answer.output.as_slice()), (3, &b"a\0\nb"[..]));
        assert_eq!(answer.complaint, "c; d");
    }

    #[test]
    fn what_is_no_answer_is_refused() {
        for (far_end, what) in [
            ("exit", "the connection to ziz broke: it was closed"),
            ("echo gone >&2; exit", "the connection to ziz broke: gone"),
            ("echo 0 0", "ziz answered `0 0`"),
            ("printf '0 -1 \\e[2J\\n'", "ziz answered `0 -1 \\u{1b}[2J`"),
            (
                "echo 0 99999999999 0; yes",
                "ziz answered with more than 16777216 bytes",
            ),
            (
                "echo 0 18446744073709551615 1; yes",
                "ziz answered with more than 16777216 bytes",
            ),
            ("echo 0 10 0; echo short", "the connection to ziz broke"),
            ("echo 0 10 0; echo short; exec sleep 60", "ziz does not answer"),
            ("cat /dev/zero", "ziz: its login shell prints too much"),
        ] {
            let error = answer(far_end);
            assert!(error.starts_with(what), "{far_end}: {error}");
        }
    }

    #[test]
    fn a_far_end_that_reads_nothing_is_no_reason_to_wait() {
        let mut session = session(&format!("{READY}exec sleep 60")).unwrap();
        let started = Instant::now();
        let error = session.run("true", &vec![b'x'; 8 << 20]).unwrap_err().to_string();
        assert!(error.starts_with("ziz does not answer"), "{error}");
        drop(session);
        assert!(started.elapsed() < Duration::from_secs(20));
    }
}
