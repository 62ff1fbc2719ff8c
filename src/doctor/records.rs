//! Takes findings from the runs' records: the last backups, and the clocks of the clients.

use anyhow::Result;

use super::finding::{Finding, State};
use crate::status::{self, Report};

/// The findings of a report, or that there is none.
pub(super) fn check(report: &Result<Report>) -> Vec<Finding> {
    let report = match report {
        Ok(report) => report,
        Err(error) => return vec![Finding::of_error("records", error)],
    };
    let items = report.items().map(|item| {
        let what = item.verdict.why.clone();
        Finding {
            check: format!("last {}", item.name),
            state: state(item.verdict.state),
            what: what.unwrap_or_else(|| "it succeeded".to_owned()),
            hint: item.verdict.hint.clone(),
        }
    });
    let remarks = report.remarks.iter().map(|remark| Finding {
        check: "records".to_owned(),
        state: state(remark.state),
        what: remark.what.clone(),
        hint: remark.hint.clone(),
    });
    items.chain(remarks).collect()
}

/// The severity of a state. A new fleet has no run yet, which is only a warning.
fn state(state: status::State) -> State {
    match state {
        status::State::Ok => State::Ok,
        status::State::Warning | status::State::Never => State::Warning,
        status::State::Alert => State::Failed,
    }
}
