//! Adds a whole record next to those of the runs.

use std::path::Path;
use std::time::Duration;

use anyhow::{Result, anyhow};
use backon::{BlockingRetryable, ConstantBuilder};
use jiff::Timestamp;

use super::{AdHoc, Addition, RunId, file_name};

// The delay between two searches for a free name, and the number of searches.
const PAUSE: Duration = Duration::from_millis(100);
const PAUSES: usize = 600;

/// Why a record has no name.
enum Nameless {
    /// Every second up to now already has a record.
    AllTaken,
    /// Writing failed.
    Refused(anyhow::Error),
}

/// Adds a record. Its name is the second in which the command started, or a later one if that name is taken. No name is
/// in the future: if all names up to now are taken, this waits for the next second.
///
/// # Errors
/// When it cannot be written.
pub fn add(directory: &Path, ad_hoc: &AdHoc) -> Result<()> {
    // The clock may have been set back meanwhile.
    let mut name = RunId::at(ad_hoc.start.min(ad_hoc.end));
    let add = || {
        while name.start() <= Timestamp::now() {
            let text = ad_hoc
                .record(name)
                .map_err(|error| Nameless::Refused(error.into()))?;
            let addition = Addition::to(directory, &text).map_err(Nameless::Refused)?;
            if addition.under(&file_name(name)).map_err(Nameless::Refused)? {
                return Ok(());
            }
            name = name.next();
        }
        Err(Nameless::AllTaken)
    };
    let waits = ConstantBuilder::default()
        .with_delay(PAUSE)
        .with_max_times(PAUSES);
    let added = add
        .retry(waits)
        .when(|nameless| matches!(nameless, Nameless::AllTaken))
        .call();
    added.map_err(|nameless| match nameless {
        Nameless::AllTaken => anyhow!("{} already has a record for every second", directory.display()),
        Nameless::Refused(error) => error,
    })
}
