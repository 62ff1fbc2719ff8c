//! What there is to judge, subject by subject.

use jiff::{SignedDuration, Timestamp};

use crate::status::{Item, Remark, Report, State, Tampered};

/// The state of one subject now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Its name, such as `kai` or `forget`.
    pub subject: String,
    /// Its state.
    pub state: State,
    /// Since when it is not healthy.
    pub since: Option<Timestamp>,
    /// Why it is not.
    pub why: Option<String>,
    /// What to do about it.
    pub hint: Option<String>,
    /// Where nothing was ever tried, how long that is no reason to worry: what was set up just now is not ill.
    pub grace: Option<SignedDuration>,
}

/// The subject of what is about no host and no phase: no host has a space in its name.
const RECORDS: &str = "the runs' records";

/// The findings of a report: its hosts, its phases, its copies, and one for all remarks.
#[must_use]
pub fn findings(report: &Report) -> Vec<Finding> {
    let items = report.hosts.iter().map(|item| (item.name.clone(), item));
    // A host may have the name of a phase.
    let phases = report
        .phases
        .iter()
        .map(|item| (format!("phase {}", item.name), item));
    let copies = report.copies.iter().map(|item| (item.shown(), item));
    let mut findings: Vec<Finding> = items
        .chain(phases)
        .chain(copies)
        .map(|(subject, item)| Finding {
            subject,
            state: item.verdict.state,
            since: item.verdict.since.map(|since| since.time),
            why: item.verdict.why.clone(),
            hint: item.verdict.hint.clone(),
            grace: match item.verdict.last_attempt {
                Some(_) => None,
                None => Some(item.verdict.thresholds.warn_after),
            },
        })
        .collect();
    findings.extend(report.copies.iter().filter_map(of_tampering));
    findings.push(of_remarks(report));
    findings
}

/// The result of the last attempt to destroy something in a copy.
fn of_tampering(copy: &Item) -> Option<Finding> {
    let Tampered { time, result } = copy.tampered.as_ref()?;
    let name = &copy.name;
    let why = match result.as_str() {
        "refused" => None,
        "accepted" => Some("whoever has the credential of this host can destroy the copy".to_owned()),
        result => Some(format!(
            "it is unknown whether the copy can be destroyed: the test was {result}"
        )),
    };
    let hint = format!("run `genbackup offsite {name} --tamper-test` to see each step");
    Some(Finding {
        subject: format!("tamper test of copy {name}"),
        state: if why.is_some() { State::Warning } else { State::Ok },
        since: why.as_ref().map(|_| *time),
        hint: why.as_ref().map(|_| hint),
        why,
        grace: None,
    })
}

fn of_remarks(report: &Report) -> Finding {
    let bad: Vec<&Remark> = report
        .remarks
        .iter()
        .filter(|remark| remark.state != State::Ok)
        .collect();
    let whys: Vec<&str> = bad.iter().map(|remark| remark.what.as_str()).collect();
    let hints: Vec<&str> = bad.iter().filter_map(|remark| remark.hint.as_deref()).collect();
    let joined = |texts: Vec<&str>| (!texts.is_empty()).then(|| texts.join("; "));
    Finding {
        subject: RECORDS.to_owned(),
        state: bad.iter().map(|remark| remark.state).max().unwrap_or(State::Ok),
        since: None,
        why: joined(whys),
        hint: joined(hints),
        grace: match report.run {
            Some(_) => None,
            None => Some(report.thresholds.warn_after),
        },
    }
}
