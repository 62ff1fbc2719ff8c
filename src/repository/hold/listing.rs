//! The snapshots of the repository, as `restic snapshots --json` lists them: the newest of each host, and the latest of
//! all.

use std::collections::BTreeMap;
use std::io::Read;

use anyhow::{Context, Result};
use jiff::Timestamp;
use serde::Deserialize;

/// One snapshot; restic's other fields are of no use here.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Snapshot {
    /// Its whole id.
    pub id: String,
    /// When it was made, by the clock of its host.
    pub time: Timestamp,
    /// Whose files it has.
    #[serde(default)]
    pub hostname: String,
}

impl Snapshot {
    /// As much of its id as restic shows.
    #[must_use]
    pub(crate) fn short_id(&self) -> &str {
        self.id.get(..8).unwrap_or(&self.id)
    }
}

/// The snapshots that count.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Listing {
    /// The newest of each host.
    pub newest: BTreeMap<String, Snapshot>,
    /// The number of all snapshots.
    pub count: u64,
}

impl Listing {
    /// Reads a list of snapshots.
    ///
    /// # Errors
    /// When it is no list of snapshots.
    pub(crate) fn read(from: impl Read) -> Result<Self> {
        let all: Vec<Snapshot> =
            serde_json::from_reader(from).context("cannot read the list of snapshots that restic printed")?;
        Ok(Self::of(all))
    }

    /// Of these snapshots.
    #[must_use]
    pub(crate) fn of(all: impl IntoIterator<Item = Snapshot>) -> Self {
        let mut newest: BTreeMap<String, Snapshot> = BTreeMap::new();
        let mut count = 0;
        for snapshot in all {
            count += 1;
            let is_older = newest
                .get(&snapshot.hostname)
                .is_some_and(|known| snapshot.time < known.time);
            if !is_older {
                newest.insert(snapshot.hostname.clone(), snapshot);
            }
        }
        Self { newest, count }
    }

    /// The latest of all.
    #[must_use]
    pub(crate) fn latest(&self) -> Option<&Snapshot> {
        self.newest.values().max_by_key(|snapshot| snapshot.time)
    }
}
