//! What restic's exit status and error messages mean.
//!
//! Since 0.17, restic has exit statuses for some errors; before that, only the text differs. Some versions print a stack
//! trace of Go between the cause and the operation that failed.

mod trace;

use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use anstream::adapter::strip_str;
use serde::Deserialize;

use self::trace::is_location;

pub(crate) use self::trace::{is_frame, without_trace};

/// The exit status of a process that SIGKILL ended, as a shell reports it.
const KILLED: i32 = 137;
/// The most bytes of one message that are kept.
const LONGEST: usize = 16 * 1024;

/// What a restic that failed met with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cause {
    /// The directory or the place has no repository.
    NoRepository,
    /// Another process holds a lock on the repository.
    Locked,
    /// The password is not that of the repository.
    WrongPassword,
    /// The file system is full.
    Full,
    /// A signal killed restic.
    Killed,
}

/// What restic printed on standard error, in bounded memory: the messages that matter.
#[derive(Debug, Clone, Default)]
pub(crate) struct Complaint {
    /// The previous line, which may be the first of the two lines of a stack frame.
    pending: Option<String>,
    /// The last message that names the cause.
    decisive: Option<String>,
    /// The last message.
    last: Option<String>,
    /// The first message about something that restic could not read or remove, and the number of these messages.
    skipped: Option<(String, u64)>,
    is_interrupted: bool,
}

/// restic's last message with `--json`, since 0.18.
#[derive(Deserialize)]
struct Message {
    message: String,
}

impl Complaint {
    /// Adds one line of standard error, without its newline.
    pub(crate) fn add(&mut self, line: &str) {
        self.is_interrupted |= is_interrupted(line);
        match serde_json::from_str(line) {
            Ok(Message { message }) => message.split('\n').for_each(|line| self.add_text(line)),
            Err(_) => self.add_text(line),
        }
    }

    fn add_text(&mut self, line: &str) {
        let end = (0..=LONGEST.min(line.len())).rfind(|end| line.is_char_boundary(*end));
        let line = line.get(..end.unwrap_or_default()).unwrap_or_default();
        if is_location(line) && self.pending.take().is_some() {
            return;
        }
        self.settle();
        self.pending = Some(line.to_owned());
    }

    /// Takes the previous line for a message, because no location follows it.
    fn settle(&mut self) {
        let Some(line) = self.pending.take().map(|line| without_escapes(&line)) else {
            return;
        };
        if line.is_empty() {
            return;
        }
        if is_skipped(&line) {
            self.skipped.get_or_insert((line.clone(), 0)).1 += 1;
        }
        if names_cause(&line) {
            self.decisive = Some(line.clone());
        }
        self.last = Some(line);
    }

    /// The most informative message; restic prints advice after some of its errors. Empty if there is none.
    #[must_use]
    pub(crate) fn message(&mut self) -> String {
        self.settle();
        let message = self.decisive.as_ref().or(self.last.as_ref());
        message.cloned().unwrap_or_default()
    }

    /// What restic could not read or remove, although it continued; before 0.19 its exit status does not show that.
    #[must_use]
    pub(crate) fn skipped(&mut self) -> Option<String> {
        self.settle();
        let (first, count) = self.skipped.as_ref()?;
        let files = match count {
            1 => "a file".to_owned(),
            count => format!("{count} files"),
        };
        Some(format!("restic could not read or remove {files}: {first}"))
    }

    /// True if a signal stopped restic, which exited with this status.
    #[must_use]
    pub(crate) const fn is_interrupted(&self, status: i32) -> bool {
        status == 130 || self.is_interrupted
    }
}

/// The exit status of restic as a shell reports it: 128 and the number of the signal that ended it.
#[must_use]
pub(crate) fn exit_status(status: ExitStatus) -> i32 {
    let signalled = || status.signal().map(|signal| 128 + signal);
    status.code().or_else(signalled).unwrap_or(1)
}

/// True if another process holds a lock on the repository.
#[must_use]
pub(crate) fn is_locked(status: i32, message: &str) -> bool {
    status == 11 || (status == 1 && message.contains("repository is already locked"))
}

/// Why restic failed: what its exit status and its last message mean, and both.
#[must_use]
pub(crate) fn explained(status: i32, message: &str) -> String {
    let meaning = Cause::of(status, message).map(|cause| cause.in_words().to_owned());
    let message = Some(message.to_owned()).filter(|message| !message.is_empty());
    let parts = [meaning, Some(format!("restic exited with {status}")), message];
    parts.into_iter().flatten().collect::<Vec<_>>().join(": ")
}

impl Cause {
    /// The cause of an error, by restic's exit status and its message.
    #[must_use]
    pub(crate) fn of(status: i32, message: &str) -> Option<Self> {
        let contains = |part: &str| message.contains(part);
        if status == 10 || contains("unable to open config file") || contains("repository does not exist") {
            Some(Self::NoRepository)
        } else if is_locked(status, message) {
            Some(Self::Locked)
        } else if status == 12 || contains("wrong password or no key found") {
            Some(Self::WrongPassword)
        } else if is_full(message) {
            Some(Self::Full)
        } else if status == KILLED {
            Some(Self::Killed)
        } else {
            None
        }
    }

    const fn in_words(self) -> &'static str {
        match self {
            Self::NoRepository => {
                "there is no repository in the directory (its file system may not be mounted)"
            }
            Self::Locked => "another process has locked the repository for longer than `lock-wait`",
            Self::WrongPassword => "the password file does not contain the password of this repository",
            Self::Full => "the repository's file system is full",
            Self::Killed => "restic was killed, most likely because memory ran out (`memory-limit`)",
        }
    }
}

/// The message of a restic that an administrator waits for: the last fatal one, because advice follows it, or the last one.
/// Empty if there is none.
#[must_use]
pub(crate) fn fatal(messages: &[String]) -> String {
    let fatal = messages.iter().rfind(|line| line.starts_with("Fatal: "));
    let last = || messages.iter().rfind(|line| !line.is_empty());
    fatal
        .or_else(last)
        .map_or_else(String::new, |line| line.replace(char::is_control, " "))
}

/// A text without escape sequences, with a space in the place of other control characters.
#[must_use]
pub(crate) fn without_escapes(text: &str) -> String {
    let stripped = strip_str(text).to_string();
    let words = stripped.split(char::is_control).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join(" ").trim_matches(' ').to_owned()
}

fn is_full(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    ["no space left on device", "disk quota exceeded"]
        .iter()
        .any(|words| text.contains(words))
}

/// True if a message names the cause of an error.
#[must_use]
pub(crate) fn names_cause(text: &str) -> bool {
    text.starts_with("Fatal: ") || text.contains("repository is already locked") || is_full(text)
}

fn is_skipped(text: &str) -> bool {
    ["Ignoring \"", "unable to remove ", "could not load snapshots"]
        .iter()
        .any(|start| text.starts_with(start))
}

/// True if restic prints this after a signal: 0.18 then exits with 1, other versions with 130.
#[must_use]
pub(crate) fn is_signal(text: &str) -> bool {
    text.match_indices("signal ").any(|(at, start)| {
        let rest = text.get(at + start.len()..).unwrap_or_default();
        let name = rest.trim_start_matches(|c: char| c.is_ascii_lowercase());
        name.len() < rest.len() && name.starts_with(" received, cleaning up")
    })
}

fn is_interrupted(text: &str) -> bool {
    text.contains("signal interrupt received")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaint(lines: &[&str]) -> Complaint {
        let mut complaint = Complaint::default();
        for line in lines {
            complaint.add(line);
        }
        complaint
    }

    #[test]
    fn the_cause_counts_and_not_the_trace_or_the_advice() {
        let trace = [
            "\u{1b}[2KFatal: unable to open repository at /r: permission denied\r",
            "github.com/restic/restic/internal/backend/local.(*Local).Open",
            "\t/build/internal/backend/local/local.go:23",
            "runtime.goexit",
            "\t/usr/lib/go/src/runtime/asm_amd64.s:1700",
        ];
        assert_eq!(
            complaint(&trace).message(),
            "Fatal: unable to open repository at /r: permission denied"
        );
        let mut advice = complaint(&[
            "unable to create lock",
            "repository is already locked by PID 7",
            "run unlock",
        ]);
        assert_eq!(advice.message(), "repository is already locked by PID 7");
        assert_eq!(complaint(&[]).message(), "");
    }

    #[test]
    fn a_message_of_json_is_read_as_its_lines() {
        let mut message = complaint(&[
            r#"{"message_type":"exit_error","code":3,"message":"failed to remove\nmain.init\n\tgithub.com/cmd_forget.go:67"}"#,
        ]);
        assert_eq!(message.message(), "failed to remove");
    }

    #[test]
    fn a_signal_is_distinguished_from_other_messages() {
        assert!(is_signal("signal interrupt received, cleaning up"));
        assert!(!is_signal("signal  received, cleaning up") && !is_signal("signal received"));
    }
}
