//! Stale locks of a repository.

#![expect(
    clippy::disallowed_methods,
    reason = "forget and prune may write the repository, and this removes locks from it"
)]

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A running restic renews its lock every 5 minutes.
const STALE: Duration = Duration::from_secs(36 * 60);

/// Removes the locks of hosts that crashed; what it removed, in words.
///
/// Only the age counts, by this host's own clock (ctime, which no client can set). `restic unlock` would also
/// remove a recent lock with this host's name whose process does not run here. Another machine may have the
/// same name. A link in the place of the directory or of a lock is left alone.
#[must_use]
pub fn remove_stale(repository: &Path, now: SystemTime) -> Vec<String> {
    remove(repository, now, STALE)
}

/// Removes all locks, when no process uses the repository; what it removed, in words.
#[must_use]
pub(crate) fn remove_all(repository: &Path) -> Vec<String> {
    remove(repository, SystemTime::now(), Duration::ZERO)
}

/// Removes the locks that were last renewed that long ago.
fn remove(repository: &Path, now: SystemTime, oldest: Duration) -> Vec<String> {
    let directory = repository.join("locks");
    if !fs::symlink_metadata(&directory).is_ok_and(|found| found.is_dir()) {
        return Vec::new();
    }
    let mut removed = Vec::new();
    for entry in fs::read_dir(&directory).into_iter().flatten().flatten() {
        let Some(name) = entry.file_name().to_str().map(str::to_owned) else {
            continue;
        };
        let Ok(found) = entry.metadata() else { continue };
        let changed = UNIX_EPOCH + Duration::from_secs(found.ctime().try_into().unwrap_or_default());
        let is_lock = found.is_file() && name.starts_with(|c: char| matches!(c, '0'..='9' | 'a'..='f'));
        let age = now.duration_since(changed).unwrap_or_default();
        if is_lock && age >= oldest && fs::remove_file(entry.path()).is_ok() {
            let minutes = age.as_secs() / 60;
            removed.push(format!(
                "removed a stale lock, last renewed {minutes} min ago: {name}"
            ));
        }
    }
    removed
}
