//! A unit that failed and left no record: systemd alone knows of it.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::finding::Finding;
use super::memory::Memory;
use crate::model::units::{HOSTS, MAINTAIN};
use crate::model::{Fleet, HostName};
use crate::runs::record::{Phase, Status};
use crate::status::{Item, Report, State};

/// From this exit status on it is systemd's own, and the program never began (systemd.exec(5), "Process Exit Codes").
pub(crate) const OF_SYSTEMD: i64 = 200;
const NO_CREDENTIALS: i64 = 243;
/// A record that ends so short a time before the failure is of the same run. Or after it: forget, which begins at the same
/// time, may have written a line since the clock was looked at.
const SAME_RUN: SignedDuration = SignedDuration::from_mins(10);

/// When and how a unit failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Failure {
    /// When.
    pub time: Timestamp,
    /// How.
    pub result: FailureResult,
}

/// How a unit failed, in systemd's words (`$MONITOR_SERVICE_RESULT`, `$MONITOR_EXIT_STATUS`, systemd.exec(5)).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct FailureResult {
    /// Such as `exit-code`, `timeout` or `oom-kill`.
    pub result: Option<String>,
    /// The exit status, or the name of a signal.
    pub status: Option<String>,
}

impl FailureResult {
    fn exit_status(&self) -> Option<i64> {
        self.status.as_deref()?.parse().ok()
    }

    /// True when the unit's program came to an end of its own.
    fn is_of_the_program(&self) -> bool {
        self.result.as_deref() == Some("exit-code")
            && self.exit_status().is_some_and(|status| status < OF_SYSTEMD)
    }

    fn why(&self, fleet: &Fleet, unit: &str) -> String {
        let said = match (self.result.as_deref(), self.status.as_deref()) {
            (Some("exit-code"), Some(status)) => format!("exit status {status}"),
            (Some(result), Some(status)) => format!("{result}, {status}"),
            (Some(result), None) => result.to_owned(),
            (None, _) => "systemd gives no reason".to_owned(),
        };
        if self.exit_status() == Some(NO_CREDENTIALS) {
            let files = credentials(fleet, unit).join(", ");
            return format!(
                "{unit} failed before it started ({said}): systemd cannot load its credentials; one of these files is \
                 missing, or its file system is locked: {files}"
            );
        }
        if self.exit_status().is_some_and(|status| status >= OF_SYSTEMD) {
            return format!("{unit} failed before it started ({said})");
        }
        format!("{unit} failed ({said}), and no record shows the reason")
    }
}

/// The files that systemd hands over to a unit.
fn credentials(fleet: &Fleet, unit: &str) -> Vec<String> {
    let mut files = vec![fleet.repository.password_file.to_string()];
    if hosts(fleet, unit).is_some()
        && let Some(remote) = &fleet.remote
    {
        files.push(remote.key_file.to_string());
    }
    files
}

/// The hosts that a unit backs up; none where it does something else.
fn hosts<'u>(fleet: &'u Fleet, unit: &'u str) -> Option<Vec<&'u str>> {
    if unit == HOSTS {
        let together = fleet.backed_up().filter(|host| !fleet.has_own_schedule(host));
        return Some(together.map(HostName::as_str).collect());
    }
    let instance = unit.strip_prefix("genbackup-run@")?.strip_suffix(".service")?;
    Some(instance.split('_').collect())
}

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
        let mut beside = Phase::BESIDE.into_iter();
        !beside.any(|beside| beside.name() == phase.name)
    })
}

impl Memory {
    /// Notes that a unit failed, unless the newest run's record says what went wrong with the work of that unit.
    pub fn note_failure(&mut self, fleet: &Fleet, unit: &str, result: FailureResult, report: &Report) {
        let is_fresh = report
            .run
            .is_some_and(|run| report.time.duration_since(run.last_event).abs() <= SAME_RUN);
        if !(result.is_of_the_program() && is_fresh && is_recorded(fleet, unit, report)) {
            let time = report.time;
            self.failures.insert(unit.to_owned(), Failure { time, result });
        }
    }

    /// The units that failed, and have not done their work since.
    pub fn failed_units(&mut self, fleet: &Fleet, report: &Report) -> Vec<Finding> {
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
