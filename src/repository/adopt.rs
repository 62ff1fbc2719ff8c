//! Adopts snapshots that no run made: gives them the tag `genbackup`, so that the keep policy applies to them.
//!
//! | module | its one job |
//! | --- | --- |
//! | `plan` | which snapshots are adopted, and under which host name |
//! | `loss` | what the keep policy would then remove |

mod loss;
mod plan;

use anyhow::Result;

use super::restic::{Failed, Restic};
use super::snapshots::described;
use crate::error::fail;
use crate::model::{Fleet, ResticFeature};
use crate::runs::complaint::Cause;
use crate::text::harmless;

pub(crate) use loss::Loss;
pub(crate) use plan::{Plan, Wishes};

impl Plan<'_> {
    /// Checks that the installed restic can do it.
    ///
    /// # Errors
    /// When a host is to be renamed, and the installed restic cannot do that.
    pub(crate) fn ensure_possible(&self) -> Result<()> {
        let Some(other) = self.adopted().find_map(|(snapshot, host)| {
            let is_renamed = snapshot.host != host;
            is_renamed.then_some(&snapshot.host)
        }) else {
            return Ok(());
        };
        let version = Restic::version()?;
        let feature = ResticFeature::RewriteHost;
        if !version.has(feature) {
            let other = harmless(other);
            fail!(
                what(
                    "restic {version} cannot change the host of snapshots; restic {} can",
                    feature.since()
                ),
                hint(
                    "use `--host {other}` to keep \
                 the host name {other}: the keep policy then applies to them separately, and `genbackup restore {other}` \
                 restores them"
                )
            );
        }
        Ok(())
    }

    /// Adopts the snapshots. Renames first: forget ignores a renamed snapshot as long as it lacks the tag.
    ///
    /// # Errors
    /// When restic fails, or skips a snapshot. The same plan made again then adopts the rest.
    pub(crate) fn adopt(&self, restic: &Restic<'_>, fleet: &Fleet) -> Result<()> {
        let with_hint = |error: anyhow::Error| match error.downcast::<Failed>() {
            Ok(failed) => {
                let hint = if failed.known_cause() == Some(Cause::Locked) {
                    "a backup, forget or prune is running: run the command again when it has ended"
                } else {
                    "run the command again to adopt the rest"
                };
                let hint = Some(hint.to_owned());
                anyhow::Error::new(Failed { hint, ..failed }).context("not all snapshots were adopted")
            }
            Err(error) => error,
        };
        for group in &self.groups {
            let renamed = group
                .adopted
                .iter()
                .filter(|snapshot| snapshot.host != group.host);
            let ids: Vec<&str> = renamed.map(|snapshot| snapshot.id.as_str()).collect();
            restic.rename_host(&group.host, &ids).map_err(with_hint)?;
        }
        let is_renamed = self.adopted().any(|(snapshot, host)| snapshot.host != host);
        let now = if is_renamed {
            restic.all_snapshots(None)?
        } else {
            Vec::new()
        };
        let pending: Vec<&str> = if is_renamed {
            self.untagged(&now).map(|snapshot| snapshot.id.as_str()).collect()
        } else {
            self.adopted().map(|(snapshot, _)| snapshot.id.as_str()).collect()
        };
        restic.add_tag(&pending).map_err(with_hint)?;

        // restic skips an ID that it cannot load, and still exits with 0.
        let after = restic.all_snapshots(None)?;
        let left: Vec<String> = self.untagged(&after).map(described).collect();
        if let Some(first) = left.first() {
            fail!(
                what(
                    "{} not adopted, such as {first}",
                    match left.len() {
                        1 => "1 snapshot was".to_owned(),
                        count => format!("{count} snapshots were"),
                    }
                ),
                hint(
                    "run the command again; `genbackup doctor` reports files of {} \
                 that restic cannot read",
                    fleet.repository.path
                )
            );
        }
        Ok(())
    }
}
