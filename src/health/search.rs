//! Goes through the runs, the newest first, until everything that matters is known.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::attempt::Attempt;
use super::expectations::Expectations;
use super::thresholds::duration;
use super::trace::{Trace, Turn};
use crate::model::{Fleet, HostName};
use crate::record::{About, Phase, Run, RunId};

/// A run that begins later than this is from the future: its times say nothing. The same that a host's clock may be off.
const CLOCK_TOLERANCE: SignedDuration = SignedDuration::from_mins(5);
/// How many records are read to find out since when something is not as it should be.
const RECORDS_FOR_SINCE: usize = 100;
/// How many are read to find out when something went well the last time: the nights of more than a year.
const RECORDS_FOR_GOOD: usize = 500;

/// What is known so far.
#[derive(Debug)]
pub(super) struct Search<'f> {
    fleet: &'f Fleet,
    pub(super) now: Timestamp,
    pub(super) hosts: BTreeMap<&'f str, Trace>,
    pub(super) phases: BTreeMap<Phase, Trace>,
    /// The newest run, without what stands beside the runs.
    pub(super) newest: Option<Newest>,
    /// The newest run that had all hosts to back up which have no schedule of their own.
    pub(super) newest_of_hosts: Option<Newest>,
    /// Runs that are yet to come.
    pub(super) from_the_future: Vec<RunId>,
    /// How far back was looked.
    pub(super) oldest: Option<RunId>,
    /// As far back as there is any sense in looking, however many records there are.
    patience: SignedDuration,
    read: usize,
    /// True when there are older records that were not read, though they may tell more.
    pub(super) is_cut_short: bool,
}

/// What there is to say of a run as a whole.
#[derive(Debug, Clone)]
pub(super) struct Newest {
    pub(super) id: RunId,
    pub(super) progress: Progress,
    pub(super) last_event: Timestamp,
    pub(super) warnings: Vec<String>,
    pub(super) bad_lines: u64,
    /// Its hosts.
    pub(super) hosts: Vec<String>,
    /// Whether somebody, or a timer of their own, named them.
    pub(super) is_of_chosen: bool,
}

/// How far a run has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Progress {
    /// To its end.
    Finished,
    /// It is still at work.
    AtWork,
    /// It broke off.
    Interrupted,
}

impl Progress {
    /// How far a run has come. Only the newest can be at work, for they wait for each other; and while a host is
    /// backed up nothing is written into the record, for as long as `limit`.
    #[must_use]
    pub fn of(run: &Run, is_newest: bool, now: Timestamp, limit: SignedDuration) -> Self {
        let quiet = now.duration_since(run.last_event.unwrap_or(run.id.start()));
        if run.is_finished() {
            Self::Finished
        } else if is_newest && quiet <= limit.saturating_add(CLOCK_TOLERANCE) {
            Self::AtWork
        } else {
            Self::Interrupted
        }
    }
}

impl<'f> Search<'f> {
    pub(super) fn new(fleet: &'f Fleet, expectations: &Expectations, now: Timestamp) -> Self {
        let absence = |host: &HostName| fleet.may_be_absent(host).map(duration);
        let absences = fleet.backed_up().filter_map(absence);
        Self {
            fleet,
            now,
            hosts: fleet
                .backed_up()
                .map(|host| (host.as_str(), Trace::default()))
                .collect(),
            phases: fleet
                .expected_phases()
                .map(|phase| (phase, Trace::default()))
                .collect(),
            newest: None,
            newest_of_hosts: None,
            from_the_future: Vec::new(),
            oldest: None,
            patience: absences.fold(expectations.latest_alert(), Ord::max),
            read: 0,
            is_cut_short: false,
        }
    }

    /// True when the record of this run is to be read; what is from the future is only noted.
    pub(super) fn wants(&mut self, run: RunId) -> bool {
        let is_yet_to_come = is_yet_to_come(run, self.now);
        if is_yet_to_come {
            self.from_the_future.push(run);
        }
        !is_yet_to_come
    }

    /// True when no older record is to be read: none can tell more that matters, or it is not worth the time.
    pub(super) fn is_done(&mut self) -> bool {
        let mut traces = self.hosts.values().chain(self.phases.values());
        if traces.clone().all(Trace::is_known) {
            return true;
        }
        let is_past = |records: usize| {
            let span = self.oldest.map(|oldest| self.now.duration_since(oldest.start()));
            self.read >= records && span > Some(self.patience)
        };
        self.is_cut_short = is_past(RECORDS_FOR_GOOD)
            || (is_past(RECORDS_FOR_SINCE) && traces.all(|trace| trace.last_good.is_some()));
        self.is_cut_short
    }

    /// What the next record is to be read for; `None` where all of it matters, as of the newest.
    pub(super) fn sought(&self) -> Option<About> {
        self.newest_of_hosts.as_ref()?;
        let hosts = self.hosts.iter().filter(|(_, trace)| !trace.is_known());
        let phases = self.phases.iter().filter(|(_, trace)| !trace.is_known());
        Some(About::new(
            hosts.map(|(host, _)| *host),
            phases.map(|(phase, _)| *phase),
        ))
    }

    /// Notes a run; all that were noted before are later.
    pub(super) fn note(&mut self, run: &Run) {
        let progress = self.progress(run);
        let newest = || Newest {
            id: run.id,
            progress,
            last_event: run.last_event.unwrap_or(run.id.start()),
            warnings: run.warnings.clone(),
            bad_lines: run.bad_lines.count,
            hosts: run.hosts.keys().cloned().collect(),
            is_of_chosen: run.is_of_chosen,
        };
        // What stands beside the runs says nothing of them.
        if self.newest.is_none() && !run.is_beside {
            self.newest = Some(newest());
        }
        if self.newest_of_hosts.is_none() && !run.hosts.is_empty() && !run.is_of_chosen {
            self.newest_of_hosts = Some(newest());
        }
        self.read += 1;
        self.oldest = Some(run.id);
        for (name, host) in &run.hosts {
            if let Some(trace) = self.hosts.get_mut(name.as_str())
                && !trace.is_known()
            {
                if host.finished.is_none() && progress == Progress::AtWork {
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
                if done.finished.is_none() && progress == Progress::AtWork {
                    trace.turn = Some(Turn::Come);
                } else {
                    trace.note(Attempt::of_phase(run, done));
                }
            }
        }
        if progress == Progress::AtWork {
            for (phase, trace) in &mut self.phases {
                if !phase.is_beside() && !trace.is_of(run.id) {
                    trace.turn.get_or_insert(Turn::ToCome);
                }
            }
        }
    }

    fn progress(&self, run: &Run) -> Progress {
        let is_newest = self.newest.is_none() && !run.is_beside;
        Progress::of(run, is_newest, self.now, longest_silence(self.fleet))
    }
}

/// How long a run of a fleet may write nothing and be at work all the same.
#[must_use]
pub fn longest_silence(fleet: &Fleet) -> SignedDuration {
    duration(fleet.schedule.time_limit.max(fleet.repository.lock_wait))
}

/// True when a run is from the future: its times say nothing.
#[must_use]
pub fn is_yet_to_come(run: RunId, now: Timestamp) -> bool {
    run.start() > now.saturating_add(CLOCK_TOLERANCE).unwrap_or(Timestamp::MAX)
}
