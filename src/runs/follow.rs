//! Follows a run from its start to the end of prune.

use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use anyhow::Result;

use super::copies::Copies;
use super::start::{End, Start};
use crate::model::units::{CHOSEN, HOSTS, MAINTAIN};
use crate::notify::OF_SYSTEMD;
use crate::system::bus::{Absence, Error, JobResult, Manager, Signal, UnitState};
use crate::text::harmless;

/// How often the progress is read.
pub(crate) const TICK: Duration = Duration::from_millis(500);
/// How long the signal of a job's end may be late after its unit has ended.
pub(crate) const LATE: Duration = Duration::from_secs(2);

/// How following ended.
pub(crate) enum Ending {
    /// The user stopped following.
    Detached,
    /// The run has ended.
    Over {
        /// The exit status of its result.
        status: u8,
        /// What failed.
        complaints: Vec<String>,
    },
}

/// An event for a follower.
#[derive(Debug)]
pub(crate) enum Event {
    /// A signal of systemd.
    Signal(Signal),
    /// Ctrl-C.
    Interrupted,
}

/// Shows a run to a person.
pub(crate) trait View {
    /// Shows what is new in the run of this invocation of its unit.
    fn show(&mut self, unit: &UnitState) -> Result<()>;

    /// Shows how far the copies of the repository are, a line for each.
    fn copying(&mut self, lines: &[String]) -> Result<()>;

    /// Prints a line that is not about a host.
    fn note(&self, text: &str) -> Result<()>;

    /// Ends the display, and prints the result.
    fn sum_up(&mut self) -> Result<()>;

    /// Ends the display.
    fn close(&mut self);

    /// True while the run has no record, although records can be read.
    fn waits_for_a_record(&self) -> bool;
}

/// Follows a run from its start to the end of the copies.
pub(crate) struct Follower<'r, V> {
    manager: &'r Manager,
    /// The unit that backs up the hosts.
    unit: &'r str,
    events: &'r Receiver<Event>,
    view: V,
    start: Start,
    copies: Copies,
    job_result: Option<JobResult>,
    absence: Absence,
    has_reported_away: bool,
    has_reported_waiting: bool,
    at_rest_since: Option<Instant>,
    /// The state of the unit after it started. systemd unloads the unit of named hosts as soon as it ends.
    begun: Option<UnitState>,
}

impl<'r, V: View> Follower<'r, V> {
    pub(crate) fn new(
        manager: &'r Manager,
        unit: &'r str,
        events: &'r Receiver<Event>,
        view: V,
        start: Start,
        copies: Copies,
    ) -> Self {
        Self {
            manager,
            unit,
            events,
            view,
            start,
            copies,
            job_result: None,
            absence: Absence::default(),
            has_reported_away: false,
            has_reported_waiting: false,
            at_rest_since: None,
            begun: None,
        }
    }

    /// Shows the progress until the run has ended, or the user stops following.
    pub(crate) fn follow(mut self) -> Result<Ending> {
        loop {
            match self.events.recv_timeout(TICK) {
                Ok(Event::Interrupted) => {
                    self.view.close();
                    return Ok(Ending::Detached);
                }
                Ok(Event::Signal(Signal::JobRemoved(job, result)))
                    if Some(&job) == self.start.job.as_ref() =>
                {
                    self.job_result = Some(result);
                }
                Ok(Event::Signal(Signal::ManagerIsBack)) => {
                    self.view.note("systemd was restarted; the run continues")?;
                    // If it is not ready yet, the states of the units are enough.
                    drop(self.manager.subscribe());
                }
                Ok(Event::Signal(Signal::JobRemoved(..))) | Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Err(Error::Away.into()),
            }
            let (hosts, maintain) = match self.states() {
                Ok(states) => states,
                Err(Error::Interrupted) => {
                    self.view.close();
                    return Ok(Ending::Detached);
                }
                Err(Error::Away) if self.absence.may_last() => {
                    if !self.has_reported_away {
                        self.has_reported_away = true;
                        self.view.note("systemd does not answer; waiting for it")?;
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
                self.report_runs_before(&hosts)?;
            }
            if hosts.is_at_rest() && maintain.is_at_rest() && self.has_last_word() {
                self.view.sum_up()?;
                let (mut status, mut complaints) = self.judge(&hosts, &maintain);
                let copies = std::mem::take(&mut self.copies);
                match copies.follow(self.manager, self.events, &mut self.view)? {
                    Some(of_copies) if of_copies.is_empty() => {}
                    Some(of_copies) => {
                        complaints.extend(of_copies);
                        status = 1;
                    }
                    None => {
                        self.view.close();
                        self.view.note("the copies of the repository continue")?;
                    }
                }
                return Ok(Ending::Over { status, complaints });
            }
        }
    }

    /// The hosts first: systemd queues forget and prune at the moment when the hosts end.
    fn states(&self) -> Result<(UnitState, UnitState), Error> {
        let hosts = self.manager.state(self.unit)?;
        Ok((hosts, self.manager.state(MAINTAIN)?))
    }

    /// Prints once which other units a run without a record waits for: only one run works at a time.
    fn report_runs_before(&mut self, hosts: &UnitState) -> Result<()> {
        if self.has_reported_waiting || hosts.is_at_rest() || !self.view.waits_for_a_record() {
            return Ok(());
        }
        // If systemd does not answer, it is asked again later.
        let units = self
            .manager
            .running(&[HOSTS, CHOSEN, MAINTAIN])
            .unwrap_or_default();
        let others = units.iter().filter(|unit| *unit != self.unit);
        let others: Vec<String> = others.map(|unit| harmless(&in_words(unit))).collect();
        self.has_reported_waiting = !others.is_empty();
        match others.as_slice() {
            [] => Ok(()),
            [one] => self.view.note(&format!("waiting for {one}")),
            many => {
                let many = many.join("; ");
                self.view
                    .note(&format!("waiting; these are running, or waiting as well: {many}"))
            }
        }
    }

    /// True if the result of the job is known, or will never be because systemd was away.
    fn has_last_word(&mut self) -> bool {
        self.job_result.is_some()
            || self.start.job.is_none()
            || self.at_rest_since.get_or_insert_with(Instant::now).elapsed() > LATE
    }

    /// The exit status, and what failed.
    fn judge(&self, hosts: &UnitState, maintain: &UnitState) -> (u8, Vec<String>) {
        let mut complaints = Vec::new();
        let was_started = self.begun.is_some();
        let by_job = match &self.job_result {
            _ if self.start.end == End::Stopped => Some(JobResult::Canceled),
            // For systemd, the job of a unit whose condition is not met is done.
            Some(JobResult::Done) if !was_started => Some(JobResult::Skipped),
            Some(JobResult::Done) if hosts.result != "success" => None,
            // The job's result does not show how the unit failed, and is missing if systemd was away.
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
                "forget or prune failed; see `systemctl status {MAINTAIN}`"
            ));
            status = 1;
        }
        (status, complaints)
    }

    /// The same from the state of the unit, for a unit that was started.
    fn by_unit(&self, hosts: &UnitState) -> (u8, Option<String>) {
        let unit = self.unit;
        match (hosts.result.as_str(), hosts.exit_status) {
            ("success", _) => (0, None),
            // Exit statuses of systemd itself come first, then those of the script.
            ("exit-code", status) if i64::from(status) >= OF_SYSTEMD => {
                let why = format!(
                    "{unit} failed before its script started (exit status {status} is systemd's own); see `systemctl status {unit}`"
                );
                (1, Some(why))
            }
            ("exit-code", 3) => {
                let partial = "at least one snapshot is partial; `genbackup status` shows what is missing";
                (3, Some(partial.to_owned()))
            }
            ("exit-code", _) => {
                let failed = "at least one host has no snapshot of this run; `genbackup status` shows why";
                (1, Some(failed.to_owned()))
            }
            ("timeout", _) => (1, JobResult::Timeout.complaint(unit)),
            (result, _) => {
                let result = result.escape_debug();
                (
                    1,
                    Some(format!("{unit} failed: {result}; see `systemctl status {unit}`")),
                )
            }
        }
    }
}

/// What a unit does, in words.
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
