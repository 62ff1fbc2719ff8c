//! Shared by `hold`, `release`, `status`, `explain` and `guard`: the directories of the holds and the records, and what
//! the records contain.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;

use crate::repository::hold::{self, Evidence, LeftAlone, Listing, Store};
use crate::runs::record::{self, About, Phase, Run, RunId, Status};

#[derive(Debug, Args)]
pub(super) struct Holds {
    /// Read and write the holds in this directory
    #[arg(long = "holds", value_name = "DIR", default_value = hold::DIRECTORY, hide = true)]
    pub(super) directory: PathBuf,
}

#[derive(Debug, Args)]
pub(super) struct Kept {
    #[command(flatten)]
    pub(super) holds: Holds,
    /// Read the records of the runs from this directory
    #[arg(long, value_name = "DIR", default_value = record::DIRECTORY, hide = true)]
    pub(super) runs: PathBuf,
}

impl Holds {
    /// The holds; empty if the directory does not exist.
    ///
    /// # Errors
    /// When the directory exists and cannot be read.
    pub(super) fn read_if_there(&self) -> Result<Store> {
        Store::read_if_there(&self.directory)
    }
}

impl Kept {
    /// The records, the newest first.
    fn newest_first(&self) -> Result<impl Iterator<Item = RunId> + use<>> {
        Ok(record::list(&self.runs)?.into_iter().rev())
    }

    fn read(&self, run: RunId, about: About) -> Result<Run> {
        Ok(Run::read_about(run, record::open(&self.runs, run)?, about)?)
    }

    /// What the records contain about the newest snapshot of each host.
    ///
    /// # Errors
    /// When a record cannot be read.
    pub(super) fn evidence<'l>(&self, listing: &'l Listing) -> Result<Evidence<'l>> {
        Evidence::read(listing, &self.runs)
    }

    /// True if a record names a host.
    ///
    /// # Errors
    /// When a record cannot be read.
    pub(super) fn tells_of(&self, host: &str) -> Result<bool> {
        for run in self.newest_first()? {
            if self.read(run, About::new([host], []))?.hosts.contains_key(host) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// The hosts that the last forget skipped. `read` gives the part of a record about forget.
///
/// # Errors
/// Those of `read`.
pub(super) fn left_alone<E>(
    newest_first: impl IntoIterator<Item = RunId>,
    mut read: impl FnMut(RunId, Option<About>) -> Result<Run, E>,
) -> Result<LeftAlone, E> {
    for run in newest_first {
        let about = About::new(std::iter::empty::<String>(), [Phase::Forget]);
        let read = read(run, Some(about))?;
        if let Some(forget) = read.phases.get(&Phase::Forget)
            && let Some((finished, end)) = forget.finished.clone().zip(forget.end)
            && (finished.status == Status::Ok || !finished.held.is_empty())
        {
            let hosts = finished.held;
            return Ok(LeftAlone { time: end, hosts });
        }
    }
    Ok(LeftAlone::default())
}
