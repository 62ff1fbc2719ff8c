//! The words for how well something is.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How well something is; later is worse.
///
/// What never went well is worse than a warning, for there is nothing to restore; but it is one of the states that
/// monitoring systems call unknown, so it does not hide an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// As it should be.
    Ok,
    /// Somebody should look at it.
    Warning,
    /// It has not gone well once.
    Never,
    /// The last time that it went well is too long ago.
    Alert,
}

impl State {
    /// All of them, the best first.
    pub const ALL: [Self; 4] = [Self::Ok, Self::Warning, Self::Never, Self::Alert];

    /// The exit status by which monitoring plugins say it.
    #[must_use]
    pub const fn exit_status(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::Warning => 1,
            Self::Alert => 2,
            Self::Never => 3,
        }
    }

    /// Its word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::Warning => "WARNING",
            Self::Never => "NEVER",
            Self::Alert => "ALERT",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.name())
    }
}
