//! A run's name.

use std::fmt;
use std::str::FromStr;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::{Serialize, Serializer};

use crate::model::Refusal;

/// A run's name, which is the second it started in: `YYYYMMDDThhmmssZ`. Later runs are greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunId(Timestamp);

impl RunId {
    const FORMAT: &str = "%Y%m%dT%H%M%SZ";

    /// The name of what starts at a time.
    #[must_use]
    pub fn at(time: Timestamp) -> Self {
        Self(Timestamp::from_second(time.as_second()).unwrap_or(time))
    }

    /// When the run started.
    #[must_use]
    pub const fn start(self) -> Timestamp {
        self.0
    }

    /// The name of the second after it.
    #[must_use]
    pub fn next(self) -> Self {
        Self(
            self.0
                .saturating_add(SignedDuration::from_secs(1))
                .unwrap_or(self.0),
        )
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.strftime(Self::FORMAT).fmt(formatter)
    }
}

impl Serialize for RunId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl FromStr for RunId {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refusal = || {
            Refusal::new(
                format!("`{text}` is not the name of a run"),
                "the name of a run is its start in UTC, such as 20261123T040000Z",
            )
        };
        let start = DateTime::strptime(Self::FORMAT, text)
            .and_then(|start| start.to_zoned(TimeZone::UTC))
            .map_err(|_| refusal())?;
        let id = Self(start.timestamp());
        // Reading a time is more lenient than writing it.
        if id.to_string() == text {
            Ok(id)
        } else {
            Err(refusal())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_named_by_its_start() {
        let id: RunId = "20261123T060640Z".parse().unwrap();
        assert_eq!(id.start().to_string(), "2026-11-23T06:06:40Z");
        assert_eq!(id.to_string(), "20261123T060640Z");
        assert!(id < "20261123T060641Z".parse().unwrap());
    }

    #[test]
    fn anything_else_is_no_name_of_a_run() {
        for text in [
            "",
            "current",
            "20261123T060640",
            "20261123T060640Z ",
            " 20261123T060640Z",
            "20261131T060640Z",
            "20261123T060660Z",
            "20261123T246640Z",
            "2026-11-23T06:06:40Z",
            "+20261123T060640Z",
            "020261123T060640Z",
            "２0261123T060640Z",
        ] {
            let refusal = text.parse::<RunId>().unwrap_err();
            assert_eq!(refusal.what, format!("`{text}` is not the name of a run"));
        }
    }
}
