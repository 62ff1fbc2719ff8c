//! The kinds and results of systemd's jobs.

/// What a job is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum JobKind {
    /// It starts a unit.
    Start,
    /// It stops a unit.
    Stop,
    /// Anything else, such as `restart`.
    Other,
}

impl JobKind {
    /// From the value of `JobType`.
    pub(super) fn of(word: &str) -> Self {
        match word {
            "start" => Self::Start,
            "stop" => Self::Stop,
            _ => Self::Other,
        }
    }
}

/// How a job ended: the results of `JobRemoved` (org.freedesktop.systemd1(5)).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum JobResult {
    /// The unit started or stopped. A oneshot service also finished successfully.
    Done,
    /// The job was canceled, or another job replaced it.
    Canceled,
    /// The job timed out.
    Timeout,
    /// The unit failed.
    Failed,
    /// A unit that it needs did not start.
    Dependency,
    /// A condition of the unit was not met.
    Skipped,
    /// An assertion of the unit failed.
    Assert,
    /// A result that this program does not know.
    Other(String),
}

impl JobResult {
    /// The result that this word means.
    #[must_use]
    pub(crate) fn of(word: &str) -> Self {
        match word {
            "done" => Self::Done,
            "canceled" => Self::Canceled,
            "timeout" => Self::Timeout,
            "failed" => Self::Failed,
            "dependency" => Self::Dependency,
            "skipped" => Self::Skipped,
            "assert" => Self::Assert,
            other => Self::Other(other.to_owned()),
        }
    }

    /// Why the start of a unit failed; `None` if it succeeded.
    #[must_use]
    pub(crate) fn complaint(&self, unit: &str) -> Option<String> {
        Some(match self {
            Self::Done => return None,
            Self::Canceled => format!("{unit} was stopped before it finished"),
            Self::Timeout => format!("{unit} timed out; see `journalctl --unit={unit}`"),
            Self::Failed => format!("{unit} failed; see `systemctl status {unit}`"),
            Self::Dependency => {
                format!(
                    "{unit} did not start: a unit that it needs did not start; see `journalctl --unit={unit}`"
                )
            }
            Self::Skipped => {
                format!("{unit} did not start: a condition is not met; see `systemctl status {unit}`")
            }
            Self::Assert => {
                format!("{unit} did not start: an assertion failed; see `systemctl status {unit}`")
            }
            Self::Other(word) => format!(
                "the start of {unit} ended with the result `{}`; see `systemctl status {unit}`",
                word.escape_debug()
            ),
        })
    }
}
