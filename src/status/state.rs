//! The words for the states.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The state of something; later is worse.
///
/// What never succeeded is worse than a warning, because there is nothing to restore. But monitoring systems
/// call this state unknown, so it does not hide an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// As it should be.
    Ok,
    /// Somebody should look at it.
    Warning,
    /// It has never succeeded.
    Never,
    /// The last success is too long ago.
    Alert,
}

impl State {
    /// All of them, the best first.
    pub const ALL: [Self; 4] = [Self::Ok, Self::Warning, Self::Never, Self::Alert];

    /// The exit status that monitoring plugins use for it.
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
