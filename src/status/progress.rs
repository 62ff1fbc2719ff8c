//! Whether a run has ended, is in progress, or was interrupted.

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::thresholds::duration;
use crate::model::Fleet;
use crate::runs::record::{Run, RunId};

/// A run that begins later than this is from the future: its times mean nothing. The same that a host's clock
/// may be off.
const CLOCK_TOLERANCE: SignedDuration = SignedDuration::from_mins(5);
/// How long forget and prune may take to begin after the hosts are done. systemd starts them at once, but may
/// have to mount the repository first.
const HANDOVER: SignedDuration = SignedDuration::from_mins(15);

/// The moment at which a fleet is judged.
#[derive(Debug, Clone, Copy)]
pub struct Present {
    /// The time. It was taken before the lock was checked, and the lock was checked before the records were
    /// listed.
    pub now: Timestamp,
    /// The holder of the lock on the state directory.
    pub holder: Holder,
}

/// The holder of the lock on the state directory. Each run holds it while it backs up hosts, and again while
/// it forgets and prunes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holder {
    /// It is not known: these records are not those of a running storage host, or the lock cannot be opened.
    Unknown,
    /// A run, or forget and prune.
    Somebody,
    /// Nobody.
    Nobody,
    /// Nobody, because forget and prune of this run are about to begin.
    Next(RunId),
}

/// How far a run has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Progress {
    /// To its end.
    Finished,
    /// It is still in progress.
    #[serde(rename = "at-work")]
    Running,
    /// It was stopped or cut off.
    Interrupted,
}

impl From<Timestamp> for Present {
    /// A time, where nothing is known of the lock.
    fn from(now: Timestamp) -> Self {
        Self {
            now,
            holder: Holder::Unknown,
        }
    }
}

impl Present {
    /// How far a run has come. Only the newest can be in progress, because runs wait for each other. While a
    /// host is backed up, nothing is written. So where the lock is not known, a run counts as in progress
    /// until it has written nothing for longer than `silence`.
    #[must_use]
    pub fn progress(&self, run: &Run, is_newest: bool, silence: SignedDuration) -> Progress {
        if run.stopped.is_some() {
            return Progress::Interrupted;
        }
        if run.is_finished() {
            return Progress::Finished;
        }
        // A run that began in this second may have taken the lock after it was looked at.
        let began_before = run.id.start() < RunId::at(self.now).start();
        let longest = match self.holder {
            _ if !is_newest => None,
            Holder::Somebody => return Progress::Running,
            Holder::Next(next) if next == run.id => Some(HANDOVER),
            Holder::Nobody | Holder::Next(_) if began_before => None,
            Holder::Unknown | Holder::Nobody | Holder::Next(_) => Some(silence),
        };
        let is_alive = longest.is_some_and(|longest| {
            let quiet = self.now.duration_since(run.last_event_time());
            // An event from the future is no sign of life: it would be one for years.
            quiet >= -CLOCK_TOLERANCE && quiet <= longest.saturating_add(CLOCK_TOLERANCE)
        });
        if is_alive {
            Progress::Running
        } else {
            Progress::Interrupted
        }
    }
}

/// How long a run of a fleet may write nothing while it is in progress.
#[must_use]
pub(crate) fn longest_silence(fleet: &Fleet) -> SignedDuration {
    duration(fleet.schedule.time_limit.max(fleet.repository.lock_wait))
}

/// True when a run is from the future: its times mean nothing.
#[must_use]
pub(crate) fn is_yet_to_come(run: RunId, now: Timestamp) -> bool {
    is_later(run.start(), now)
}

/// True when a time is later than now, by more than clocks may differ.
pub(super) fn is_later(time: Timestamp, now: Timestamp) -> bool {
    time > now.saturating_add(CLOCK_TOLERANCE).unwrap_or(Timestamp::MAX)
}
