//! One run, summed up from its record.

mod id;

use std::collections::BTreeMap;
use std::io::{self, BufRead};

use jiff::Timestamp;
use serde_json::Value;

use super::about::About;
use super::event::{
    Event, HostFinished, HostStarted, PhaseFinished, Restic, RunStarted, RunStopped, Warning, What,
};
use super::lines::{BadLine, Line, Lines};
use super::status::Status;
use crate::model::Phase;

pub use id::RunId;

/// How many bad lines are spelled out.
const BAD_LINES_SPELLED_OUT: usize = 100;

/// One run.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// Its name.
    pub id: RunId,
    /// When it ended, if its record has that.
    pub end: Option<Timestamp>,
    /// Why it was stopped, where its record has that.
    pub stopped: Option<String>,
    /// When the last of its events was written.
    pub last_event: Option<Timestamp>,
    /// Versions of the programs on the storage host.
    pub versions: BTreeMap<String, String>,
    /// Whether somebody chose its hosts, or their own timer did, and excluded the others on purpose.
    pub is_of_chosen: bool,
    /// Whether it is no run at all, but an ad hoc record of `genbackup record`: it is about a phase, and
    /// about nothing else.
    pub is_ad_hoc: bool,
    /// systemd's name for this time of the unit, in hexadecimal digits.
    pub invocation: Option<String>,
    /// Its hosts: those that it was to back up, and any that the record names.
    pub hosts: BTreeMap<String, HostRun>,
    /// Its phases.
    pub phases: BTreeMap<Phase, PhaseRun>,
    /// What it did to copies, by their names in the fleet file.
    pub copies: BTreeMap<String, PhaseRun>,
    /// What an admin should know.
    pub warnings: Vec<String>,
    /// How many events this program does not know: the record is of a newer one.
    pub unknown_events: u64,
    /// The number of fields that this program does not know, in events that it knows.
    pub unknown_fields: u64,
    /// Lines that are no events.
    pub bad_lines: BadLines,
}

/// What a record holds of one host.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct HostRun {
    /// When its turn came.
    pub start: Option<Timestamp>,
    /// restic's summary, untouched.
    pub summary: Option<Value>,
    /// When its turn was over.
    pub end: Option<Timestamp>,
    /// How its turn ended.
    pub finished: Option<HostFinished>,
}

/// What a record holds of one phase.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PhaseRun {
    /// When it began.
    pub start: Option<Timestamp>,
    /// When it was over.
    pub end: Option<Timestamp>,
    /// How it ended.
    pub finished: Option<PhaseFinished>,
}

/// The lines of a record that are no events.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BadLines {
    /// How many there are.
    pub count: u64,
    /// The first hundred.
    pub first: Vec<BadLine>,
}

impl HostRun {
    /// How the host ended; [`Status::Interrupted`] when the record does not have that.
    #[must_use]
    pub fn status(&self) -> &Status {
        self.finished
            .as_ref()
            .map_or(&Status::Interrupted, |end| &end.status)
    }
}

impl PhaseRun {
    /// How the phase ended; [`Status::Interrupted`] when the record does not have that.
    #[must_use]
    pub fn status(&self) -> &Status {
        self.finished
            .as_ref()
            .map_or(&Status::Interrupted, |end| &end.status)
    }
}

impl Run {
    /// Sums up the record of a run.
    ///
    /// # Errors
    /// Those of the reader, and none of the record.
    pub fn read(id: RunId, record: impl BufRead) -> io::Result<Self> {
        Self::sum_up(id, Lines::of(record))
    }

    /// Sums up what the record of a run holds of some hosts and phases. What it holds of the others may be
    /// missing.
    ///
    /// # Errors
    /// Those of the reader, and none of the record.
    pub fn read_about(id: RunId, record: impl BufRead, about: About) -> io::Result<Self> {
        Self::sum_up(id, Lines::of(record).about(about))
    }

    fn sum_up(id: RunId, lines: Lines<impl BufRead>) -> io::Result<Self> {
        let mut run = Self {
            id,
            end: None,
            stopped: None,
            last_event: None,
            versions: BTreeMap::new(),
            is_of_chosen: false,
            is_ad_hoc: false,
            invocation: None,
            hosts: BTreeMap::new(),
            phases: BTreeMap::new(),
            copies: BTreeMap::new(),
            warnings: Vec::new(),
            unknown_events: 0,
            unknown_fields: 0,
            bad_lines: BadLines::default(),
        };
        for line in lines {
            match line? {
                Line::Good(event) => run.note(event),
                Line::Bad(line) => run.bad_lines.note(line),
            }
        }
        Ok(run)
    }

    /// True when its record is complete. Otherwise the run was interrupted, or goes on still.
    #[must_use]
    pub const fn is_finished(&self) -> bool {
        self.end.is_some()
    }

    /// When the last of its events was written, or else when it began.
    #[must_use]
    pub(crate) fn last_event_time(&self) -> Timestamp {
        self.last_event.unwrap_or(self.id.start())
    }

    fn note(&mut self, event: Event) {
        let Event { time, what, unknown } = event;
        self.last_event = Some(time);
        if !matches!(what, What::Other(_)) {
            self.unknown_fields += unknown.len() as u64;
        }
        match what {
            What::RunStarted(RunStarted {
                run: _,
                hosts,
                versions,
                chosen,
                beside,
                invocation,
            }) => {
                self.versions.extend(versions);
                self.is_of_chosen |= chosen;
                self.is_ad_hoc |= beside;
                self.invocation = self.invocation.take().or(invocation);
                for host in hosts {
                    self.hosts.entry(host).or_default();
                }
            }
            What::HostStarted(HostStarted { host }) => self.host(host).start = Some(time),
            What::Restic(Restic { host, message }) => self.host(host).summary = Some(message),
            What::HostFinished(finished) => {
                let host = self.host(finished.host.clone());
                host.end = Some(time);
                host.finished = Some(*finished);
            }
            What::PhaseStarted(phase, started) => self.phase(phase, started.copy).start = Some(time),
            What::PhaseFinished(phase, finished) => {
                let phase = self.phase(phase, finished.copy.clone());
                phase.end = Some(time);
                phase.finished = Some(finished);
            }
            What::Warning(Warning { why }) => self.warnings.push(why),
            What::RunFinished => self.end = Some(time),
            What::RunStopped(RunStopped { why }) => {
                let why = why.filter(|why| !why.is_empty());
                self.stopped = Some(why.unwrap_or_else(|| "the run was stopped".to_owned()));
            }
            What::Other(_) => self.unknown_events += 1,
        }
    }

    /// A phase, or a copy: each has a separate state.
    fn phase(&mut self, phase: Phase, copy: Option<String>) -> &mut PhaseRun {
        match copy {
            Some(copy) if phase == Phase::Offsite => self.copies.entry(copy).or_default(),
            _ => self.phases.entry(phase).or_default(),
        }
    }

    fn host(&mut self, name: String) -> &mut HostRun {
        self.hosts.entry(name).or_default()
    }
}

impl BadLines {
    fn note(&mut self, line: BadLine) {
        self.count += 1;
        if self.first.len() < BAD_LINES_SPELLED_OUT {
            self.first.push(line);
        }
    }
}
