//! Chooses the snapshot of a restore.

use anyhow::{Context, Result};
use jiff::Timestamp;

use crate::error::{Hinted, fail};
use crate::repository::restic::Snapshot;
use crate::repository::snapshots::described;

/// Which snapshot is restored.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Choice<'c> {
    /// The newest one.
    Newest,
    /// The newest one that is not later than this time.
    NotLater(Timestamp),
    /// The one whose id begins like this.
    Id(&'c str),
}

impl Choice<'_> {
    /// The chosen one of the snapshots of a host, which are given oldest first.
    ///
    /// # Errors
    /// When there is none, or more than one.
    pub(super) fn of<'s>(&self, host: &str, snapshots: &'s [Snapshot]) -> Result<&'s Snapshot> {
        if let Self::Id(id) = self {
            let mut alike = snapshots.iter().filter(|snapshot| snapshot.id.starts_with(id));
            return match (alike.next(), alike.next()) {
                (Some(snapshot), None) if !id.is_empty() => Ok(snapshot),
                (None, _) => fail!(
                    what("{host} has no snapshot `{id}`"),
                    hint("run `genbackup snapshots --host {host}` to list its snapshots")
                ),
                _ => {
                    fail!(
                        what("more than one snapshot of {host} begins with `{id}`"),
                        hint("write more of the id")
                    )
                }
            };
        }
        let is_early_enough = |snapshot: &&Snapshot| match self {
            Self::NotLater(time) => snapshot.time <= *time,
            Self::Newest | Self::Id(_) => true,
        };
        let oldest = snapshots
            .first()
            .with_context(|| format!("there is no snapshot of {host}"))?;
        snapshots.iter().rfind(is_early_enough).with_context(|| {
            Hinted::new(
                format!("{host} has no snapshot of that time or earlier"),
                format!("name a later time: its oldest snapshot is {}", described(oldest)),
            )
        })
    }

    /// The newest snapshot with our tag, if the snapshot that is restored lacks it and was not chosen by its id. A
    /// snapshot without the tag may hold fewer files than a backup of genbackup.
    pub(super) fn newest_own<'s>(&self, snapshots: &'s [Snapshot], taken: &Snapshot) -> Option<&'s Snapshot> {
        if matches!(self, Self::Id(_)) || !taken.is_foreign() {
            return None;
        }
        let is_own = |snapshot: &&Snapshot| !snapshot.is_foreign() && snapshot.time <= taken.time;
        snapshots.iter().rfind(is_own)
    }
}
