//! Copies a repository, step by step, and notes what it must know the next time.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use jiff::{SignedDuration, Timestamp};

use super::inventory::{Inventory, Listed};
use super::memory::Memory;
use super::name::{Name, Part};
use super::plan::{Plan, Settings};
use super::progress::{Progress, Watcher};
use super::rclone::Rclone;
use super::refusal::Refusal;
use super::store::Store;

/// How often a copy is tried if the repository is pruned meanwhile.
const TRIES: usize = 3;
/// A file that is older than the last complete copy by this was in it.
const MARGIN: SignedDuration = SignedDuration::from_hours(1);

/// A repository and its copy.
pub(crate) struct Sync<'s> {
    /// The directory of the repository.
    pub repository: &'s Path,
    /// The remote.
    pub rclone: &'s Rclone<'s>,
    /// Where it is noted what must be known the next time.
    pub store: &'s Store,
    /// The settings of the fleet file.
    pub settings: Settings,
    /// Whether the copy gets another `config` this time.
    pub accepts_config: bool,
    /// Gets the progress.
    pub watcher: Watcher<'s>,
}

/// What was done to a copy.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Done {
    /// How many files it got.
    pub uploaded: usize,
    /// How many bytes these have.
    pub bytes: u64,
    /// How many files left it.
    pub deleted: usize,
    /// The number of its files that the repository no longer has, and that stay for now.
    pub waiting: usize,
    /// The number of copied files that it had before: the remote lost them.
    pub lost: usize,
    /// How many of its packs the repository lost, although no prune removed them.
    pub unexplained: usize,
    /// How many snapshots of the repository it has.
    pub snapshots: usize,
}

/// What has to be done to a copy, and the lists from which that follows.
struct Prepared {
    has_incoming: bool,
    memory: Memory,
    plan: Plan,
    here: Inventory,
    listed: Timestamp,
    done: Done,
}

impl Sync<'_> {
    /// What would be done.
    ///
    /// # Errors
    /// A [`Refusal`], or why the repository or the remote cannot be listed.
    pub(crate) fn preview(&self) -> Result<(Plan, Done)> {
        let Prepared { plan, done, .. } = self.prepare()?;
        Ok((plan, done))
    }

    /// Copies the repository. Returns what was done, and the files that both have then.
    ///
    /// # Errors
    /// A [`Refusal`]; or why it was cut off: then the copy is valid, and the next time continues.
    pub(crate) fn run(&self) -> Result<(Done, Inventory)> {
        for _ in 0..TRIES {
            if let Some(done) = self.once()? {
                return Ok(done);
            }
        }
        bail!("the repository was pruned during each of {TRIES} tries, so files to copy are missing")
    }

    /// `None` if files to copy are gone.
    fn once(&self) -> Result<Option<(Done, Inventory)>> {
        let Prepared {
            has_incoming,
            mut memory,
            plan,
            here,
            listed,
            done,
        } = self.prepare()?;
        memory.gone.clone_from(&plan.gone);
        memory.round += 1;
        memory.unexplained = plan.unexplained.iter().copied().collect();
        memory.index = here.part(Part::Index).map(|(name, _)| name).collect();
        memory.uploading.extend(plan.upload.iter().map(|(name, _)| *name));
        self.store.put(&memory)?;

        if has_incoming {
            self.rclone.clear_incoming()?;
        }
        self.rclone.delete(&plan.repair)?;
        let mut before = 0;
        for part in Part::ALL {
            let names: Vec<Name> = plan.uploads(part).collect();
            let sent = |bytes| {
                (self.watcher)(Progress::Bytes {
                    done: before + bytes,
                    of: plan.bytes(),
                });
            };
            self.rclone.upload(self.repository, part, &names, &sent)?;
            before += plan.bytes_of(part);
            // If the index still exists, the packs that it names existed when they were copied.
            let next: Vec<Name> = plan
                .upload
                .iter()
                .map(|(name, _)| *name)
                .filter(|name| name.part() > part)
                .collect();
            if !self.has_all(&names) || !self.has_all(&next) {
                return Ok(None);
            }
        }
        if !plan.delete.is_empty() {
            (self.watcher)(Progress::Deleting(plan.delete.len() as u64));
        }
        for part in Part::ALL.into_iter().rev() {
            let names: Vec<Name> = plan
                .delete
                .iter()
                .copied()
                .filter(|name| name.part() == part)
                .collect();
            self.rclone.delete(&names)?;
        }
        memory.uploading.clear();
        memory.complete = Some(listed);
        memory.complete_round = memory.round;
        memory.gone.retain(|name, _| !plan.delete.contains(name));
        self.store.put(&memory)?;
        Ok(Some((done, here)))
    }

    fn prepare(&self) -> Result<Prepared> {
        let memory = self.store.get()?;
        let (here, listed) = self.list()?;
        let there = self.rclone.list()?;
        let mut plan = Plan::of(&here, &there, &memory, listed, &self.settings)?;
        if self.is_of_another_repository(&there)? {
            if !self.accepts_config {
                return Err(Refusal::Foreign.into());
            }
            plan.replace_config(&here);
        }
        let lost = memory.complete.map_or(0, |complete| self.older(&plan, complete));
        let done = Done {
            uploaded: plan.upload.len(),
            bytes: plan.bytes(),
            deleted: plan.delete.len(),
            waiting: plan.gone.len() - plan.delete.len(),
            lost,
            unexplained: plan.unexplained.len(),
            snapshots: here.count(Part::Snapshots),
        };
        Ok(Prepared {
            has_incoming: there.has_incoming,
            memory,
            plan,
            here,
            listed,
            done,
        })
    }

    /// Lists the repository, with the time. No index was removed meanwhile, so all listed files existed at
    /// one moment.
    fn list(&self) -> Result<(Inventory, Timestamp)> {
        for _ in 0..TRIES {
            let listed = Timestamp::now();
            let here = Inventory::of_directory(self.repository)
                .with_context(|| format!("cannot list the repository `{}`", self.repository.display()))?;
            let index: Vec<Name> = here.part(Part::Index).map(|(name, _)| name).collect();
            if self.has_all(&index) {
                return Ok((here, listed));
            }
        }
        bail!("somebody prunes the repository: its index changed {TRIES} times while it was listed")
    }

    fn has_all(&self, names: &[Name]) -> bool {
        let is_there = |name: &Name| fs::symlink_metadata(self.repository.join(name.to_string())).is_ok();
        names.iter().all(is_there)
    }

    fn is_of_another_repository(&self, there: &Listed) -> Result<bool> {
        if there.inventory.size(Name::Config).is_none() {
            return Ok(false);
        }
        let path = self.repository.join(Name::Config.to_string());
        let here = fs::read(&path).with_context(|| format!("cannot read `{}`", path.display()))?;
        Ok(self.rclone.read(Name::Config)? != here)
    }

    /// The number of files to copy that existed, by their age, before a complete copy.
    fn older(&self, plan: &Plan, complete: Timestamp) -> usize {
        let before = complete.saturating_sub(MARGIN).unwrap_or(complete);
        let is_older = |name: &Name| {
            let file = fs::symlink_metadata(self.repository.join(name.to_string()));
            let written = file.and_then(|file| file.modified()).ok();
            written
                .and_then(|time| Timestamp::try_from(time).ok())
                .is_some_and(|time| time < before)
        };
        let names = plan.upload.iter().map(|(name, _)| *name);
        names
            .filter(|name| !plan.repair.contains(name))
            .filter(is_older)
            .count()
    }
}
