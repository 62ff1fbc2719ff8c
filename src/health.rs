//! Whether a fleet is well: from the fleet, the records of its runs and the time, to a verdict on each host and each
//! phase. Nothing here asks the clock, the disk or another program.
//!
//! | state | when |
//! | --- | --- |
//! | `OK` | the last attempt was `ok`, and is not older than `warn-after` |
//! | `WARNING` | the last attempt was anything else; or the last good one is older than `warn-after`, and no run that makes up for it is at work |
//! | `ALERT` | the last good one is older than `alert-after` |
//! | `NEVER` | there is no good one |
//!
//! Each host and each phase goes by thresholds of its own ([`Expectations`]).
//!
//! Good is what left something to restore: a `partial` backup counts for its age, so that only what is missing from it
//! is a warning, and not that all is too old. Age is counted from the end of an attempt.
//!
//! A host that may be absent (`may-be-absent`) and is out of reach is `OK` for that long, where its last backup went
//! well when it was there.
//!
//! A record from the future is left out, and said to be there: by its times, hosts would be fresh for years.
//!
//! Records are read from the newest back, no more of them than the answer needs.

mod advice;
mod attempt;
mod expectations;
mod progress;
mod report;
mod search;
mod span;
mod state;
mod thresholds;
mod trace;
mod verdict;

use crate::model::Fleet;
use crate::record::{About, Run, RunId};

pub use attempt::{Attempt, Figures, Lacks};
pub use expectations::Expectations;
pub use progress::{Holder, Present, Progress, is_yet_to_come, longest_silence};
pub use report::{Concerns, Item, NewestRun, Remark, Report};
pub use span::span;
pub use state::State;
pub use thresholds::Thresholds;
pub use verdict::{Now, Since, Verdict};

use search::Search;

/// How well a fleet is at present. `read` gives the record of a run, or as much of it as is about something.
///
/// # Errors
/// Those of `read`.
pub fn examine<E>(
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
