//! Runs a command, and adds its result to the records.

use std::ffi::OsString;
use std::io::ErrorKind;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result, anyhow};
use jiff::Timestamp;

use super::{Ended, run};
use crate::error::Hinted;
use crate::runs::record::{self, AdHoc, Addition, Phase};
use crate::runs::records::kind;
use crate::system::nixos::System;

/// A command that ended, with its record.
#[derive(Debug)]
pub(crate) struct Recorded {
    /// How the command ended.
    pub ended: Ended,
    /// Why it has no record, if it has none.
    pub unrecorded: Option<anyhow::Error>,
}

impl Recorded {
    /// Runs a command to its end as a phase, and writes its record into a directory.
    ///
    /// # Errors
    /// When there is no command, when the directory cannot hold a record, or those of [`run`]. A record that cannot be
    /// written after the command ended is no error.
    pub(crate) fn run(phase: Phase, command: &[OsString], runs: &Path) -> Result<Self> {
        let (program, words) = command.split_first().context("there is no command")?;
        let (start, clock) = (Timestamp::now(), Instant::now());
        // Check now that a record can be written, and not after hours of work.
        Addition::to(runs, &"\n".repeat(4096)).map_err(|error| explained(&error))?;
        let ended = run(program, words)?;
        let ad_hoc = AdHoc {
            phase,
            copy: None,
            start,
            end: Timestamp::now(),
            seconds: clock.elapsed().as_secs_f64(),
            status: ended.status(),
            why: ended.why(),
            exit_code: ended.exit_code(),
            figures: None,
        };
        let unrecorded = record::add(runs, &ad_hoc).err();
        Ok(Self { ended, unrecorded })
    }

    /// The exit status that a shell would report; not 0 if there is no record.
    #[must_use]
    pub(crate) fn exit_status(&self) -> u8 {
        let least = u8::from(self.unrecorded.is_some());
        self.ended.exit_status().max(least)
    }
}

/// The error if no record can be written, before the command is started.
fn explained(error: &anyhow::Error) -> anyhow::Error {
    let hint = match kind(error) {
        Some(ErrorKind::NotFound) => format!(
            "run this on the storage host, where {} makes the directory; `--runs DIR` names another",
            System::here().apply()
        ),
        Some(ErrorKind::PermissionDenied) => {
            "run this as user restic or root; `--runs DIR` names another directory".to_owned()
        }
        Some(ErrorKind::StorageFull | ErrorKind::QuotaExceeded) => {
            "free some space, then run this again".to_owned()
        }
        _ => return anyhow!("{}", not_started(error)),
    };
    anyhow::Error::new(Hinted::new(not_started(error), hint))
}

fn not_started(error: &anyhow::Error) -> String {
    format!("the command was not started, because it cannot be recorded: {error:#}")
}
