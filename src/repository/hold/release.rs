//! Lets the keep policy apply to a host again.

use std::path::Path;

use anyhow::Result;
use jiff::Timestamp;

use super::{Accepted, Entry, Evidence, Held, Listing, Snapshot, Store, held};
use crate::repository::restic;

/// Releases hosts. The snapshots are listed once, and only if a host needs it: releasing a hold that an administrator
/// placed does not need the password.
pub(crate) struct Releases<'r, L> {
    store: &'r Store,
    runs: &'r Path,
    now: Timestamp,
    list: L,
    listing: Option<Listing>,
}

/// How a host was released.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Released {
    /// An administrator had placed a hold, for this reason.
    Hold(String),
    /// Its newest snapshot was accepted.
    Snapshot {
        /// That snapshot.
        newest: Snapshot,
        /// Why the host was held.
        why: Held,
    },
    /// It was not held.
    NotHeld,
}

impl<'r, L: Fn() -> Result<Vec<restic::Snapshot>>> Releases<'r, L> {
    /// Releases at a time, by the holds, the records of the runs, and a list of all snapshots.
    #[must_use]
    pub(crate) const fn new(store: &'r Store, runs: &'r Path, now: Timestamp, list: L) -> Self {
        Self {
            store,
            runs,
            now,
            list,
            listing: None,
        }
    }

    /// Ends the hold on a host, or accepts its newest snapshot if it is held because of that.
    ///
    /// # Errors
    /// When the snapshots cannot be listed, a record cannot be read, or the result cannot be written.
    pub(crate) fn release(&mut self, host: &str) -> Result<Released> {
        let (store, now) = (self.store, self.now);
        let entry = store.entry(host);
        if let Some(placed) = entry.hold_at(now) {
            let why = placed.why.clone();
            store.put(&Entry { hold: None, ..entry })?;
            return Ok(Released::Hold(why));
        }
        let listing = match self.listing.take() {
            Some(listing) => listing,
            None => of_restic((self.list)()?),
        };
        let listing = self.listing.insert(listing);
        let evidence = Evidence::read(listing, self.runs)?;
        let reason = held(listing, &evidence, store, host, now);
        let (Some(why), Some(newest)) = (reason, listing.newest.get(host)) else {
            return Ok(Released::NotHeld);
        };
        let accepted = Accepted {
            snapshot: newest.id.clone(),
            time: now,
        };
        store.put(&Entry {
            accepted: Some(accepted),
            ..entry
        })?;
        let newest = newest.clone();
        Ok(Released::Snapshot { newest, why })
    }
}

fn of_restic(all: Vec<restic::Snapshot>) -> Listing {
    Listing::of(all.into_iter().map(|snapshot| Snapshot {
        id: snapshot.id,
        time: snapshot.time,
        hostname: snapshot.host,
    }))
}

#[cfg(test)]
mod tests {
    use anyhow::bail;

    use super::*;
    use crate::repository::hold::Hold;

    #[test]
    fn placed_hold_ends_without_a_list_of_snapshots() {
        let directory = tempfile::tempdir().unwrap();
        let read = || Store::read(directory.path()).unwrap();
        let now = Timestamp::UNIX_EPOCH;
        let hold = Hold {
            since: now,
            until: None,
            why: "a disk is being replaced".to_owned(),
        };
        read().place("ziz", &hold).unwrap();
        let store = read();
        let list = || bail!("snapshots are listed");
        let mut releases = Releases::new(&store, directory.path(), now, list);
        assert_eq!(releases.release("ziz").unwrap(), Released::Hold(hold.why));
        assert_eq!(read().get("ziz").and_then(|entry| entry.hold_at(now)), None);
        let error = releases.release("kai").unwrap_err();
        assert_eq!(error.to_string(), "snapshots are listed");
    }
}
