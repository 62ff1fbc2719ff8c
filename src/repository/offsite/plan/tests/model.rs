//! A repository as restic sees it.

use std::collections::{BTreeMap, BTreeSet};

use super::{inventory, name};
use crate::repository::offsite::inventory::Inventory;
use crate::repository::offsite::name::{Name, Part};

/// What is in a file: contents by number, or packs by name.
#[derive(Debug, Clone)]
pub(super) enum Content {
    Contents(BTreeSet<u64>),
    Packs(BTreeMap<Name, BTreeSet<u64>>),
}

/// A repository as restic sees it.
#[derive(Debug, Clone, Default)]
pub(super) struct Model {
    pub(super) files: BTreeMap<Name, Content>,
    next: u64,
}

impl Model {
    pub(super) fn new() -> Self {
        let mut model = Self::default();
        for name in [Name::Config, name(Part::Keys, 0)] {
            model.files.insert(name, Content::Contents(BTreeSet::new()));
        }
        model
    }

    fn add(&mut self, part: Part, content: Content) -> Name {
        self.next += 1;
        let name = name(part, self.next);
        self.files.insert(name, content);
        name
    }

    pub(super) fn of(&self, part: Part) -> Vec<Name> {
        let names = self.files.keys().copied();
        names.filter(|name| name.part() == part).collect()
    }

    fn contents(&self, name: Name) -> BTreeSet<u64> {
        match &self.files[&name] {
            Content::Contents(contents) => contents.clone(),
            Content::Packs(_) => BTreeSet::new(),
        }
    }

    /// Two new contents, and some of those that are there already.
    pub(super) fn back_up(&mut self, shared: usize) {
        let known: BTreeSet<u64> = self
            .of(Part::Data)
            .into_iter()
            .flat_map(|pack| self.contents(pack))
            .collect();
        let mut needs: BTreeSet<u64> = known.into_iter().step_by(shared.max(1)).collect();
        let mut packs = BTreeMap::new();
        for _ in 0..2 {
            self.next += 1;
            let contents = BTreeSet::from([self.next, self.next + 1_000_000]);
            needs.extend(&contents);
            packs.insert(
                self.add(Part::Data, Content::Contents(contents.clone())),
                contents,
            );
        }
        self.add(Part::Index, Content::Packs(packs));
        self.add(Part::Snapshots, Content::Contents(needs));
    }

    pub(super) fn forget(&mut self) {
        if let [first, _, ..] = self.of(Part::Snapshots)[..] {
            self.files.remove(&first);
        }
    }

    /// Repacks what is needed, as restic does it at its most thorough.
    pub(super) fn prune(&mut self) {
        let needs: BTreeSet<u64> = self
            .of(Part::Snapshots)
            .into_iter()
            .flat_map(|snapshot| self.contents(snapshot))
            .collect();
        let mut packs = BTreeMap::new();
        let old = [self.of(Part::Index), self.of(Part::Data)].concat();
        for pack in self.of(Part::Data) {
            let contents = self.contents(pack);
            let needed: BTreeSet<u64> = contents.intersection(&needs).copied().collect();
            if needed.len() == contents.len() {
                packs.insert(pack, contents);
            } else if !needed.is_empty() {
                packs.insert(self.add(Part::Data, Content::Contents(needed.clone())), needed);
            }
        }
        let kept: BTreeSet<Name> = packs.keys().copied().collect();
        self.add(Part::Index, Content::Packs(packs));
        for name in old {
            if !kept.contains(&name) {
                self.files.remove(&name);
            }
        }
    }

    pub(super) fn inventory(&self) -> Inventory {
        inventory(self.files.keys().copied())
    }

    /// The first problem that `restic check` would report.
    pub(super) fn is_valid(&self) -> Result<(), String> {
        let mut found = BTreeSet::new();
        for index in self.of(Part::Index) {
            let Content::Packs(packs) = &self.files[&index] else {
                continue;
            };
            for (pack, contents) in packs {
                if !self.files.contains_key(pack) {
                    return Err(format!("{index} names {pack}, which is missing"));
                }
                found.extend(contents);
            }
        }
        for snapshot in self.of(Part::Snapshots) {
            if !self.contents(snapshot).is_subset(&found) {
                return Err(format!("{snapshot} needs what no index has"));
            }
        }
        Ok(())
    }
}
