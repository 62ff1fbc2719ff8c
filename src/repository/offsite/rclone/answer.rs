//! What rclone prints: how far it is, and why it failed.

use std::fmt;

use anyhow::Result;
use serde::Deserialize;

use crate::text::{harmless, shortened};

/// The longest part of a message that is kept, in characters.
const LONGEST: usize = 500;

/// How far rclone is with its task.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(super) struct Stats {
    /// Bytes that were copied.
    pub(super) bytes: u64,
}

/// A line of its log.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line {
    Progress(Stats),
    Error {
        text: String,
        /// Whether it is about one file, of which nothing comes any more.
        is_of_a_file: bool,
    },
    Other,
}

#[derive(Deserialize)]
struct Log {
    level: String,
    #[serde(default)]
    msg: String,
    #[serde(default)]
    object: Option<String>,
    #[serde(default)]
    stats: Option<Stats>,
}

impl Line {
    pub(super) fn of(line: &[u8]) -> Self {
        let Ok(Log {
            level,
            msg,
            object,
            stats,
        }) = serde_json::from_slice(line)
        else {
            let text = String::from_utf8_lossy(line);
            // Some failures are written before the log is set up.
            return match text.trim() {
                "" => Self::Other,
                text => Self::Error {
                    text: text.to_owned(),
                    is_of_a_file: false,
                },
            };
        };
        match (level.as_str(), stats) {
            (_, Some(stats)) => Self::Progress(stats),
            ("error" | "critical" | "fatal" | "emergency" | "alert", None) => Self::Error {
                is_of_a_file: object.as_ref().is_some_and(|object| !object.is_empty()),
                text: match object {
                    Some(object) => format!("{object}: {msg}"),
                    None => msg,
                },
            },
            _ => Self::Other,
        }
    }
}

/// What it printed, and how it ended.
#[derive(Debug, Default)]
pub(super) struct Answer {
    /// Its exit status; `None` if a signal ended it.
    pub(super) status: Option<i32>,
    /// Its standard output.
    pub(super) bytes: Vec<u8>,
    error: Option<String>,
}

impl Answer {
    /// The first error is the cause of the others.
    pub(super) fn note(&mut self, error: String) {
        self.error.get_or_insert(error);
    }

    /// Its standard output.
    ///
    /// # Errors
    /// When it failed to do `what`.
    pub(super) fn output(self, what: &str) -> Result<Vec<u8>> {
        if self.status == Some(0) {
            return Ok(self.bytes);
        }
        Err(Failed {
            what: what.to_owned(),
            status: self.status,
            why: self.error,
        }
        .into())
    }
}

/// rclone failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failed {
    /// What it was to do.
    pub what: String,
    /// Its exit status; `None` if a signal ended it.
    pub status: Option<i32>,
    /// The first error that it printed.
    pub why: Option<String>,
}

/// Errors of remotes, in plain words, and what to do about them.
const KNOWN: [(&[&str], &str, &str); 8] = [
    (
        &[
            "InvalidAccessKeyId",
            "SignatureDoesNotMatch",
            "401 Unauthorized",
            "unable to authenticate",
        ],
        "the remote refuses the credential",
        "check the key in the config-file of the copy",
    ),
    (
        &["AccessDenied", "403 Forbidden", "permission denied"],
        "the credential may not do this",
        "give it the rights that the chapter on offsite copies lists",
    ),
    (
        &["NoSuchBucket", "directory not found", "no such file or directory"],
        "the bucket, or the directory above the copy, is missing",
        "create it, or correct `remote`",
    ),
    (
        &["RequestTimeTooSkewed"],
        "the clock of this host and that of the remote differ",
        "compare `date` with the time of another machine",
    ),
    (
        &["x509:", "certificate has expired", "tls:"],
        "the certificate of the remote is not valid",
        "look at the certificate with `openssl s_client`",
    ),
    (
        &[
            "no space left",
            "QuotaExceeded",
            "quota exceeded",
            "507 Insufficient",
            "disk quota",
            "file too big for remaining disk space",
        ],
        "the remote is full",
        "make room there, or shorten `delete`",
    ),
    (
        &["didn't find section in config file"],
        "rclone's configuration has no remote of this name",
        "add it with `rclone config`, or correct `remote`",
    ),
    (
        &[
            "no such host",
            "connection refused",
            "network is unreachable",
            "i/o timeout",
            "no route to host",
        ],
        "the remote cannot be reached",
        "check the network of this host, and the address of the remote",
    ),
];

impl Failed {
    fn known(&self) -> Option<&'static (&'static [&'static str], &'static str, &'static str)> {
        let why = self.why.as_ref()?;
        KNOWN
            .iter()
            .find(|(signs, ..)| signs.iter().any(|sign| why.contains(sign)))
    }

    /// What to do about it, where that is known.
    #[must_use]
    pub(crate) fn hint(&self) -> Option<&'static str> {
        self.known().map(|(_, _, hint)| *hint)
    }
}

impl fmt::Display for Failed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, status, why } = self;
        write!(formatter, "cannot {what}: ")?;
        if let Some((_, words, _)) = self.known() {
            write!(formatter, "{words}: ")?;
        }
        match (why, status) {
            (Some(why), _) => formatter.write_str(&shortened(&harmless(why), LONGEST)),
            (None, Some(status)) => write!(formatter, "rclone exited with {status}"),
            (None, None) => formatter.write_str("a signal ended rclone"),
        }
    }
}

impl std::error::Error for Failed {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_and_errors_are_distinguished() {
        let progress = r#"{"level":"notice","msg":"\nTransferred: …","source":"x","stats":{"bytes":7,"totalBytes":9,"transfers":1},"time":"…"}"#;
        let expected = Stats { bytes: 7 };
        assert_eq!(Line::of(progress.as_bytes()), Line::Progress(expected));
        let error = r#"{"level":"error","msg":"Failed to copy: disk full","object":"data/01/a"}"#;
        assert_eq!(
            Line::of(error.as_bytes()),
            Line::Error {
                text: "data/01/a: Failed to copy: disk full".to_owned(),
                is_of_a_file: true
            }
        );
        assert_eq!(Line::of(br#"{"level":"notice","msg":"x"}"#), Line::Other);
        assert_eq!(Line::of(b""), Line::Other);
        let panic = Line::Error {
            text: "panic: x".to_owned(),
            is_of_a_file: false,
        };
        assert_eq!(Line::of(b"panic: x"), panic);
    }

    #[test]
    fn a_failure_has_plain_words_and_the_message_of_the_remote() {
        let failed = Failed {
            what: "list the remote".to_owned(),
            status: Some(1),
            why: Some("InvalidAccessKeyId: \u{1b}[2Jno such key".to_owned()),
        };
        let answer = failed.to_string();
        assert!(
            answer.starts_with("cannot list the remote: the remote refuses the credential: Invalid"),
            "{answer}"
        );
        assert!(!answer.contains('\u{1b}') && failed.hint().is_some());
    }
}
