//! Times, figures and texts, as people read them.

use bytesize::ByteSize;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::runs::record::Status;
use crate::status::span;
use crate::text::bounded;

/// So long is a reason, at most.
const WHY: usize = 300;
/// So long is a name or a version, at most.
const NAME: usize = 64;

/// A time, for people and for machines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Time {
    pub(super) shown: String,
    pub(super) iso: String,
}

/// How times are shown.
#[derive(Debug)]
pub(super) struct Words<'z> {
    pub(super) zone: &'z TimeZone,
}

impl<'z> Words<'z> {
    pub(super) const fn of(zone: &'z TimeZone) -> Self {
        Self { zone }
    }

    /// A time as the clock on the wall shows it, to the minute.
    pub(super) fn time(&self, time: Timestamp) -> Time {
        Time {
            shown: time
                .to_zoned(self.zone.clone())
                .strftime("%Y-%m-%d %H:%M")
                .to_string(),
            iso: time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        }
    }

    /// The day of a time.
    pub(super) fn day(&self, time: Timestamp) -> String {
        time.to_zoned(self.zone.clone()).strftime("%Y-%m-%d").to_string()
    }

    /// What the clock on the wall shows.
    pub(super) fn zone(&self) -> String {
        self.zone
            .iana_name()
            .unwrap_or("time zone of this machine")
            .to_owned()
    }
}

/// A reason that somebody else may have given.
pub(super) fn why(text: &str) -> String {
    bounded(text, WHY)
}

/// A name that somebody else may have given.
pub(super) fn name(text: &str) -> String {
    bounded(text, NAME)
}

/// How long something took.
pub(super) fn took(seconds: f64) -> Option<String> {
    SignedDuration::try_from_secs_f64(seconds).ok().map(span)
}

pub(super) fn bytes(bytes: u64) -> String {
    ByteSize(bytes).to_string()
}

/// A status in a word: one that this version does not know is somebody else's text.
pub(super) fn status(status: &Status) -> String {
    match status {
        Status::Unknown(word) if word.is_empty() => "no status".to_owned(),
        Status::Unknown(word) => format!("`{}`", name(word)),
        status => status.to_string(),
    }
}
