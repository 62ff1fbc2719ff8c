//! How a job of systemd's queue ends.

/// What a job is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobKind {
    /// It starts a unit.
    Start,
    /// It stops a unit.
    Stop,
    /// Anything else, such as `restart`.
    Other,
}

impl JobKind {
    /// By systemd's word, `JobType`.
    pub(super) fn of(word: &str) -> Self {
        match word {
            "start" => Self::Start,
            "stop" => Self::Stop,
            _ => Self::Other,
        }
    }
}

/// How a job ended: the words of org.freedesktop.systemd1(5), `JobRemoved`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JobResult {
    /// The unit started, or stopped; of one that does its work and ends: it did it well.
    Done,
    /// Somebody stopped the unit, or started another in its place.
    Canceled,
    /// It took longer than it may.
    Timeout,
    /// The unit failed.
    Failed,
    /// A unit that it needs did not start.
    Dependency,
    /// A condition of the unit was not met.
    Skipped,
    /// What the unit asserts is not so.
    Assert,
    /// A word that this program does not know.
    Other(String),
}

impl JobResult {
    /// The result that this word means.
    #[must_use]
    pub fn of(word: &str) -> Self {
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

    /// What came of a unit's start, in words; nothing where it did what it should.
    #[must_use]
    pub fn complaint(&self, unit: &str) -> Option<String> {
        Some(match self {
            Self::Done => return None,
            Self::Canceled => format!("{unit} was stopped before it was done"),
            Self::Timeout => {
                format!("{unit} took longer than systemd lets it; its journal says where it stood")
            }
            Self::Failed => format!("{unit} failed; `systemctl status {unit}` says why"),
            Self::Dependency => {
                format!(
                    "{unit} did not start, since a unit that it needs did not; `journalctl --unit={unit}` names it"
                )
            }
            Self::Skipped => {
                format!(
                    "{unit} did not start, since a condition of it is not met; `systemctl status {unit}` names it"
                )
            }
            Self::Assert => {
                format!(
                    "{unit} did not start, since something that it asserts is not so; `systemctl status {unit}` names it"
                )
            }
            Self::Other(word) => format!(
                "the start of {unit} ended with `{}`; `systemctl status {unit}` says more",
                word.escape_debug()
            ),
        })
    }
}
