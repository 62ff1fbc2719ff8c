//! What a connection has added, against its limits. The locks that it made are removed when it ends.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::claim::Room;
use super::directory::Repository;
use super::limits::{LOCKS, Limits};
use super::name::{Kind, Name};
use super::refusal::Refusal;
use super::temporary::Linked;

/// What a connection has added.
#[derive(Debug)]
pub(super) struct Ledger {
    most_snapshots: usize,
    /// What its uploads have claimed.
    pub(super) room: Room,
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
            most_snapshots: limits.snapshots,
            room: Room::new(limits.budget),
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
}
