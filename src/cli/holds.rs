//! Shared by `hold`, `release`, `status`, `explain` and `guard`: the directories of the holds and the records.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;

use crate::repository::hold::{self, Store};
use crate::runs::record;

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
