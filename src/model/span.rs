//! Time spans.

use std::fmt;
use std::time::Duration;

use serde::Deserialize;

use super::Refusal;

/// A time span of whole seconds, longer than nothing, such as `24h` or `1h 30min`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(try_from = "String")]
pub struct TimeSpan(Duration);

impl TimeSpan {
    /// A span of this number of hours.
    #[must_use]
    pub const fn hours(hours: u64) -> Self {
        Self(Duration::from_secs(hours * 3600))
    }

    /// A span of this number of minutes.
    #[must_use]
    pub const fn minutes(minutes: u64) -> Self {
        Self(Duration::from_secs(minutes * 60))
    }

    /// The span in seconds.
    #[must_use]
    pub const fn seconds(self) -> u64 {
        self.0.as_secs()
    }
}

impl TryFrom<String> for TimeSpan {
    type Error = Refusal;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        humantime::parse_duration(&text)
            .ok()
            .filter(|span| span.as_secs() > 0 && span.subsec_nanos() == 0)
            .map(Self)
            .ok_or_else(|| {
                Refusal::new(
                    format!("`{text}` is not a time span"),
                    "write a number and a unit, such as `90s`, `15min`, `24h`, `3d` or `1h 30min`",
                )
            })
    }
}

impl fmt::Display for TimeSpan {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        humantime::format_duration(self.0).fmt(formatter)
    }
}
