//! What the records hold of one host, or of one phase, from the newest back.

use jiff::Timestamp;
use serde::Serialize;

use super::attempt::Attempt;
use crate::runs::record::{RunId, Status};

/// What is known of one host, or of one phase.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Trace {
    /// Its last attempt.
    pub(super) newest: Option<Attempt>,
    /// Its last attempt that reached it.
    pub(super) newest_reached: Option<Attempt>,
    /// The last attempt that left a snapshot, complete or partial.
    pub(super) last_snapshot: Option<Attempt>,
    /// The last attempt that left a complete one.
    pub(super) last_good: Option<Attempt>,
    /// The first partial attempt after the last complete one.
    pub(super) first_partial: Option<Attempt>,
    /// The end of the first attempt after the last complete one.
    pub(super) bad_since: Option<Timestamp>,
    /// Of a copy: the last attempt to destroy something in it.
    pub(super) tampered: Option<Tampered>,
    /// Where it is in the run that is in progress.
    pub(super) turn: Option<Turn>,
}

/// An attempt to destroy something in a copy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Tampered {
    /// When.
    pub time: Timestamp,
    /// Its result: `refused`, `accepted` or `inconclusive`.
    pub result: String,
}

/// Where something is in the run that is in progress.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    /// Later.
    ToCome,
    /// Now.
    Come,
}

impl Trace {
    /// Notes an attempt, unless all is known; all that were noted before are later.
    pub(super) fn note(&mut self, attempt: Attempt) {
        if self.newest.is_none() {
            self.newest = Some(attempt.clone());
        }
        if self.newest_reached.is_none() && attempt.status != Status::Unreachable {
            self.newest_reached = Some(attempt.clone());
        }
        if self.last_snapshot.is_none() && attempt.status.is_good() {
            self.last_snapshot = Some(attempt.clone());
        }
        if attempt.status.is_complete() {
            self.last_good = Some(attempt);
            return;
        }
        self.bad_since = Some(attempt.time);
        if attempt.status == Status::Partial {
            self.first_partial = Some(attempt);
        }
    }

    /// True when no older record can add anything that matters.
    pub(super) fn is_known(&self) -> bool {
        self.last_good.is_some()
    }

    /// True when the newest run that asked it is this one.
    pub(super) fn is_of(&self, run: RunId) -> bool {
        self.newest.as_ref().is_some_and(|newest| newest.run == run)
    }
}
