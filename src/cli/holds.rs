//! What `hold`, `release`, `status`, `explain` and `guard` share: where the holds and the records are, and what the
//! records say.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;

use crate::hold::{self, Evidence, LeftAlone, Listing, Store};
use crate::record::{self, About, Phase, Run, RunId, Status};

#[derive(Debug, Args)]
pub(super) struct Holds {
    /// The directory of the holds
    #[arg(long = "holds", value_name = "DIR", default_value = hold::FOLDER, hide = true)]
    pub(super) folder: PathBuf,
}

#[derive(Debug, Args)]
pub(super) struct Kept {
    #[command(flatten)]
    pub(super) holds: Holds,
    /// The directory of the runs' records
    #[arg(long, value_name = "DIR", default_value = record::FOLDER, hide = true)]
    pub(super) runs: PathBuf,
}

impl Holds {
    /// What somebody said of the hosts; nothing where there is no such directory.
    ///
    /// # Errors
    /// When it is there and cannot be read.
    pub(super) fn read_if_there(&self) -> Result<Store> {
        Store::read_if_there(&self.folder)
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

    /// The record of one run, whole.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(super) fn run(&self, run: RunId) -> Result<Run> {
        Ok(Run::read(run, record::open(&self.runs, run)?)?)
    }

    /// What the records say of the newest snapshot of each host.
    ///
    /// # Errors
    /// When any of them cannot be read.
    pub(super) fn evidence<'l>(&self, listing: &'l Listing) -> Result<Evidence<'l>> {
        let mut evidence = Evidence::about(listing);
        for run in self.newest_first()? {
            let Some(about) = evidence.sought() else {
                break;
            };
            evidence.note(&self.read(run, about)?);
        }
        Ok(evidence)
    }

    /// Whether any record tells of a host.
    ///
    /// # Errors
    /// When any of them cannot be read.
    pub(super) fn tells_of(&self, host: &str) -> Result<bool> {
        for run in self.newest_first()? {
            if self.read(run, About::new([host], []))?.hosts.contains_key(host) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// What the last forget left alone; `read` gives what a record says of forget.
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
