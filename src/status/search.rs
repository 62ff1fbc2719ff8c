//! Reads the runs, the newest first, until each host, each phase and each copy has a complete result.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::attempt::Attempt;
use super::progress::{Present, Progress, is_yet_to_come, longest_silence};
use super::rule::TAMPERED_WITHIN;
use super::trace::{Tampered, Trace, Turn};
use crate::model::Fleet;
use crate::runs::record::{About, Phase, Run, RunId};

/// What is known so far.
#[derive(Debug)]
pub(super) struct Search<'f> {
    fleet: &'f Fleet,
    pub(super) present: Present,
    pub(super) hosts: BTreeMap<&'f str, Trace>,
    pub(super) phases: BTreeMap<Phase, Trace>,
    pub(super) copies: BTreeMap<&'f str, Trace>,
    /// The newest run, without ad hoc records.
    pub(super) newest: Option<Newest>,
    /// The newest run that had to back up all hosts without their own schedule.
    pub(super) newest_of_hosts: Option<Newest>,
    /// Whether some host has no schedule except the fleet's: only then is there a run of all those hosts.
    has_together: bool,
    /// Runs that are yet to come.
    pub(super) from_the_future: Vec<RunId>,
    /// Whether a run was noted that is older than an attempt to destroy something in a copy may be.
    is_past_horizon: bool,
}

/// What is known of a run as a whole.
#[derive(Debug, Clone)]
pub(super) struct Newest {
    pub(super) id: RunId,
    pub(super) progress: Progress,
    pub(super) last_event: Timestamp,
    /// Why it was stopped, where its record has that.
    pub(super) stopped: Option<String>,
    pub(super) warnings: Vec<String>,
    pub(super) bad_lines: u64,
    /// Its hosts.
    pub(super) hosts: Vec<String>,
    /// Whether somebody, or their own timer, named them.
    pub(super) is_of_chosen: bool,
}

impl<'f> Search<'f> {
    pub(super) fn new(fleet: &'f Fleet, present: Present) -> Self {
        Self {
            fleet,
            present,
            hosts: fleet
                .backed_up()
                .map(|host| (host.as_str(), Trace::default()))
                .collect(),
            phases: fleet
                .expected_phases()
                .map(|phase| (phase, Trace::default()))
                .collect(),
            copies: fleet
                .offsite
                .keys()
                .map(|copy| (copy.as_str(), Trace::default()))
                .collect(),
            newest: None,
            newest_of_hosts: None,
            has_together: fleet.backed_up().any(|host| !fleet.has_own_schedule(host)),
            from_the_future: Vec::new(),
            is_past_horizon: false,
        }
    }

    /// True when the record of this run is to be read; what is from the future is only noted.
    pub(super) fn wants(&mut self, run: RunId) -> bool {
        let is_yet_to_come = is_yet_to_come(run, self.present.now);
        if is_yet_to_come {
            self.from_the_future.push(run);
        }
        !is_yet_to_come
    }

    /// True when no older record can add anything: each host, each phase and each copy has a complete result.
    pub(super) fn is_done(&self) -> bool {
        let mut traces = self
            .hosts
            .values()
            .chain(self.phases.values())
            .chain(self.copies.values());
        traces.all(Trace::is_known) && !self.seeks_tampering()
    }

    /// True when an older record may show how an attempt to destroy something in a copy ended.
    fn seeks_tampering(&self) -> bool {
        let is_sought = |name: &str| {
            let mut copies = self.fleet.offsite.iter();
            copies.any(|(known, copy)| known.as_str() == name && !copy.kind.is_restic())
        };
        let mut copies = self.copies.iter();
        !self.is_past_horizon && copies.any(|(name, trace)| trace.tampered.is_none() && is_sought(name))
    }

    /// What the next record is to be read for; `None` where all of it matters, as of the newest.
    pub(super) fn sought(&self) -> Option<About> {
        if self.newest.is_none() || (self.newest_of_hosts.is_none() && self.has_together) {
            return None;
        }
        let hosts = self.hosts.iter().filter(|(_, trace)| !trace.is_known());
        let phases = self.phases.iter().filter(|(_, trace)| !trace.is_known());
        let has_copies = self.copies.values().any(|trace| !trace.is_known()) || self.seeks_tampering();
        let offsite = has_copies.then_some(Phase::Offsite);
        Some(About::new(
            hosts.map(|(host, _)| *host),
            phases.map(|(phase, _)| *phase).chain(offsite),
        ))
    }

    /// Notes a run; all that were noted before are later.
    pub(super) fn note(&mut self, run: &Run) {
        let progress = self.progress(run);
        let newest = || Newest {
            id: run.id,
            progress,
            last_event: run.last_event_time(),
            stopped: run.stopped.clone(),
            warnings: run.warnings.clone(),
            bad_lines: run.bad_lines.count,
            hosts: run.hosts.keys().cloned().collect(),
            is_of_chosen: run.is_of_chosen,
        };
        // An ad hoc record is about no run.
        if self.newest.is_none() && !run.is_ad_hoc {
            self.newest = Some(newest());
        }
        if self.has_together && self.newest_of_hosts.is_none() && !run.hosts.is_empty() && !run.is_of_chosen {
            self.newest_of_hosts = Some(newest());
        }
        for (name, host) in &run.hosts {
            if let Some(trace) = self.hosts.get_mut(name.as_str())
                && !trace.is_known()
            {
                if host.finished.is_none() && progress == Progress::Running {
                    trace.turn = Some(host.start.map_or(Turn::ToCome, |_| Turn::Come));
                } else {
                    trace.note(Attempt::of_host(run, host));
                }
            }
        }
        for (phase, done) in &run.phases {
            if let Some(trace) = self.phases.get_mut(phase)
                && !trace.is_known()
            {
                if done.finished.is_none() && progress == Progress::Running {
                    trace.turn = Some(Turn::Come);
                } else {
                    trace.note(Attempt::of_phase(run, done));
                }
            }
        }
        self.is_past_horizon |= self.present.now.duration_since(run.id.start()) > TAMPERED_WITHIN;
        for (copy, done) in &run.copies {
            if let Some(trace) = self.copies.get_mut(copy.as_str()) {
                let attempt = Attempt::of_phase(run, done);
                let copied = attempt.copied.clone().unwrap_or_default();
                if trace.tampered.is_none() {
                    let time = attempt.time;
                    trace.tampered = copied.tampering.map(|result| Tampered { time, result });
                }
                if !trace.is_known() && !copied.only_tried {
                    trace.note(attempt);
                }
            }
        }
        if progress == Progress::Running {
            for (phase, trace) in &mut self.phases {
                if !phase.is_ad_hoc() && !trace.is_of(run.id) {
                    trace.turn.get_or_insert(Turn::ToCome);
                }
            }
        }
    }

    fn progress(&self, run: &Run) -> Progress {
        let is_newest = self.newest.is_none() && !run.is_ad_hoc;
        let silence = longest_silence(self.fleet);
        self.present.progress(run, is_newest, silence)
    }
}
