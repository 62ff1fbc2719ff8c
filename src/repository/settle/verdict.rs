//! The result of one settling, for the record.

use std::time::Duration;

use serde::Serialize;

use super::found::Files;
use super::state::Group;
use super::turn::Turn;
use crate::runs::record::in_milliseconds;

/// The result of one settling. The turn succeeded if there is no reason.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Verdict {
    /// The host.
    pub host: String,
    /// The number of packs that were verified.
    pub packs: usize,
    /// Their bytes.
    pub bytes: u64,
    /// The snapshots that were settled.
    pub snapshots: Vec<String>,
    /// What of this turn was moved away, and why, a line each. A turn whose settling was cut off before keeps its reasons.
    pub reasons: Vec<String>,
    /// How long it took.
    pub seconds: f64,
}

impl Verdict {
    /// The first part: what was verified.
    pub(super) fn of(turn: &Turn, groups: &[Group], files: &Files) -> Self {
        let packs = || groups.iter().flat_map(|group| &group.packs);
        Self {
            host: turn.host.clone(),
            packs: packs().count(),
            bytes: packs()
                .filter_map(|pack| files.get(pack))
                .map(|file| file.bytes)
                .sum(),
            snapshots: Vec::new(),
            reasons: Vec::new(),
            seconds: 0.0,
        }
    }

    /// The second part.
    pub(super) fn finished(self, snapshots: Vec<String>, reasons: Vec<String>, took: Duration) -> Self {
        Self {
            snapshots,
            reasons,
            seconds: in_milliseconds(took.as_secs_f64()),
            ..self
        }
    }

    /// True if nothing of this turn was moved away.
    #[must_use]
    pub const fn is_settled(&self) -> bool {
        self.reasons.is_empty()
    }

    /// Why the turn failed, in one line; `None` if it is settled.
    #[must_use]
    pub fn why(&self) -> Option<String> {
        let first = self.reasons.first()?;
        Some(match self.reasons.len() - 1 {
            0 => first.clone(),
            more => format!("{first}; {more} more"),
        })
    }
}
