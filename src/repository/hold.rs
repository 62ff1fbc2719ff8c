//! Decides which hosts `restic forget` may touch, and which it leaves alone.
//!
//! | a host is held while | until |
//! | --- | --- |
//! | an administrator placed a hold (`genbackup hold`) | its date, or `genbackup release` |
//! | its newest snapshot is not complete | a complete one follows |
//! | no record shows how its newest snapshot ended | a complete one follows |
//! | its newest snapshot changed nearly everything | a complete, ordinary one follows |
//!
//! The last three follow from the records each time: they are stored nowhere. `genbackup release` accepts the
//! newest snapshot of such a host by its ID. So it ends them for that snapshot alone.
//!
//! The keep policy always keeps the newest snapshot of a host. So a host whose newest snapshot is complete
//! never loses its newest complete one. A host whose newest snapshot is not complete is not touched.
//!
//! | module | its one job |
//! | --- | --- |
//! | `listing` | the snapshots of the repository, as restic lists them |
//! | `evidence` | what the records hold of each host's newest snapshot |
//! | `decision` | from all that to hosts that are held, and why |
//! | `place`, `release` | places a hold, and ends it |
//! | `known` | whether a host is known at all |
//! | `shown` | what `status` and `explain` print of it |
//! | `store` | the directory of the holds; the only one that reads the disk |

mod decision;
mod evidence;
mod known;
mod listing;
mod place;
mod release;
mod shown;
mod store;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub(crate) use decision::{Decision, Held, Policies, decide, held};
pub(crate) use evidence::Evidence;
pub(crate) use known::known;
pub(crate) use listing::{Listing, Snapshot};
pub(crate) use release::{Released, Releases};
pub(crate) use shown::{Shown, left_alone, shown};
pub(crate) use store::{DIRECTORY, Store};

/// What an administrator decided about one host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Entry {
    /// The host.
    pub host: String,
    /// The hold of that host.
    #[serde(default)]
    pub hold: Option<Hold>,
    /// The snapshot that was accepted.
    #[serde(default)]
    pub accepted: Option<Accepted>,
}

/// A hold that an administrator placed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Hold {
    /// When it was placed.
    pub since: Timestamp,
    /// When it ends by itself; without it, `genbackup release` ends it.
    #[serde(default)]
    pub until: Option<Timestamp>,
    /// Why, in the words of the administrator.
    pub why: String,
}

/// A snapshot that an administrator accepted as good enough.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Accepted {
    /// Its whole id.
    pub snapshot: String,
    /// When it was accepted.
    pub time: Timestamp,
}

impl Entry {
    /// One without a decision yet.
    #[must_use]
    pub(crate) const fn new(host: String) -> Self {
        Self {
            host,
            hold: None,
            accepted: None,
        }
    }

    /// The hold that is in force at a time.
    #[must_use]
    pub(crate) fn hold_at(&self, now: Timestamp) -> Option<&Hold> {
        self.hold.as_ref().filter(|hold| hold.is_in_force(now))
    }
}

impl Hold {
    /// Whether it has not ended yet.
    #[must_use]
    pub(crate) fn is_in_force(&self, now: Timestamp) -> bool {
        self.until.is_none_or(|until| now <= until)
    }
}
