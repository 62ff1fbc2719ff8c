//! What a copy gets and what it loses, decided from lists alone.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::inventory::{Inventory, Listed};
use super::limits::Limits;
use super::memory::{Gone, Memory};
use super::name::{Name, Part};
use super::refusal::Refusal;

/// The parts of which every repository has a file.
const NEEDED: [Part; 2] = [Part::Config, Part::Keys];

/// When files that the repository no longer has leave the copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Delete {
    /// The next time that it is copied.
    AtOnce,
    /// Once they have been missing for this time.
    After(SignedDuration),
    /// Never.
    Never,
}

/// The settings of the fleet file for a copy, and what an administrator accepts this time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Settings {
    /// When files leave the copy.
    pub delete: Delete,
    /// How many snapshots may go at once.
    pub limits: Limits,
    /// Whether damaged files of the copy are replaced this time.
    pub repairs: bool,
}

/// What is done to a copy, in this order: repair, upload, delete.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Plan {
    /// Files of the copy that are removed and uploaded again: they were cut off.
    pub repair: Vec<Name>,
    /// Files that the copy lacks, each with its size, in the order in which it gets them.
    pub upload: Vec<(Name, u64)>,
    /// Files that leave the copy, in this order.
    pub delete: Vec<Name>,
    /// Files of the copy that the repository no longer has: those that are deleted now are among them.
    pub gone: BTreeMap<Name, Gone>,
    /// Packs of these that went although no index did: see [`Memory::unexplained`].
    pub unexplained: Vec<Name>,
}

impl Plan {
    /// Decides what is done to the copy.
    ///
    /// # Errors
    /// Why nothing may be changed.
    pub(crate) fn of(
        repository: &Inventory,
        copy: &Listed,
        memory: &Memory,
        now: Timestamp,
        settings: &Settings,
    ) -> Result<Self, Refusal> {
        let Listed {
            inventory: copy,
            strangers,
            has_incoming: _,
        } = copy;
        for part in NEEDED {
            if repository.count(part) == 0 {
                return Err(Refusal::NoRepository(part));
            }
        }
        if copy.is_empty() && !strangers.is_empty() {
            return Err(Refusal::Occupied(strangers.clone()));
        }
        guard_snapshots(repository, copy, memory, now, settings.limits)?;

        // The contents of `config` are compared.
        let differs = |name: Name| {
            let here = repository.size(name);
            here.is_some_and(|here| copy.size(name).is_some_and(|there| there != here))
        };
        let (repair, damaged): (Vec<Name>, Vec<Name>) = copy
            .files()
            .map(|(name, _)| name)
            .filter(|name| *name != Name::Config && differs(*name))
            .partition(|name| settings.repairs || memory.uploading.contains(name));
        if !damaged.is_empty() {
            return Err(Refusal::Damaged(damaged));
        }
        let upload = repository
            .files()
            .filter(|(name, size)| match name {
                Name::Config => copy.size(*name).is_none(),
                Name::File(..) => copy.size(*name) != Some(*size),
            })
            .collect();
        let mut plan = Self {
            repair,
            upload,
            ..Self::default()
        };
        if settings.delete != Delete::Never {
            plan.find_gone(repository, copy, memory, now);
            plan.choose(settings.delete, now);
        }
        Ok(plan)
    }

    /// Finds the files of the copy that the repository no longer has.
    fn find_gone(&mut self, repository: &Inventory, copy: &Inventory, memory: &Memory, now: Timestamp) {
        // The config of a repository stays.
        let gone = copy
            .files()
            .map(|(name, _)| name)
            .filter(|name| repository.size(*name).is_none() && *name != Name::Config);
        let gone: Vec<Name> = gone.collect();
        // A prune replaces index files, of which some may never have reached the copy. A pack that goes while all of
        // them stay was lost.
        let is_new = |name: &Name| !memory.gone.contains_key(name);
        let mut index = memory.index.iter().chain(
            gone.iter()
                .filter(|name| name.part() == Part::Index && is_new(name)),
        );
        let was_pruned = index.any(|name| repository.size(*name).is_none());
        for name in gone {
            let unexplained = name.part() == Part::Data
                && !was_pruned
                && (is_new(&name) || memory.unexplained.contains(&name));
            if unexplained {
                self.unexplained.push(name);
            }
            // The time of what was unexplained counts from the prune that explains it.
            let was_unexplained = memory.unexplained.contains(&name);
            let known = memory.gone.get(&name).copied();
            let known = known.filter(|_| !was_unexplained || unexplained);
            let gone = known.unwrap_or(Gone {
                since: now,
                round: memory.round + 1,
                complete_round: memory.complete_round,
            });
            // The clock may have been set back.
            let since = gone.since.min(now);
            self.gone.insert(name, Gone { since, ..gone });
        }
    }

    /// Chooses what leaves the copy now: snapshots before the index that they need, and that before the packs.
    fn choose(&mut self, delete: Delete, now: Timestamp) {
        let is_due = |since: Timestamp| match delete {
            Delete::AtOnce => true,
            Delete::After(span) => now.duration_since(since) >= span,
            Delete::Never => false,
        };
        // A snapshot that stays needs what was there when the copy was complete for the last time before it went. An index
        // that was replaced since then stays, too: what replaced it may never have reached the copy.
        let staying = self
            .gone
            .iter()
            .filter(|(name, gone)| name.part() == Part::Snapshots && !is_due(gone.since));
        let needed = staying.map(|(_, gone)| gone.complete_round).min();
        let is_needed = |name: &Name, gone: &Gone| {
            name.part() != Part::Snapshots && needed.is_some_and(|needed| gone.round > needed)
        };
        let unexplained = &self.unexplained;
        let mut due: Vec<Name> = self
            .gone
            .iter()
            .filter(|(name, gone)| {
                is_due(gone.since) && !is_needed(name, gone) && !unexplained.contains(name)
            })
            .map(|(name, _)| *name)
            .collect();
        due.sort_by_key(|name| std::cmp::Reverse(name.part()));
        self.delete = due;
    }

    /// The copy gets the `config` of the repository in place of the one that it has.
    pub(crate) fn replace_config(&mut self, repository: &Inventory) {
        // It is replaced in one step: without it, the copy is no repository.
        self.upload.retain(|(name, _)| *name != Name::Config);
        let config = repository.part(Part::Config);
        self.upload.splice(0..0, config);
    }

    /// How many bytes are uploaded.
    #[must_use]
    pub(crate) fn bytes(&self) -> u64 {
        self.upload.iter().map(|(_, size)| size).sum()
    }

    /// How many bytes of a part are uploaded.
    #[must_use]
    pub(crate) fn bytes_of(&self, part: Part) -> u64 {
        let of_part = self.upload.iter().filter(|(name, _)| name.part() == part);
        of_part.map(|(_, size)| size).sum()
    }

    /// The files of a part that are uploaded.
    pub(crate) fn uploads(&self, part: Part) -> impl Iterator<Item = Name> {
        let names = self.upload.iter().map(|(name, _)| *name);
        names.filter(move |name| name.part() == part)
    }
}

/// Refuses when too many snapshots went since the last time.
fn guard_snapshots(
    repository: &Inventory,
    copy: &Inventory,
    memory: &Memory,
    now: Timestamp,
    limits: Limits,
) -> Result<(), Refusal> {
    let living = copy
        .part(Part::Snapshots)
        .map(|(name, _)| name)
        .filter(|name| !memory.gone.contains_key(name));
    let living: Vec<Name> = living.collect();
    let lost = living
        .iter()
        .filter(|name| repository.size(**name).is_none())
        .count();
    let of = living.len();
    if lost > 0 && repository.count(Part::Snapshots) == 0 && !limits.accepts_loss {
        return Err(Refusal::Empty { copied: of });
    }
    match limits.exceeded_by(lost, of, memory.complete, now) {
        None => Ok(()),
        Some(allowed) => Err(Refusal::Loss { lost, of, allowed }),
    }
}

#[cfg(test)]
mod tests;
