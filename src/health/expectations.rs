//! How old the last good result of each host, and of each phase, may be.

use std::collections::BTreeMap;

use jiff::SignedDuration;

use super::thresholds::Thresholds;
use crate::model::{Calendar, Fleet, HostName};
use crate::record::Phase;

/// How old the last good result of each subject may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expectations {
    /// Of all that have none of their own.
    fleet: Thresholds,
    hosts: BTreeMap<HostName, Thresholds>,
    phases: BTreeMap<Phase, Thresholds>,
}

impl Expectations {
    /// What a fleet's file says, and its schedule where the file says nothing. `longest_gap` is asked of the calendars
    /// that matter, and of no other: systemd alone can tell, and takes its time.
    ///
    /// # Errors
    /// Those of `longest_gap`.
    pub fn of<E>(
        fleet: &Fleet,
        mut longest_gap: impl FnMut(&Calendar) -> Result<Option<SignedDuration>, E>,
    ) -> Result<Self, E> {
        let schedule = &fleet.schedule;
        let thresholds = match &fleet.monitor {
            Some(monitor) => Thresholds::chosen(monitor),
            None => Thresholds::following(longest_gap(&schedule.calendar)?, schedule.randomized_delay),
        };
        Ok(Self {
            fleet: thresholds,
            hosts: BTreeMap::new(),
            phases: BTreeMap::new(),
        })
    }

    /// Those of all that have none of their own.
    #[must_use]
    pub fn of_fleet(&self) -> Thresholds {
        self.fleet
    }

    /// Those of a host.
    #[must_use]
    pub fn of_host(&self, host: &HostName) -> Thresholds {
        self.hosts.get(host).copied().unwrap_or(self.fleet)
    }

    /// Those of a phase.
    #[must_use]
    pub fn of_phase(&self, phase: Phase) -> Thresholds {
        self.phases.get(&phase).copied().unwrap_or(self.fleet)
    }

    /// The age at which the last of them becomes an alert.
    pub(super) fn latest_alert(&self) -> SignedDuration {
        let own = self.hosts.values().chain(self.phases.values());
        own.map(|thresholds| thresholds.alert_after)
            .fold(self.fleet.alert_after, Ord::max)
    }
}
