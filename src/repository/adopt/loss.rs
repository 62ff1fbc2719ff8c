//! What the keep policy would remove after snapshots were adopted.

use std::collections::BTreeSet;

use anyhow::Result;

use super::Plan;
use crate::model::{Fleet, KeepPolicy};
use crate::repository::restic::{Restic, Snapshot};

/// What forget would remove of the snapshots that a host then has.
#[derive(Debug)]
pub(crate) struct Loss<'p> {
    /// The host.
    pub(crate) host: &'p str,
    /// The number of its snapshots.
    pub(crate) count: usize,
    /// Its keep policy.
    pub(crate) keep: &'p KeepPolicy,
    /// The snapshots that forget would remove, the oldest first.
    pub(crate) gone: Vec<&'p Snapshot>,
}

impl Plan<'_> {
    /// What forget would then remove of each host, by a dry run of restic.
    ///
    /// # Errors
    /// When restic fails.
    pub(crate) fn losses<'p>(&'p self, restic: &Restic<'_>, fleet: &'p Fleet) -> Result<Vec<Loss<'p>>> {
        let version = Restic::version()?;
        let losses = self.groups.iter().map(|group| {
            let known = fleet.host_names().find(|name| name.as_str() == group.host);
            let keep = known.map_or(&fleet.repository.keep, |name| fleet.keep(name));
            let both: Vec<&Snapshot> = group.adopted.iter().chain(&group.own).copied().collect();
            let ids: BTreeSet<String> = restic.would_forget(version, &both, keep)?.into_iter().collect();
            let count = both.len();
            let mut gone: Vec<&Snapshot> = both
                .into_iter()
                .filter(|snapshot| ids.contains(&snapshot.id))
                .collect();
            gone.sort_by_key(|snapshot| snapshot.time);
            Ok(Loss {
                host: &group.host,
                count,
                keep,
                gone,
            })
        });
        losses.collect()
    }
}
