//! The state of a fleet. From the fleet, the records of its runs, the time and the holder of the lock follows
//! a verdict on each host and each phase. Nothing here asks the clock, the disk or another program, except
//! `examine`, which reads the records.
//!
//! | state | when |
//! | --- | --- |
//! | `OK` | the last attempt was `ok`, and is not older than `warn-after` |
//! | `WARNING` | the last attempt was anything else; or the last complete one is older than `warn-after`, and no run that makes up for it is in progress |
//! | `ALERT` | the last complete one is older than `alert-after`; where none is complete, the first partial one is |
//! | `NEVER` | there is no snapshot, complete or partial |
//!
//! Each host and each phase has separate thresholds ([`Expectations`]).
//!
//! A result is complete if it is `ok`; age counts from its end. A `partial` backup can be restored, but its age does not
//! count: what it lacks is as old as the last complete one.
//!
//! A host that may be absent (`may-be-absent`) and is out of reach is `OK` for that long. The condition is
//! that its last backup while it was in reach was complete.
//!
//! A record from the future is skipped and reported: by its times, hosts would be fresh for years.
//!
//! Records are read from the newest back, until each host and each phase has a complete result; however many failures came
//! after it.

mod advice;
pub(crate) mod anomaly;
mod attempt;
mod examine;
mod expectations;
pub(crate) mod history;
mod progress;
mod report;
mod rule;
mod search;
mod span;
mod state;
mod thresholds;
mod trace;
mod verdict;

use crate::model::Fleet;
use crate::runs::record::{About, Run, RunId};

pub use attempt::{Attempt, Figures, Lacks};
pub(crate) use examine::examine;
pub use expectations::Expectations;
pub use progress::{Holder, Present, Progress};
pub(crate) use progress::{is_yet_to_come, longest_silence};
pub use report::{Concerns, Item, NewestRun, Remark, Report};
pub use rule::{Point, rule};
pub use span::span;
pub use state::State;
pub use thresholds::Thresholds;
pub use trace::Tampered;
pub use verdict::{Now, Since, Verdict};

use search::Search;

/// The state of a fleet at present. `read` gives the record of a run, or as much of it as is about something.
///
/// # Errors
/// Those of `read`.
pub fn judge<E>(
    fleet: &Fleet,
    expectations: &Expectations,
    present: impl Into<Present>,
    newest_first: impl IntoIterator<Item = RunId>,
    mut read: impl FnMut(RunId, Option<About>) -> Result<Run, E>,
) -> Result<Report, E> {
    let mut search = Search::new(fleet, present.into());
    for run in newest_first {
        if search.is_done() {
            break;
        }
        if search.wants(run) {
            search.note(&read(run, search.sought())?);
        }
    }
    Ok(Report::of(fleet, expectations, &search))
}
