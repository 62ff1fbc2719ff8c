//! Finds the record of a run that systemd reports.

use std::collections::BTreeSet;

use anyhow::Result;
use jiff::{SignedDuration, Timestamp};

use super::record::{Run, RunId};
use super::records::Records;
use crate::system::bus::UnitState;

/// How much earlier than its unit a run may start by its name, because the clock was set meanwhile.
const CLOCK_WAS_SET: SignedDuration = SignedDuration::from_hours(24);

pub(crate) struct Finder<'r> {
    pub(crate) records: &'r Records,
    /// The named hosts. Empty means all hosts.
    chosen: &'r [String],
    /// The records of other runs.
    others: BTreeSet<RunId>,
}

impl<'r> Finder<'r> {
    pub(crate) const fn new(records: &'r Records, chosen: &'r [String]) -> Self {
        Self {
            records,
            chosen,
            others: BTreeSet::new(),
        }
    }

    /// The run whose record holds this invocation ID of the unit. A record of an older release has no
    /// invocation ID. Then it is the first run of the same hosts that is not older than the unit, and not in
    /// the future.
    ///
    /// # Errors
    /// When the records cannot be read.
    pub(crate) fn find(&mut self, unit: &UnitState, began: Timestamp) -> Result<Option<RunId>> {
        let invocation = unit.invocation_in_hexadecimal();
        let now = self.records.now();
        let mut guess = None;
        for id in self.records.list()?.unwrap_or_default() {
            if began.duration_since(id.start()) > CLOCK_WAS_SET || self.others.contains(&id) {
                continue;
            }
            let run = self.records.read(id, None)?;
            if run.is_ad_hoc {
                self.others.insert(id);
                continue;
            }
            if run.hosts.is_empty() {
                // Its first line is not written yet.
                continue;
            }
            // A run's name is the second in which its script started.
            let is_between = id.start().as_second() >= began.as_second() && id.start() <= now;
            match &run.invocation {
                Some(named) if *named == invocation => return Ok(Some(id)),
                None if is_between && self.is_of_these(&run) => {
                    guess.get_or_insert(id);
                }
                Some(_) | None => {
                    self.others.insert(id);
                }
            }
        }
        Ok(guess)
    }

    fn is_of_these(&self, run: &Run) -> bool {
        if self.chosen.is_empty() {
            return !run.is_of_chosen;
        }
        let is_chosen = |host: &String| self.chosen.contains(host);
        run.is_of_chosen && run.hosts.len() == self.chosen.len() && run.hosts.keys().all(is_chosen)
    }
}
