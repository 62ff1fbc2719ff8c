//! A rule of a keep policy.

use std::fmt;

use crate::model::ResticVersion;

use super::{Age, Period};

/// One rule of a keep policy: the newest snapshot of each period stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keep {
    /// The periods.
    pub period: Period,
    /// How many of them.
    pub limit: Limit,
}

/// How many periods a rule keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// This number of them, counted back from the newest snapshot; at least one.
    Count(u32),
    /// All of them.
    Unlimited,
    /// Those not older than this, counted back from the newest snapshot.
    Within(Age),
}

/// A number larger than any count of snapshots, for a restic without `unlimited`. That word came with 0.16,
/// which refuses the earlier `-1`. All versions accept a signed number of 32 bits on all machines.
const ENDLESS: u32 = 2_147_483_647;

impl Keep {
    /// restic's option, such as `--keep-daily` or `--keep-within`.
    #[must_use]
    pub fn option(&self) -> String {
        format!("--keep-{}", self.word())
    }

    /// The value of the option, for the oldest restic that reads it.
    #[must_use]
    pub fn value(&self, restic: ResticVersion) -> String {
        match self.limit {
            Limit::Count(count) => count.to_string(),
            Limit::Unlimited if restic.knows_unlimited() => "unlimited".to_owned(),
            Limit::Unlimited => ENDLESS.to_string(),
            Limit::Within(age) => age.to_string(),
        }
    }

    /// The word of the fleet file: a period, or `within` of it.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self.limit {
            Limit::Count(_) | Limit::Unlimited => self.period.name(),
            Limit::Within(_) => self.period.within(),
        }
    }

    /// True when every snapshot that `other` keeps stays by this rule already.
    pub(super) fn makes_pointless(&self, other: &Self) -> bool {
        self.limit == Limit::Unlimited && self.period.divides(other.period)
    }
}

impl fmt::Display for Keep {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = self.word();
        match self.limit {
            Limit::Count(count) => write!(formatter, "{count} {word}"),
            Limit::Unlimited => write!(formatter, "unlimited {word}"),
            Limit::Within(age) => write!(formatter, "{word} {age}"),
        }
    }
}
