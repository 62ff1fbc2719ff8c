//! Checks for snapshots by rustic, which uses restic's format and takes no lock.

use std::path::Path;

use anyhow::Result;
use jiff::{SignedDuration, Timestamp};

use super::finding::Finding;
use crate::emit::plan::CoordinatorPlan;
use crate::repository::restic::{Restic, Snapshot};
use crate::system::command::SOON;
use crate::text;

const CHECK: &str = "rustic";
/// After this time without a new snapshot, rustic is considered no longer in use.
const IN_USE: SignedDuration = SignedDuration::from_hours(31 * 24);
/// The number of characters of a host's name that are shown.
const LONGEST: usize = 80;

pub(super) fn check(plan: &CoordinatorPlan<'_>) -> Vec<Finding> {
    let repository = plan.repository;
    let path: &Path = repository.path.as_str().as_ref();
    // Only root can open the password file. Without a repository, or its password, other checks report that.
    let has_password = std::fs::metadata(repository.password_file.as_str()).is_ok_and(|file| file.len() > 0);
    if !nix::unistd::geteuid().is_root() || !has_password || !path.join("config").exists() {
        return Vec::new();
    }
    judge(&Restic::of(repository).snapshots_within(SOON), Timestamp::now())
}

fn judge(snapshots: &Result<Vec<Snapshot>>, now: Timestamp) -> Vec<Finding> {
    let snapshots = match snapshots {
        Ok(snapshots) => snapshots,
        Err(error) => return vec![Finding::of_error(CHECK, error)],
    };
    let Some(newest) = snapshots.iter().rfind(|snapshot| snapshot.is_by_rustic()) else {
        return Vec::new();
    };
    let count = snapshots
        .iter()
        .filter(|snapshot| snapshot.is_by_rustic())
        .count();
    let what = format!(
        "rustic made {count} of {} snapshots; the newest is {} of {}, {}",
        snapshots.len(),
        text::bounded(newest.short_id(), LONGEST),
        text::bounded(&newest.host, LONGEST),
        newest.time.strftime("%Y-%m-%d %H:%M UTC")
    );
    if now.duration_since(newest.time) > IN_USE {
        return vec![Finding::ok(CHECK, what)];
    }
    let hint = "rustic takes no lock: prune can delete data that a running rustic has just written. Back up with restic \
                alone, or never run rustic while a run is due";
    vec![Finding::warning(CHECK, what, hint)]
}
