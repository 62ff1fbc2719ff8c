//! What a connection has added, against its limits. The locks that it made are removed when it ends.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::directory::{Linked, Repository};
use super::limits::{BUFFERED, LOCKS, Limits};
use super::refusal::Refusal;
use super::request::{Kind, Name};

/// What a connection has added.
#[derive(Debug)]
pub(super) struct Ledger {
    budget: u64,
    most_snapshots: usize,
    /// Bytes claimed by uploads, finished or in progress.
    claimed: AtomicU64,
    /// Bytes of bodies that are in memory.
    buffered: AtomicU64,
    added: Mutex<Added>,
}

/// Files that a connection has added.
#[derive(Debug, Default, Clone)]
pub(super) struct Added {
    /// All of them but locks.
    pub(super) files: u64,
    /// Their bytes.
    pub(super) bytes: u64,
    /// How many of the files are snapshots.
    pub(super) snapshots: usize,
    locks: BTreeSet<Name>,
}

impl Ledger {
    /// Nothing is added yet.
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            budget: limits.budget.unwrap_or(u64::MAX),
            most_snapshots: limits.snapshots,
            claimed: AtomicU64::new(0),
            buffered: AtomicU64::new(0),
            added: Mutex::default(),
        }
    }

    fn added(&self) -> MutexGuard<'_, Added> {
        self.added.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was added until now.
    pub(super) fn total(&self) -> Added {
        self.added().clone()
    }

    /// Gives a file its name by `link`, and notes it. Where files of the kind are counted, the count and the link are one
    /// step: two uploads at once cannot both be the last one.
    ///
    /// # Errors
    /// When no further file of the kind may be added, or when `link` fails.
    pub(super) fn add(
        &self,
        kind: Kind,
        name: &Name,
        bytes: u64,
        link: impl FnOnce() -> Result<Linked, Refusal>,
    ) -> Result<Linked, Refusal> {
        let counted = matches!(kind, Kind::Snapshots | Kind::Locks).then(|| self.added());
        match (&counted, kind) {
            (Some(added), Kind::Snapshots) if added.snapshots >= self.most_snapshots => {
                return Err(Refusal::Snapshots);
            }
            (Some(added), Kind::Locks) if added.locks.len() >= LOCKS => return Err(Refusal::Locks),
            _ => {}
        }
        let linked = link()?;
        if linked == Linked::New {
            let mut added = counted.unwrap_or_else(|| self.added());
            if kind == Kind::Locks {
                added.locks.insert(name.clone());
            } else {
                added.files += 1;
                added.bytes += bytes;
                added.snapshots += usize::from(kind == Kind::Snapshots);
            }
        }
        Ok(linked)
    }

    /// Removes a lock that this connection made.
    ///
    /// # Errors
    /// When it made no such lock, or when the lock cannot be removed.
    pub(super) fn remove_lock(&self, repository: &Repository, name: &Name) -> Result<(), Refusal> {
        let mut added = self.added();
        if !added.locks.contains(name) {
            return Err(Refusal::OthersLock);
        }
        let removed = repository.remove_lock(name);
        if removed.is_ok() || removed == Err(nix::errno::Errno::ENOENT) {
            added.locks.remove(name);
        }
        Ok(removed?)
    }

    /// Removes all locks that this connection made. Returns the names of those that cannot be removed.
    pub(super) fn remove_locks(&self, repository: &Repository) -> Vec<Name> {
        let locks = std::mem::take(&mut self.added().locks);
        let stays = |name: &Name| {
            let removed = repository.remove_lock(name);
            removed.is_err() && removed != Err(nix::errno::Errno::ENOENT)
        };
        locks.into_iter().filter(stays).collect()
    }

    /// Claims bytes of the budget for an upload.
    ///
    /// # Errors
    /// When the budget has no more.
    fn claim(&self, bytes: u64) -> Result<(), Refusal> {
        add_up_to(&self.claimed, bytes, self.budget)
            .then_some(())
            .ok_or(Refusal::Budget)
    }
}

/// Adds to a number if the sum is not above a limit.
fn add_up_to(number: &AtomicU64, more: u64, limit: u64) -> bool {
    number
        .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |now| {
            now.checked_add(more).filter(|sum| *sum <= limit)
        })
        .is_ok()
}

/// What one upload has claimed of the budget and of the memory. Dropped, it gives both back.
#[derive(Debug)]
pub(super) struct Claim<'a> {
    ledger: &'a Ledger,
    bytes: u64,
    buffered: u64,
}

impl<'a> Claim<'a> {
    /// A claim of nothing yet.
    pub(super) fn new(ledger: &'a Ledger) -> Self {
        Self {
            ledger,
            bytes: 0,
            buffered: 0,
        }
    }

    /// Bytes of the body that have arrived.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Claims bytes that have just arrived.
    ///
    /// # Errors
    /// When the budget or the memory has no more.
    pub(super) fn take(&mut self, bytes: u64) -> Result<(), Refusal> {
        self.ledger.claim(bytes)?;
        self.bytes += bytes;
        if !add_up_to(&self.ledger.buffered, bytes, BUFFERED) {
            return Err(Refusal::Busy);
        }
        self.buffered += bytes;
        Ok(())
    }

    /// Bytes were written, and are no longer in memory.
    pub(super) fn written(&mut self, bytes: u64) {
        self.buffered -= bytes;
        self.ledger.buffered.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// The bytes are in the repository: they stay claimed.
    pub(super) fn keep(mut self) {
        self.bytes = 0;
    }
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        self.ledger.claimed.fetch_sub(self.bytes, Ordering::Relaxed);
        self.ledger.buffered.fetch_sub(self.buffered, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_upload_gives_its_budget_back() {
        let ledger = Ledger::new(&Limits::new(Some(100), 0, 1));
        let mut claim = Claim::new(&ledger);
        claim.take(60).unwrap();
        assert_eq!(Claim::new(&ledger).take(60), Err(Refusal::Budget));
        drop(claim);
        let mut claim = Claim::new(&ledger);
        claim.take(100).unwrap();
        claim.keep();
        assert_eq!(Claim::new(&ledger).take(1), Err(Refusal::Budget));
    }

    #[test]
    fn bodies_in_memory_are_bounded() {
        let ledger = Ledger::new(&Limits::new(None, 0, 1));
        let mut first = Claim::new(&ledger);
        first.take(BUFFERED).unwrap();
        assert_eq!(Claim::new(&ledger).take(1), Err(Refusal::Busy));
        first.written(BUFFERED);
        Claim::new(&ledger).take(BUFFERED).unwrap();
        assert_eq!(ledger.buffered.load(Ordering::Relaxed), 0);
    }
}
