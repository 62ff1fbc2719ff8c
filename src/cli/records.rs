//! The options of verbs that read records.

use std::path::PathBuf;

use clap::Args;
use jiff::Timestamp;

use crate::runs::record::DIRECTORY;
use crate::runs::records::Records;

#[derive(Debug, Args)]
pub(super) struct Options {
    /// Read the records of the runs from this directory
    #[arg(long, value_name = "DIR", default_value = DIRECTORY)]
    runs: PathBuf,
    /// Take this time for the current time
    #[arg(long, value_name = "TIME", hide = true)]
    now: Option<Timestamp>,
    /// Look at the lock of this state directory; by default, at that of this host if its own records are read
    #[arg(long, value_name = "DIR", hide = true)]
    state: Option<PathBuf>,
}

impl Options {
    /// The records that are read.
    pub(super) fn open(&self) -> Records {
        let Self { runs, now, state } = self;
        Records {
            directory: runs.clone(),
            now: *now,
            state: state.clone(),
        }
    }
}
