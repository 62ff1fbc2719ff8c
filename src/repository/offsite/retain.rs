//! Extends the locks of the files that a copy still needs.
//!
//! A bucket locks each object for some days from its upload. A pack that was uploaded years ago, and that snapshots still
//! need, would have no lock any more.

use anyhow::Result;
use jiff::{SignedDuration, Timestamp};

use super::inventory::Inventory;
use super::name::Name;
use super::process::Stop;
use super::rclone::Rclone;
use super::s3::Locks;
use super::store::Store;

/// The files whose locks were extended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Retained {
    /// The number of files.
    pub files: usize,
    /// The end of the locks.
    pub until: Timestamp,
}

/// Locks all these files of the copy for the lock time of the bucket, which counts from now. Does nothing and
/// returns `None` if less than a quarter of that time has passed since the last call, or if the bucket locks
/// nothing by itself.
///
/// # Errors
/// When the store does not answer or refuses, or when it is time to stop.
pub(crate) fn retain(
    rclone: &Rclone<'_>,
    files: &Inventory,
    store: &Store,
    now: Timestamp,
    stop: Stop<'_>,
) -> Result<Option<Retained>> {
    let Some(s3) = rclone.s3()? else {
        return Ok(None);
    };
    let Locks::Default(lock) = s3.locks()? else {
        return Ok(None);
    };
    let mut memory = store.get()?;
    let is_early = |last: Timestamp| now.duration_since(last) < lock.patience();
    if memory.extended.is_some_and(is_early) {
        return Ok(None);
    }
    let until = now + SignedDuration::from_hours(24) * i32::try_from(lock.days)?;
    let names: Vec<Name> = files.files().map(|(name, _)| name).collect();
    let files = s3.extend(&names, &lock.mode, until, stop)?;
    memory.extended = Some(now);
    store.put(&memory)?;
    Ok(Some(Retained { files, until }))
}
