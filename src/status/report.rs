//! All verdicts together, and what they come to.

mod remarks;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::advice::{Advice, Subject};
use super::expectations::Expectations;
use super::progress::Progress;
use super::search::{Newest, Search};
use super::span::span;
use super::state::State;
use super::thresholds::{Thresholds, duration};
use super::trace::{Tampered, Trace};
use super::verdict::{Case, Verdict};
use crate::model::Fleet;
use crate::runs::record::RunId;
use remarks::remarks;

pub use remarks::{Concerns, Remark};

/// The state of a fleet.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Report {
    /// The time that it is about.
    pub time: Timestamp,
    /// How old a last good result may be, of all that have no separate thresholds.
    #[serde(flatten)]
    pub thresholds: Thresholds,
    /// The hosts that are backed up: the storage host first.
    pub hosts: Vec<Item>,
    /// The phases.
    pub phases: Vec<Item>,
    /// The copies of the repository in other places.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub copies: Vec<Item>,
    /// The newest run.
    pub run: Option<NewestRun>,
    /// The newest run of all that are backed up together, that is, whose hosts nobody named.
    #[serde(skip)]
    pub fleets_run: Option<NewestRun>,
    /// The remarks about the records and about the newest run as a whole.
    pub remarks: Vec<Remark>,
}

/// One host, one phase or one copy.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Item {
    /// Its name.
    pub name: String,
    /// Whether it is a copy: a host may have the same name.
    #[serde(skip)]
    pub is_copy: bool,
    /// Of a copy: the last attempt to destroy something in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tampered: Option<Tampered>,
    /// Its state.
    #[serde(flatten)]
    pub verdict: Verdict,
}

/// The newest run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct NewestRun {
    /// Its name, which is when it began.
    pub run: RunId,
    /// How far it has come.
    pub progress: Progress,
    /// When the last line of its record was written.
    pub last_event: Timestamp,
}

impl Item {
    /// Its name among hosts, phases and copies.
    #[must_use]
    pub fn shown(&self) -> String {
        if self.is_copy {
            format!("copy {}", self.name)
        } else {
            self.name.clone()
        }
    }
}

impl NewestRun {
    fn of(newest: &Newest) -> Self {
        Self {
            run: newest.id,
            progress: newest.progress,
            last_event: newest.last_event,
        }
    }
}

impl Report {
    /// Judges what was found.
    pub(super) fn of(fleet: &Fleet, expectations: &Expectations, search: &Search<'_>) -> Self {
        let case = |subject, trace: &Trace| {
            let (thresholds, absence) = match subject {
                Subject::Host(host) => {
                    let absence = fleet.may_be_absent(host).map(duration);
                    (expectations.of_host(host), absence)
                }
                Subject::Phase(phase) => (expectations.of_phase(*phase), None),
                Subject::Copy(copy) => (expectations.of_copy(copy), None),
            };
            let was_skipped = match (subject, &search.newest_of_hosts) {
                (Subject::Host(host), Some(run)) => {
                    !fleet.has_own_schedule(host) && !run.hosts.iter().any(|name| name == host.as_str())
                }
                _ => false,
            };
            let advice = Advice {
                fleet,
                subject,
                was_skipped,
                is_running: trace.turn.is_some(),
            };
            Case {
                trace,
                thresholds,
                absence,
                advice,
                now: search.present.now,
            }
            .verdict()
        };
        let hosts = fleet.backed_up().filter_map(|host| {
            let trace = search.hosts.get(host.as_str())?;
            let name = host.to_string();
            let verdict = case(Subject::Host(host), trace);
            Some(Item {
                name,
                is_copy: false,
                tampered: None,
                verdict,
            })
        });
        let phases = search.phases.iter().map(|(phase, trace)| {
            let name = phase.name().to_owned();
            let verdict = case(Subject::Phase(phase), trace);
            Item {
                name,
                is_copy: false,
                tampered: None,
                verdict,
            }
        });
        let copies = fleet.offsite.keys().filter_map(|copy| {
            let trace = search.copies.get(copy.as_str())?;
            let name = copy.to_string();
            let verdict = case(Subject::Copy(copy), trace);
            Some(Item {
                name,
                is_copy: true,
                tampered: trace.tampered.clone(),
                verdict,
            })
        });
        Self {
            copies: copies.collect(),
            time: search.present.now,
            thresholds: expectations.of_fleet(),
            hosts: hosts.collect(),
            phases: phases.collect(),
            run: search.newest.as_ref().map(NewestRun::of),
            fleets_run: search.newest_of_hosts.as_ref().map(NewestRun::of),
            remarks: remarks(fleet, search),
        }
    }

    /// The worst of all.
    #[must_use]
    pub fn state(&self) -> State {
        let remarks = self.remarks.iter().map(|remark| remark.state);
        let items = self.items().map(|item| item.verdict.state);
        items.chain(remarks).max().unwrap_or(State::Never)
    }

    /// Hosts, phases and copies.
    pub fn items(&self) -> impl Iterator<Item = &Item> {
        self.hosts.iter().chain(&self.phases).chain(&self.copies)
    }

    /// The same about one host alone, and about the records that its verdict follows from.
    #[must_use]
    pub fn of_host(mut self, name: &str) -> Self {
        self.hosts.retain(|host| host.name == name);
        self.phases.clear();
        self.copies.clear();
        self.remarks.retain(|remark| remark.concerns == Concerns::Records);
        self
    }

    /// All of it in one line, the worst first.
    #[must_use]
    pub fn summary(&self) -> String {
        let state = self.state();
        let mut bad: Vec<&Item> = self
            .items()
            .filter(|item| item.verdict.state != State::Ok)
            .collect();
        bad.sort_by_key(|item| std::cmp::Reverse(item.verdict.state));
        let described = |item: &Item| {
            let why = item.verdict.why.as_deref().unwrap_or_default();
            format!("{}: {why}", item.shown())
        };
        let remark = self.remarks.iter().find(|remark| remark.state == state);
        let what = match (&bad[..], remark) {
            ([worst, rest @ ..], _) if worst.verdict.state == state => {
                let names: Vec<String> = rest.iter().map(|item| item.shown()).collect();
                match &names[..] {
                    [] => described(worst),
                    [a, b, c, _, ..] => format!(
                        "{}; also: {a}, {b}, {c} and {} more",
                        described(worst),
                        names.len() - 3
                    ),
                    _ => format!("{}; also: {}", described(worst), names.join(", ")),
                }
            }
            (_, Some(remark)) if state != State::Ok => remark.what.clone(),
            _ => self.all_ok(),
        };
        format!("genbackup {state}: {what}")
    }

    fn all_ok(&self) -> String {
        let oldest = self.hosts.iter().filter_map(|host| host.verdict.age).max();
        let oldest = span(oldest.unwrap_or(SignedDuration::ZERO));
        match &self.hosts[..] {
            [host] => format!("{} was backed up {oldest} ago", host.name),
            hosts => format!(
                "{} hosts were backed up; the oldest backup is {oldest} old",
                hosts.len()
            ),
        }
    }
}
