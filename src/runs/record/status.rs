//! How a host or a phase ended, in the words of a record.

use std::fmt;

use serde::{Deserialize, Serialize, Serializer};

/// How a host or a phase ended.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "String")]
pub enum Status {
    /// There is a snapshot, and nothing is missing from it.
    Ok,
    /// There is a snapshot, and something is missing from it.
    Partial,
    /// There is none.
    Failed,
    /// The host did not answer.
    Unreachable,
    /// A backup of the host was running already.
    Busy,
    /// It did not come to its end.
    Interrupted,
    /// A word that this program does not know, or none.
    Unknown(String),
}

impl Default for Status {
    fn default() -> Self {
        Self::Unknown(String::new())
    }
}

impl From<String> for Status {
    fn from(word: String) -> Self {
        match word.as_str() {
            "ok" => Self::Ok,
            "partial" => Self::Partial,
            "failed" => Self::Failed,
            "unreachable" => Self::Unreachable,
            "busy" => Self::Busy,
            "interrupted" => Self::Interrupted,
            _ => Self::Unknown(word),
        }
    }
}

impl Status {
    /// True when there is a snapshot that lacks nothing.
    #[must_use]
    pub(crate) const fn is_complete(&self) -> bool {
        matches!(self, Self::Ok)
    }

    /// True when there is a snapshot, complete or partial.
    #[must_use]
    pub const fn is_good(&self) -> bool {
        matches!(self, Self::Ok | Self::Partial)
    }
}

impl Serialize for Status {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Ok => "ok",
            Self::Partial => "partial",
            Self::Failed => "failed",
            Self::Unreachable => "unreachable",
            Self::Busy => "busy",
            Self::Interrupted => "interrupted",
            Self::Unknown(word) => word,
        })
    }
}
