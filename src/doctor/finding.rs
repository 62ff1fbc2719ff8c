//! Findings, and their severity.

use serde::Serialize;

use crate::error::hint;

/// The severity of a finding, from the best to the worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum State {
    /// The check succeeded.
    Ok,
    /// The check could not be made.
    Unknown,
    /// Backups succeed, but an admin should look at the problem.
    Warning,
    /// Backups fail, or are not safe.
    Failed,
}

impl State {
    /// Its name in the output.
    #[must_use]
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Unknown => "unknown",
            Self::Warning => "warning",
            Self::Failed => "failed",
        }
    }
}

/// The result of one check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Finding {
    /// The name of the check.
    pub check: String,
    /// The severity.
    pub state: State,
    /// What was found.
    pub what: String,
    /// How to fix it.
    pub hint: Option<String>,
}

impl Finding {
    fn new(check: impl Into<String>, state: State, what: impl Into<String>, hint: Option<String>) -> Self {
        Self {
            check: check.into(),
            state,
            what: what.into(),
            hint,
        }
    }

    pub(super) fn ok(check: impl Into<String>, what: impl Into<String>) -> Self {
        Self::new(check, State::Ok, what, None)
    }

    pub(super) fn unknown(check: impl Into<String>, what: impl Into<String>) -> Self {
        Self::new(check, State::Unknown, what, None)
    }

    /// A check that could not be made, because of an error.
    pub(super) fn of_error(check: impl Into<String>, error: &anyhow::Error) -> Self {
        Self::new(check, State::Unknown, format!("{error:#}"), hint(error))
    }

    pub(super) fn warning(
        check: impl Into<String>,
        what: impl Into<String>,
        hint: impl Into<String>,
    ) -> Self {
        Self::new(check, State::Warning, what, Some(hint.into()))
    }

    pub(super) fn failed(check: impl Into<String>, what: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::new(check, State::Failed, what, Some(hint.into()))
    }
}
