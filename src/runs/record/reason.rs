//! Why a line of a record is no event.

use std::fmt;

/// Why a line is no event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// More than [`LINE_LIMIT`](super::LINE_LIMIT) bytes; it was skipped, not held.
    TooLong,
    /// Not UTF-8.
    NotUtf8,
    /// Not JSON.
    NotJson,
    /// JSON, but not what an event looks like.
    NotAnEvent,
    /// The last line, without its end: its writer was stopped, or the disk was full.
    CutOff,
}

impl fmt::Display for Reason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::TooLong => "too long",
            Self::NotUtf8 => "not UTF-8",
            Self::NotJson => "not JSON",
            Self::NotAnEvent => "not an event",
            Self::CutOff => "cut off",
        })
    }
}
