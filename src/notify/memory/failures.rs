//! The units that failed, as the memory has them.

use jiff::SignedDuration;

use super::Memory;
use crate::model::Fleet;
use crate::model::units::MAINTAIN;
use crate::notify::Finding;
use crate::notify::failure::{Failure, FailureResult, hosts};
use crate::runs::record::{Phase, Status};
use crate::status::{Item, Report, State};

/// A record that ends so short a time before the failure is of the same run. Or after it: forget, which begins at the same
/// time, may have written a line since the clock was looked at.
const SAME_RUN: SignedDuration = SignedDuration::from_mins(10);

/// True when a run that began after a unit's failure has had one of its hosts: then it has had them all.
fn ran_since(hosts: &[&str], failure: &Failure, report: &Report) -> bool {
    let items = report
        .hosts
        .iter()
        .filter(|item| hosts.contains(&item.name.as_str()));
    let mut runs = items
        .map(|item| item.verdict.last_attempt.as_ref().map(|last| last.run))
        .peekable();
    if runs.peek().is_none() {
        // They left the fleet, and no run asks them any more.
        return report.run.is_some_and(|run| run.last_event > failure.time);
    }
    runs.flatten().any(|run| run.start() > failure.time)
}

/// True when the newest run's record has a failure in the work of a unit. A host that failed does not explain why forget
/// and prune did, nor the other way round.
fn is_recorded(fleet: &Fleet, unit: &str, report: &Report) -> bool {
    let failed = |item: &Item| {
        let last = item.verdict.last_attempt.as_ref();
        last.is_some_and(|last| Some(last.run) == report.run.map(|run| run.run) && last.status != Status::Ok)
    };
    match hosts(fleet, unit) {
        Some(hosts) => {
            let mut own = report
                .hosts
                .iter()
                .filter(|item| hosts.contains(&item.name.as_str()));
            own.any(failed)
        }
        None => unit == MAINTAIN && of_runs(report).any(failed),
    }
}

/// The phases that belong to runs: not what is recorded separately.
fn of_runs(report: &Report) -> impl Iterator<Item = &Item> {
    report.phases.iter().filter(|phase| {
        let mut ad_hoc = Phase::AD_HOC.into_iter();
        !ad_hoc.any(|ad_hoc| ad_hoc.name() == phase.name)
    })
}

impl Memory {
    /// Notes that a unit failed, unless the newest run's record shows what failed in the work of that unit.
    pub(crate) fn note_failure(&mut self, fleet: &Fleet, unit: &str, result: FailureResult, report: &Report) {
        let is_fresh = report
            .run
            .is_some_and(|run| report.time.duration_since(run.last_event).abs() <= SAME_RUN);
        if !(result.is_of_the_program() && is_fresh && is_recorded(fleet, unit, report)) {
            let time = report.time;
            self.failures.insert(unit.to_owned(), Failure { time, result });
        }
    }

    /// The units that failed, and have not done their work since.
    pub(crate) fn failed_units(&mut self, fleet: &Fleet, report: &Report) -> Vec<Finding> {
        for failure in self.failures.values_mut() {
            // Noted by a clock that was ahead: no run would ever count as later.
            failure.time = failure.time.min(report.time);
        }
        let worked_since = |unit: &str, failure: &Failure| match (unit, hosts(fleet, unit)) {
            (_, Some(hosts)) => ran_since(&hosts, failure, report),
            (MAINTAIN, None) => of_runs(report).any(|phase| {
                let last = phase.verdict.last_attempt.as_ref();
                last.is_some_and(|last| last.time > failure.time)
            }),
            // What writes no record is forgotten when the next run is done.
            _ => report.run.is_some_and(|run| run.last_event > failure.time),
        };
        let mut findings = Vec::new();
        for (unit, failure) in &self.failures {
            let is_over = worked_since(unit, failure);
            findings.push(Finding {
                subject: format!("unit {unit}"),
                state: if is_over { State::Ok } else { State::Alert },
                since: Some(failure.time),
                why: Some(failure.result.why(fleet, unit)),
                hint: Some(format!(
                    "on {}, see `systemctl status {unit}`; fix the cause, then run `systemctl start {unit}`",
                    fleet.storage.name
                )),
                grace: None,
            });
        }
        self.failures.retain(|unit, failure| !worked_since(unit, failure));
        findings
    }
}
