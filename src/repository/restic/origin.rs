//! What made a snapshot, as far as its tags, its host and its program show.

use super::{Snapshot, TAG};
use crate::model::Fleet;

/// What made a snapshot, as the fleet sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// A run of this fleet, or `genbackup adopt` took it over: it has the tag, and its host is in the fleet.
    Fleet,
    /// It has the tag, and its host is not in the fleet: the host left, or has another name now.
    OtherHost,
    /// It has no tag of ours: forget never touches it.
    Foreign,
}

impl Origin {
    /// The origin of a snapshot.
    #[must_use]
    pub(crate) fn of(snapshot: &Snapshot, fleet: &Fleet) -> Self {
        if snapshot.is_foreign() {
            Self::Foreign
        } else if fleet.host_names().any(|host| host.as_str() == snapshot.host) {
            Self::Fleet
        } else {
            Self::OtherHost
        }
    }
}

impl Snapshot {
    /// Whether it lacks the tag of the snapshots that the fleet's runs make.
    #[must_use]
    pub(crate) fn is_foreign(&self) -> bool {
        !self.tags.iter().any(|tag| tag == TAG)
    }

    /// Whether rustic made it, which takes no lock. It writes `rustic v0.9.4`, older ones `rustic 0.4.4`; restic before
    /// 0.16 does not show it.
    #[must_use]
    pub(crate) fn is_by_rustic(&self) -> bool {
        self.program.starts_with("rustic")
    }
}
