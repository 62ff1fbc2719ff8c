//! How old the last good result of each host, of each phase and of each copy may be.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use jiff::SignedDuration;

use super::thresholds::Thresholds;
use crate::model::{Calendars, CopyName, Fleet, HostName, Start, Timing};
use crate::runs::record::Phase;

/// How old the last good result of each subject may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expectations {
    /// Of all that have no separate ones.
    fleet: Thresholds,
    hosts: BTreeMap<HostName, Thresholds>,
    phases: BTreeMap<Phase, Thresholds>,
    copies: BTreeMap<CopyName, Thresholds>,
}

impl Expectations {
    /// The fleet file's thresholds of a host, if it has any. Otherwise they follow from its own schedule,
    /// because `[monitor]` is about hosts that are backed up together. Otherwise they are those of
    /// `[monitor]`, or follow from `[schedule]`. `longest_gap` is asked once about each calendar that
    /// matters, and about no other: only systemd knows it, and takes its time.
    ///
    /// # Errors
    /// Those of `longest_gap`.
    pub fn of<E>(
        fleet: &Fleet,
        mut longest_gap: impl FnMut(&Calendars) -> Result<Option<SignedDuration>, E>,
    ) -> Result<Self, E> {
        let mut gaps = BTreeMap::new();
        let mut following = |timing: &Timing| -> Result<Thresholds, E> {
            let Timing {
                calendars,
                randomized_delay,
                catch_up: _,
            } = timing;
            let gap = match gaps.entry(calendars.clone()) {
                Entry::Occupied(known) => *known.get(),
                Entry::Vacant(unknown) => *unknown.insert(longest_gap(calendars)?),
            };
            Ok(Thresholds::following(gap, *randomized_delay))
        };
        let of_fleet = match &fleet.monitor {
            Some(monitor) => Thresholds::chosen(monitor),
            None => following(&fleet.schedule.timing)?,
        };
        let mut hosts = BTreeMap::new();
        for host in fleet.backed_up() {
            let Some(source) = fleet.source(host) else {
                continue;
            };
            let own = match (&source.monitor, &source.schedule) {
                (Some(monitor), _) => Thresholds::chosen(monitor),
                (None, Some(timing)) => following(timing)?,
                (None, None) => continue,
            };
            hosts.insert(host.clone(), own);
        }
        let mut copies = BTreeMap::new();
        for (name, copy) in &fleet.offsite {
            let own = match (&copy.monitor, &copy.start) {
                (Some(monitor), _) => Thresholds::chosen(monitor),
                (None, Start::Timer(timing)) => following(timing)?,
                (None, Start::AfterRun) => following(&fleet.schedule.timing)?,
            };
            copies.insert(name.clone(), own);
        }
        Ok(Self {
            fleet: of_fleet,
            copies,
            hosts,
            phases: fleet
                .phases
                .iter()
                .map(|(phase, monitor)| (*phase, Thresholds::chosen(monitor)))
                .collect(),
        })
    }

    /// Those of all that have no separate ones.
    #[must_use]
    pub fn of_fleet(&self) -> Thresholds {
        self.fleet
    }

    /// Those of a host.
    #[must_use]
    pub fn of_host(&self, host: &HostName) -> Thresholds {
        self.hosts.get(host).copied().unwrap_or(self.fleet)
    }

    /// Those of a copy.
    #[must_use]
    pub(crate) fn of_copy(&self, copy: &CopyName) -> Thresholds {
        self.copies.get(copy).copied().unwrap_or(self.fleet)
    }

    /// Those of a phase.
    #[must_use]
    pub fn of_phase(&self, phase: Phase) -> Thresholds {
        self.phases.get(&phase).copied().unwrap_or(self.fleet)
    }
}
