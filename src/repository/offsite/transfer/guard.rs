//! Refuses to copy or to forget: the repository is another one than before, or too many snapshots would go.

use std::collections::BTreeSet;
use std::fs;

use anyhow::{Context, Result};

use super::restic::Config;
use super::{Forgotten, Transfer};
use crate::repository::offsite::memory::Source;
use crate::repository::offsite::refusal::Refusal;

impl Transfer<'_> {
    /// The repository, and what it has.
    pub(super) fn source(&self) -> Result<(Config, Source)> {
        let config = self.config()?;
        let directory = self.repository.join("snapshots");
        let names = fs::read_dir(&directory).and_then(Iterator::collect::<std::io::Result<Vec<_>>>);
        let names = names.with_context(|| format!("cannot list `{}`", directory.display()))?;
        let snapshots: BTreeSet<String> = names
            .into_iter()
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .collect();
        let source = Source {
            id: config.id.clone(),
            snapshots,
        };
        Ok((config, source))
    }

    /// Refuses a repository that the copy was not made from: its files are cut at other places.
    pub(super) fn guard_config(&self, repository: &Config, copy: &Config) -> Result<()> {
        let known = self
            .memory
            .source
            .as_ref()
            .is_some_and(|source| source.id == repository.id);
        let is_of_copy = known || repository.chunker_polynomial == copy.chunker_polynomial;
        if is_of_copy || self.accepts_config {
            return Ok(());
        }
        Err(Refusal::Foreign.into())
    }

    /// Refuses when the repository lost more than it may.
    pub(super) fn guard_source(&self, source: &Source, copied: usize) -> Result<()> {
        if source.snapshots.is_empty() && copied > 0 && !self.limits.accepts_loss {
            return Err(Refusal::Empty { copied }.into());
        }
        let Some(before) = &self.memory.source else {
            return Ok(());
        };
        let lost = before.snapshots.difference(&source.snapshots).count();
        let of = before.snapshots.len();
        match self.limits.exceeded_by(lost, of, self.memory.complete, self.now) {
            None => Ok(()),
            Some(allowed) => Err(Refusal::Loss { lost, of, allowed }.into()),
        }
    }

    /// Refuses when the policy would remove more of the copy than may go.
    pub(super) fn guard_forget(&self, forgotten: Forgotten) -> Result<()> {
        let Forgotten { kept, removed } = forgotten;
        let of = kept + removed;
        match self
            .limits
            .exceeded_by(removed, of, self.memory.complete, self.now)
        {
            None => Ok(()),
            Some(allowed) => Err(Refusal::Forget { removed, of, allowed }.into()),
        }
    }
}
