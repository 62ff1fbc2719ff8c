//! What was found, and how bad it is.

use serde::Serialize;

/// How bad it is; later is worse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// As it should be.
    Ok,
    /// It can't be told here.
    Unknown,
    /// Backups are made, and somebody should look at it.
    Warning,
    /// Backups can't be made, or are not safe.
    Failed,
}

impl State {
    /// Its word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Unknown => "unknown",
            Self::Warning => "warning",
            Self::Failed => "failed",
        }
    }
}

/// What was found about one thing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The name of the check.
    pub check: String,
    /// How bad it is.
    pub state: State,
    /// What was found.
    pub what: String,
    /// The way out.
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
