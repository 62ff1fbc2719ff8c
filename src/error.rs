//! Errors with a hint: what failed, on which object and why; and the next command, as a separate value.
//!
//! - `what` is lower case and has no full stop. It names the object.
//! - `hint` is what a person runs or changes next.
//! - The causes are those of [`anyhow`]: [`describe`] prints them behind `what`, and the hint at the end.

use std::fmt;

/// What failed and why, and what to do next. Its `Display` is the first alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Hinted {
    what: String,
    hint: String,
}

impl Hinted {
    /// An error with a hint.
    pub(crate) fn new(what: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            hint: hint.into(),
        }
    }
}

impl fmt::Display for Hinted {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.what)
    }
}

impl std::error::Error for Hinted {}

/// The hint of an error, or of the first of its causes that has one.
#[must_use]
pub(crate) fn hint(error: &anyhow::Error) -> Option<String> {
    let hinted: Option<&Hinted> = error.downcast_ref();
    hinted
        .map(|hinted| hinted.hint.clone())
        .or_else(|| error.downcast_ref::<crate::system::bus::Error>()?.hint())
        .or_else(|| {
            error
                .downcast_ref::<crate::repository::restic::Failed>()?
                .hint
                .clone()
        })
}

/// An error with its causes, and its hint behind an empty line.
#[must_use]
pub(crate) fn describe(error: &anyhow::Error) -> String {
    match hint(error) {
        Some(hint) => format!("{error:#}\n\nhint: {hint}"),
        None => format!("{error:#}"),
    }
}

/// An [`anyhow::Error`] of what failed, and a hint: `hinted!(what("…", …), hint("…", …))`.
macro_rules! hinted {
    (what($($what:tt)*), hint($($hint:tt)*) $(,)?) => {
        ::anyhow::Error::new($crate::error::Hinted::new(format!($($what)*), format!($($hint)*)))
    };
}

/// Returns with such an error.
macro_rules! fail {
    ($($parts:tt)*) => {
        return Err($crate::error::hinted!($($parts)*))
    };
}

pub(crate) use {fail, hinted};

#[cfg(test)]
mod tests {
    use anyhow::{Context, Result};

    use super::*;

    fn missing(path: &str) -> Result<()> {
        fail!(what("{path} is missing"), hint("make {}", path.to_uppercase()))
    }

    #[test]
    fn causes_stand_behind_what_failed_and_the_hint_stands_last() {
        let error = missing("/a").unwrap_err();
        assert_eq!(describe(&error), "/a is missing\n\nhint: make /A");
        let error = missing("/a").context("cannot begin").unwrap_err();
        assert_eq!(describe(&error), "cannot begin: /a is missing\n\nhint: make /A");
        let error = std::io::Error::other("disk");
        let error = Err::<(), _>(error).with_context(|| Hinted::new("cannot write", "free some space"));
        assert_eq!(
            describe(&error.unwrap_err()),
            "cannot write: disk\n\nhint: free some space"
        );
    }

    #[test]
    fn the_outermost_hint_counts() {
        let error = missing("/a")
            .context(Hinted::new("cannot begin", "begin later"))
            .unwrap_err();
        assert_eq!(
            describe(&error),
            "cannot begin: /a is missing\n\nhint: begin later"
        );
    }
}
