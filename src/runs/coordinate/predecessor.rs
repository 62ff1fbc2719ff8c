//! Waits for the lock of the state directory, and for the previous run.

use std::thread;
use std::time::Duration;

use anyhow::Result;

use crate::runs::record::{Warning, What, Writer, file_name};
use crate::runs::state::{Current, Lock, State};
use crate::system::journal;

/// How long to wait between two looks at a run that was handed over: first short, for forget and prune that start now.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const NEXT_PAUSE: Duration = Duration::from_secs(1);
/// The number of short pauses: forget and prune have 5 s to start in any case.
const FIRST_PAUSES: u32 = 50;

/// Waits for the lock. `None` if forget and prune hold it for longer than the limit.
///
/// If the previous run has handed its record over to forget and prune, they go first, also if they start
/// late. They have until the limit has passed since the handover. If they did not start by then, the record
/// of that run ends here.
///
/// # Errors
/// When the state directory cannot be locked.
pub(super) fn wait(state: &State, limit: Duration) -> Result<Option<Lock>> {
    for attempt in 0.. {
        let Some(lock) = take(state, limit)? else {
            return Ok(None);
        };
        let Current::HandedOver(run) = state.current() else {
            return Ok(Some(lock));
        };
        if attempt >= FIRST_PAUSES && state.age_of_current() >= limit {
            end_record(state, run);
            return Ok(Some(lock));
        }
        lock.release()?;
        thread::park_timeout(if attempt < FIRST_PAUSES {
            FIRST_PAUSE
        } else {
            NEXT_PAUSE
        });
    }
    Ok(None)
}

/// Takes the lock. Waits for the hosts of another run until they end, because each has a time limit. Waits
/// for forget and prune, and for anything else, only for the limit.
fn take(state: &State, limit: Duration) -> Result<Option<Lock>> {
    let mut waiting = state.wait()?;
    loop {
        waiting = match waiting.at_most(limit)? {
            Ok(lock) => return Ok(Some(lock)),
            Err(_) if state.current() != Current::Running => return Ok(None),
            Err(waiting) => waiting,
        };
    }
}

/// Ends the record of a run that forget and prune should have continued, if it has one.
fn end_record(state: &State, run: crate::runs::record::RunId) {
    let runs = state.runs();
    if !runs.join(file_name(run)).exists() {
        return;
    }
    let why = format!(
        "forget and prune of the run {run} did not start; see `journalctl --unit=genbackup-maintain.service`"
    );
    journal::warn(&why);
    let record = Writer::of(&runs, run);
    record.append(What::Warning(Warning { why }));
    record.append(What::RunFinished);
}
