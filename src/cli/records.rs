//! The records that a verb looks at, and the time that it is.

use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Args;
use jiff::Timestamp;

use crate::record::{self, About, Run, RunId};

#[derive(Debug, Args)]
pub(super) struct Records {
    /// The folder of the runs' records
    #[arg(long, value_name = "DIR", default_value = record::FOLDER)]
    runs: PathBuf,
    /// Another time than now, as if the clock showed it
    #[arg(long, value_name = "TIME", hide = true)]
    now: Option<Timestamp>,
}

impl Records {
    pub(super) fn now(&self) -> Timestamp {
        self.now.unwrap_or_else(Timestamp::now)
    }

    pub(super) fn folder(&self) -> &Path {
        &self.runs
    }

    /// The runs that have a record, oldest first; `None` where there is no such folder.
    ///
    /// # Errors
    /// When the folder can't be read.
    pub(super) fn list(&self) -> Result<Option<Vec<RunId>>> {
        match record::list(&self.runs) {
            Ok(runs) => Ok(Some(runs)),
            Err(error) => match kind(&error) {
                Some(io::ErrorKind::NotFound) => Ok(None),
                Some(io::ErrorKind::PermissionDenied) => Err(readable_for(&error)),
                _ => Err(error),
            },
        }
    }

    /// The newest run of these, which are given oldest first: what stands beside the runs is none.
    ///
    /// # Errors
    /// When a record can't be read.
    pub(super) fn newest_run(&self, runs: &[RunId]) -> Result<Option<RunId>> {
        for run in runs.iter().rev() {
            // Its first line says it.
            let nothing = About::new(std::iter::empty::<String>(), []);
            if !self.read(*run, Some(nothing))?.is_beside {
                return Ok(Some(*run));
            }
        }
        Ok(None)
    }

    /// Reads the record of a run, or as much of it as is about something.
    ///
    /// # Errors
    /// When it can't be read.
    pub(super) fn read(&self, run: RunId, about: Option<About>) -> Result<Run> {
        let record = record::open(&self.runs, run).map_err(|error| match kind(&error) {
            Some(io::ErrorKind::PermissionDenied) => readable_for(&error),
            _ => error,
        })?;
        let read = match about {
            None => Run::read(run, record),
            Some(about) => Run::read_about(run, record, about),
        };
        read.with_context(|| format!("can't read the record of {run}"))
    }
}

/// What the disk refuses.
pub(super) fn kind(error: &anyhow::Error) -> Option<io::ErrorKind> {
    let error: &io::Error = error
        .downcast_ref()
        .or_else(|| error.root_cause().downcast_ref())?;
    Some(error.kind())
}

fn readable_for(error: &anyhow::Error) -> anyhow::Error {
    anyhow::anyhow!(
        "{error:#}\n\nhint: root and the group `restic` may read the records; `--runs` names another folder"
    )
}
