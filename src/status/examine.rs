//! Judges a fleet from the records of a directory.

use anyhow::Result;

use super::{Concerns, Expectations, Remark, Report, State, judge};
use crate::model::Fleet;
use crate::runs::records::Records;
use crate::system::analyze;

/// The state of a fleet from the records of a directory.
///
/// # Errors
/// When the records cannot be read.
pub(crate) fn examine(fleet: &Fleet, records: &Records) -> Result<Report> {
    let expectations = Expectations::of(fleet, analyze::longest_gap)?;
    let present = records.present();
    let runs = records.list()?;
    let is_there = runs.is_some();
    let newest_first = runs.unwrap_or_default().into_iter().rev();
    let mut report = judge(fleet, &expectations, present, newest_first, |run, about| {
        records.read(run, about)
    })?;
    if !is_there {
        report.remarks.push(Remark {
            state: State::Never,
            what: format!("the directory {} is missing", records.directory().display()),
            hint: Some(format!(
                "run `genbackup run` on {}: the first run makes it",
                fleet.storage.name
            )),
            concerns: Concerns::Records,
        });
    }
    Ok(report)
}
