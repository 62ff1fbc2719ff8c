//! When files leave a copy.

use std::fmt;

use serde::Deserialize;

use crate::model::{Refusal, TimeSpan};

/// When files that the repository no longer has leave a copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum Deletion {
    /// The next time that it is copied.
    AtOnce,
    /// Once they have been missing for this time.
    After(TimeSpan),
    /// Never.
    Never,
}

impl TryFrom<String> for Deletion {
    type Error = Refusal;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        match text.split_once(' ') {
            None if text == "at-once" => Ok(Self::AtOnce),
            None if text == "never" => Ok(Self::Never),
            Some(("after", span)) => TimeSpan::try_from(span.trim().to_owned()).map(Self::After),
            _ => Err(Refusal::new(
                format!("unknown value `{text}`"),
                "write `after 30d`, with any time span, or `at-once`, or `never`",
            )),
        }
    }
}

impl fmt::Display for Deletion {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtOnce => formatter.write_str("at-once"),
            Self::After(span) => write!(formatter, "after {span}"),
            Self::Never => formatter.write_str("never"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deletions_are_written_as_they_are_read() {
        for text in ["at-once", "never", "after 30d"] {
            assert_eq!(Deletion::try_from(text.to_owned()).unwrap().to_string(), text);
        }
        for text in ["", "after", "after x", "30d", "At-once"] {
            assert!(Deletion::try_from(text.to_owned()).is_err(), "{text}");
        }
    }
}
