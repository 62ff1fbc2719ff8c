//! The runs so far, row by row: how each ended, how long it took, what it added, and what had changed before it.
//!
//! A new restic may read every file once more, and a new systemd may order things otherwise. So a row names
//! the versions that are not those of the row before.

mod versions;

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::runs::record::{HostRun, Phase, PhaseRun, Run, Status};
use crate::status::{Attempt, Figures, Lacks, Present, Progress};

pub(crate) use versions::Change;
use versions::Versions;

/// What the rows are about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Of {
    /// The runs as a whole.
    Runs,
    /// One host.
    Host(String),
    /// One phase.
    Phase(Phase),
    /// One copy of the repository in another place.
    Copy(String),
}

/// One run, or what it did for one host, or one of its phases.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Row {
    /// How far it has come.
    pub progress: Progress,
    /// How it ended, or where it is.
    #[serde(flatten)]
    pub attempt: Attempt,
    /// Of a run as a whole: how many hosts have a snapshot of it, and how many should.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hosts: Option<Count>,
    /// Whether somebody, or their own timer, named the run's hosts, and excluded the others.
    pub is_of_chosen: bool,
    /// The versions that are not those of the row before.
    pub changes: Vec<Change>,
}

/// How many of how many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Count {
    /// Those that succeeded.
    pub good: usize,
    /// All.
    pub all: usize,
}

/// The rows of runs that are given oldest first.
#[derive(Debug)]
pub(crate) struct History {
    of: Of,
    present: Present,
    silence: SignedDuration,
    versions: Versions,
    /// In the order of the runs.
    pub rows: Vec<Row>,
}

impl History {
    /// No rows yet. A run in progress may write nothing for `silence`, see [`Present::progress`].
    #[must_use]
    pub(crate) fn new(of: Of, present: Present, silence: SignedDuration) -> Self {
        Self {
            of,
            present,
            silence,
            versions: Versions::default(),
            rows: Vec::new(),
        }
    }

    /// Adds a run, or an ad hoc record; all that were added before are earlier.
    pub(crate) fn add(&mut self, run: &Run, is_newest: bool) {
        let progress = self.present.progress(run, is_newest, self.silence);
        let (mut attempt, hosts) = match &self.of {
            Of::Runs if run.is_ad_hoc => return,
            Of::Runs => {
                let good = |host: &&HostRun| host.status().is_good();
                let count = Count {
                    good: run.hosts.values().filter(good).count(),
                    all: run.hosts.len(),
                };
                (whole(run, progress), Some(count))
            }
            Of::Host(name) => match run.hosts.get(name) {
                Some(host) => (Attempt::of_host(run, host), None),
                None => return,
            },
            Of::Phase(phase) => match run.phases.get(phase) {
                Some(done) => (Attempt::of_phase(run, done), None),
                None => return,
            },
            Of::Copy(name) => match run.copies.get(name) {
                Some(done) => (Attempt::of_phase(run, done), None),
                None => return,
            },
        };
        if progress == Progress::Running
            && let Some(start) = self.running_since(run)
        {
            let so_far = self.present.now.duration_since(start).max(SignedDuration::ZERO);
            attempt.seconds = Some(so_far.as_secs_f64());
        }
        self.rows.push(Row {
            progress,
            attempt,
            hosts,
            is_of_chosen: run.is_of_chosen,
            changes: self.versions.changes(run, &self.of),
        });
    }
}

impl History {
    /// Since when a run is at what the rows are about; nothing where that is over, or its turn is to come.
    fn running_since(&self, run: &Run) -> Option<Timestamp> {
        match &self.of {
            Of::Runs => Some(run.id.start()),
            Of::Host(name) => {
                let host = run.hosts.get(name).filter(|host| host.finished.is_none());
                host?.start
            }
            Of::Phase(phase) => {
                let done = run.phases.get(phase).filter(|done| done.finished.is_none());
                done?.start
            }
            Of::Copy(name) => {
                let done = run.copies.get(name).filter(|done| done.finished.is_none());
                done?.start
            }
        }
    }
}

/// A run as a whole: as bad as the worst part of it.
fn whole(run: &Run, progress: Progress) -> Attempt {
    let hosts = run
        .hosts
        .iter()
        .map(|(name, host)| (name.as_str(), host.status()));
    let phases = run
        .phases
        .iter()
        .map(|(phase, done): (_, &PhaseRun)| (phase.name(), done.status()));
    let parts: Vec<(&str, &Status)> = hosts.chain(phases).collect();
    let worst = parts.iter().map(|(_, status)| *status);
    let worst = worst.max_by_key(|status| badness(status)).cloned();
    let status = match progress {
        Progress::Interrupted => Status::Interrupted,
        _ => worst.unwrap_or(Status::Ok),
    };
    let mut bad: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for (name, status) in parts.into_iter().filter(|(_, status)| **status != Status::Ok) {
        bad.entry(status.to_string()).or_default().push(name);
    }
    let bad = bad
        .into_iter()
        .map(|(status, names)| format!("{status}: {}", names.join(", ")));
    let notes = run.stopped.iter().chain(&run.warnings);
    let why: Vec<String> = bad.chain(notes.cloned()).collect();
    let end = run.end.unwrap_or(run.last_event_time());
    Attempt {
        run: run.id,
        time: end,
        status,
        why: (!why.is_empty() && progress != Progress::Running).then(|| why.join("; ")),
        seconds: Some(end.duration_since(run.id.start()).as_secs_f64()),
        figures: run
            .hosts
            .values()
            .map(|host| Figures::of(host.summary.as_ref()))
            .fold(Figures::default(), sum),
        restic_version: None,
        lacks: Lacks::default(),
        clock_off: None,
        kept: None,
        removed: None,
        copied: None,
    }
}

fn badness(status: &Status) -> usize {
    match status {
        Status::Ok => 0,
        Status::Partial => 1,
        Status::Busy => 2,
        Status::Unreachable => 3,
        Status::Interrupted => 4,
        Status::Failed => 5,
        Status::Unknown(_) => 6,
    }
}

fn sum(one: Figures, other: Figures) -> Figures {
    let sum = |one: Option<u64>, other: Option<u64>| match (one, other) {
        (Some(one), Some(other)) => Some(one.saturating_add(other)),
        (one, other) => one.or(other),
    };
    Figures {
        added_bytes: sum(one.added_bytes, other.added_bytes),
        files: sum(one.files, other.files),
        processed_bytes: sum(one.processed_bytes, other.processed_bytes),
    }
}
