//! Verdicts as rows.

use super::words::{self, Time, Words};
use crate::status::{Item, Now, Report, State, Thresholds, span};

/// The state of one host, or of one phase.
#[derive(Debug)]
pub(super) struct Freshness {
    pub(super) name: String,
    pub(super) state: State,
    pub(super) now: Option<&'static str>,
    pub(super) since: Option<Time>,
    pub(super) why: Option<String>,
    pub(super) hint: Option<String>,
    /// How old the last complete one may be before it is a warning, and an alert, where that is not as with all others.
    pub(super) may_be: Option<(String, String)>,
    /// When the last complete one was over, and how long that is ago.
    pub(super) good: Option<(Time, String)>,
    /// When the last snapshot was made, where that is a partial one.
    pub(super) partial: Option<Time>,
}

/// A remark that is about no host and no phase.
#[derive(Debug)]
pub(super) struct Notice {
    pub(super) state: State,
    pub(super) what: String,
    pub(super) hint: Option<String>,
}

/// The number of notices that are spelled out.
const NOTICES: usize = 20;

pub(super) fn notices(report: &Report) -> Vec<Notice> {
    let notices = report.remarks.iter().take(NOTICES).map(|remark| Notice {
        state: remark.state,
        what: words::why(&remark.what),
        hint: remark.hint.as_deref().map(words::why),
    });
    notices.collect()
}

/// The worst first, as `status` has them.
pub(super) fn rows(words: &Words<'_>, items: &[Item], usual: Thresholds) -> Vec<Freshness> {
    let mut rows: Vec<Freshness> = items.iter().map(|item| row(words, item, usual)).collect();
    rows.sort_by_key(|row| std::cmp::Reverse(row.state));
    rows
}

/// The number of healthy rows that are shown; more are folded, or they would hide the others.
const HEALTHY: usize = 12;

/// The rows that are shown, and the healthy ones that are folded.
pub(super) fn folded(rows: Vec<Freshness>) -> (Vec<Freshness>, Vec<Freshness>) {
    let (healthy, others): (Vec<_>, Vec<_>) = rows.into_iter().partition(|row| row.state == State::Ok);
    if healthy.len() > HEALTHY {
        (others, healthy)
    } else {
        (others.into_iter().chain(healthy).collect(), Vec::new())
    }
}

fn row(words: &Words<'_>, item: &Item, usual: Thresholds) -> Freshness {
    let (name, verdict) = (item.shown(), &item.verdict);
    let age = verdict.age.map(span).unwrap_or_default();
    Freshness {
        name: name.clone(),
        state: verdict.state,
        now: verdict.now.map(|now| match now {
            Now::Running => "running",
            Now::Waiting => "waiting for its turn",
            Now::Absent => "absent, within `may-be-absent`",
        }),
        since: verdict.since.map(|since| words.time(since.time)),
        why: verdict.why.as_deref().map(words::why),
        hint: verdict.hint.as_deref().map(words::why),
        may_be: (verdict.thresholds != usual).then(|| {
            let Thresholds {
                warn_after,
                alert_after,
            } = verdict.thresholds;
            (span(warn_after), span(alert_after))
        }),
        good: verdict
            .last_good
            .as_ref()
            .map(|good| (words.time(good.time), age.clone())),
        partial: verdict
            .last_snapshot
            .as_ref()
            .filter(|last| !last.status.is_complete())
            .map(|last| words.time(last.time)),
    }
}
