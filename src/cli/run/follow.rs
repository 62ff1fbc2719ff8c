//! Follows a run from its start to the end of prune.

use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use super::view::View;
use super::{CHOSEN, Event, HOSTS, MAINTAIN};
use crate::bus::{Absence, Error, Job, JobResult, Manager, Signal, UnitState};
use crate::cli::terminal;
use crate::notify::OF_SYSTEMD;

/// How often progress is looked at.
const TICK: Duration = Duration::from_millis(500);
/// How long the word of a job's end may be late, when its unit is at rest already.
const LATE: Duration = Duration::from_secs(2);

/// How following ended.
pub(super) enum Ending {
    /// Nobody wanted to see anything.
    Left,
    /// Nobody wants to see more.
    Detached,
    /// The run is over.
    Over {
        /// The exit status that says how.
        status: u8,
        /// What did not go well.
        complaints: Vec<String>,
    },
}

/// What is known beforehand of how a run ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// It ends when it is done, for all that is known.
    OfItself,
    /// Somebody stops it already.
    Stopped,
}

/// What was so when it was started, or found.
pub(super) struct Start {
    /// The job that starts it, unless that is over.
    pub(super) job: Option<Job>,
    pub(super) end: End,
    /// What the unit of the hosts was before.
    pub(super) before: UnitState,
    /// Which time of forget and prune came last before this run.
    pub(super) maintained: Vec<u8>,
}

pub(super) struct Follower<'r> {
    manager: &'r Manager,
    /// The unit of the hosts.
    unit: &'r str,
    events: &'r Receiver<Event>,
    view: View<'r>,
    start: Start,
    job_result: Option<JobResult>,
    absence: Absence,
    has_said_away: bool,
    has_said_whom_it_waits_for: bool,
    at_rest_since: Option<Instant>,
    /// What the unit of the hosts was when it had begun. systemd forgets that of chosen hosts as soon as it is at rest.
    begun: Option<UnitState>,
}

impl<'r> Follower<'r> {
    pub(super) fn new(
        manager: &'r Manager,
        unit: &'r str,
        events: &'r Receiver<Event>,
        view: View<'r>,
        start: Start,
    ) -> Self {
        Self {
            manager,
            unit,
            events,
            view,
            start,
            job_result: None,
            absence: Absence::default(),
            has_said_away: false,
            has_said_whom_it_waits_for: false,
            at_rest_since: None,
            begun: None,
        }
    }

    /// Shows progress until the run is over, or nobody wants to see it.
    pub(super) fn follow(mut self) -> anyhow::Result<Ending> {
        loop {
            match self.events.recv_timeout(TICK) {
                Ok(Event::Interrupted) => {
                    self.view.close();
                    return Ok(Ending::Detached);
                }
                Ok(Event::Said(Signal::JobRemoved(job, result))) if Some(&job) == self.start.job.as_ref() => {
                    self.job_result = Some(result);
                }
                Ok(Event::Said(Signal::ManagerIsBack)) => {
                    self.view.note("systemd has started anew; the run goes on")?;
                    // Where it is not ready yet, states are what there is to go by.
                    drop(self.manager.subscribe());
                }
                Ok(Event::Said(Signal::JobRemoved(..))) | Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Err(Error::Away.into()),
            }
            let (hosts, maintain) = match self.states() {
                Ok(states) => states,
                Err(Error::Interrupted) => {
                    self.view.close();
                    return Ok(Ending::Detached);
                }
                Err(Error::Away) if self.absence.may_last() => {
                    if !self.has_said_away {
                        self.has_said_away = true;
                        self.view
                            .note("systemd does not answer just now; it is waited for")?;
                    }
                    continue;
                }
                Err(error) => return Err(error.into()),
            };
            self.absence.is_over();
            if hosts.invocation != self.start.before.invocation && !hosts.invocation.is_empty()
                || !self.start.before.is_at_rest()
            {
                self.begun = Some(hosts.clone());
            }
            if let Some(begun) = &self.begun {
                self.view.show(begun)?;
                self.say_who_is_before(&hosts)?;
            }
            if hosts.is_at_rest() && maintain.is_at_rest() && self.has_last_word() {
                self.view.sum_up()?;
                let (status, complaints) = self.judge(&hosts, &maintain);
                return Ok(Ending::Over { status, complaints });
            }
        }
    }

    /// The hosts first: systemd queues forget and prune in the moment in which the hosts are at rest.
    fn states(&self) -> Result<(UnitState, UnitState), Error> {
        let hosts = self.manager.state(self.unit)?;
        Ok((hosts, self.manager.state(MAINTAIN)?))
    }

    /// Says once what a run waits for that is at work and has no record yet: there is one at a time.
    fn say_who_is_before(&mut self, hosts: &UnitState) -> anyhow::Result<()> {
        if self.has_said_whom_it_waits_for || hosts.is_at_rest() || !self.view.waits_for_a_record() {
            return Ok(());
        }
        // Where systemd does not answer, it is asked again.
        let units = self
            .manager
            .at_work(&[HOSTS, CHOSEN, MAINTAIN])
            .unwrap_or_default();
        let others = units.iter().filter(|unit| *unit != self.unit);
        let others: Vec<String> = others.map(|unit| terminal::harmless(&in_words(unit))).collect();
        self.has_said_whom_it_waits_for = !others.is_empty();
        match others.as_slice() {
            [] => Ok(()),
            [one] => self.view.note(&format!("it waits for its turn, behind {one}")),
            many => {
                let many = many.join("; ");
                self.view.note(&format!(
                    "it waits for its turn; these are at work, or wait as well: {many}"
                ))
            }
        }
    }

    /// True when it is known how the job ended, or will not be: while systemd was away, nobody said it.
    fn has_last_word(&mut self) -> bool {
        self.job_result.is_some()
            || self.start.job.is_none()
            || self.at_rest_since.get_or_insert_with(Instant::now).elapsed() > LATE
    }

    /// The exit status, and what did not go well.
    fn judge(&self, hosts: &UnitState, maintain: &UnitState) -> (u8, Vec<String>) {
        let mut complaints = Vec::new();
        let was_started = self.begun.is_some();
        let by_job = match &self.job_result {
            _ if self.start.end == End::Stopped => Some(JobResult::Canceled),
            // A condition that is not met is no failure to systemd, which does nothing and calls that done.
            Some(JobResult::Done) if !was_started => Some(JobResult::Skipped),
            Some(JobResult::Done) if hosts.result != "success" => None,
            // Its word for the job is the same however the unit failed, and where it was away there is none.
            Some(JobResult::Failed) | None if was_started => None,
            Some(result) => Some(result.clone()),
            None => Some(JobResult::Failed),
        };
        let (mut status, complaint) = match by_job {
            Some(result) => {
                let complaint = result.complaint(self.unit);
                (u8::from(complaint.is_some()), complaint)
            }
            None => self.by_unit(hosts),
        };
        complaints.extend(complaint);
        if maintain.invocation != self.start.maintained && maintain.result != "success" {
            complaints.push(format!(
                "forget or prune failed; `systemctl status {MAINTAIN}` says why"
            ));
            status = 1;
        }
        (status, complaints)
    }

    /// The same, of hosts that were at work, by what systemd says of their unit.
    fn by_unit(&self, hosts: &UnitState) -> (u8, Option<String>) {
        let unit = self.unit;
        match (hosts.result.as_str(), hosts.exit_status) {
            ("success", _) => (0, None),
            // The script says which of the two it is; its record names the hosts.
            ("exit-code", status) if i64::from(status) >= OF_SYSTEMD => {
                let why = format!(
                    "{unit} failed before it began (exit status {status}, which is systemd's own); `systemctl status {unit}` says why"
                );
                (1, Some(why))
            }
            ("exit-code", 3) => {
                let partial = "some snapshot is partial; `genbackup status` says what is missing";
                (3, Some(partial.to_owned()))
            }
            ("exit-code", _) => {
                let failed = "some host has no snapshot of this run; `genbackup status` says why";
                (1, Some(failed.to_owned()))
            }
            ("timeout", _) => (1, JobResult::Timeout.complaint(unit)),
            (result, _) => {
                let result = result.escape_debug();
                (
                    1,
                    Some(format!(
                        "{unit} failed: {result}; `systemctl status {unit}` says more"
                    )),
                )
            }
        }
    }
}

/// What a unit does, for people.
fn in_words(unit: &str) -> String {
    let chosen = unit
        .strip_prefix("genbackup-run@")
        .and_then(|rest| rest.strip_suffix(".service"));
    match (unit, chosen) {
        (HOSTS, _) => "the run of all hosts".to_owned(),
        (_, Some(hosts)) => format!("the run of {}", hosts.replace('_', ", ")),
        (_, None) => "forget and prune".to_owned(),
    }
}
