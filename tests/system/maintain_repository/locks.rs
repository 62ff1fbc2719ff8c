//! Which locks are removed.

use std::fs;
use std::process::Stdio;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, Result, ensure};
use genbackup::repository::maintain::remove_stale;

use super::storage::Storage;

/// The lock of a restic on this machine that was killed.
fn dead_lock(storage: &Storage) -> Result<std::path::PathBuf> {
    let arguments = ["backup", "--quiet", "--stdin", "--host", "jak"];
    let mut restic = storage
        .restic_command(&arguments)?
        .stdin(Stdio::piped())
        .spawn()?;
    let deadline = Instant::now() + Duration::from_secs(60);
    let lock = loop {
        if let Some(lock) = fs::read_dir(storage.path("repository/locks"))?.next() {
            let path = lock?.path();
            // It has its whole name once it is whole.
            if path.file_name().is_some_and(|name| name.len() == 64) {
                break path;
            }
        }
        ensure!(Instant::now() < deadline, "restic took no lock");
        std::thread::yield_now();
    };
    restic.kill()?;
    restic.wait()?;
    Ok(lock)
}

#[test]
fn a_young_lock_stays_though_its_process_is_gone() -> Result<()> {
    let storage = Storage::new("1 last", "")?;
    storage.night("jak", "2026-11-01 04:00:00", "ok")?;
    let lock = dead_lock(&storage)?;
    let forget = storage.forget()?;
    assert_eq!(forget["status"], "failed", "{forget}");
    let why = forget["why"].as_str().context("no reason")?;
    assert!(
        why.starts_with("another process has locked the repository"),
        "{why}"
    );
    assert!(lock.exists());
    assert!(!storage.calls()?.contains(&"unlock".to_owned()));
    Ok(())
}

/// The locks that would be removed this number of minutes from now. No test can set the time that decides
/// about a lock (ctime).
fn removed_in(storage: &Storage, minutes: u64) -> usize {
    let now = SystemTime::now() + Duration::from_secs(minutes * 60);
    remove_stale(&storage.path("repository"), now).len()
}

#[test]
fn an_old_lock_goes() -> Result<()> {
    let storage = Storage::new("1 last", "")?;
    storage.night("jak", "2026-11-01 04:00:00", "ok")?;
    let lock = dead_lock(&storage)?;
    assert_eq!(removed_in(&storage, 34), 0);
    assert_eq!(storage.forget()?["status"], "failed");
    assert!(lock.exists());
    assert_eq!(removed_in(&storage, 37), 1);
    let forget = storage.forget()?;
    assert_eq!(forget["status"], "ok", "{forget}");
    assert!(!lock.exists());
    Ok(())
}

#[test]
fn nothing_but_locks_is_removed() -> Result<()> {
    let storage = Storage::new("1 last", "")?;
    let (locks, holds) = (storage.path("repository/locks"), storage.path("holds"));
    fs::write(locks.join("README"), "")?;
    fs::create_dir(locks.join("abc"))?;
    std::os::unix::fs::symlink(&holds, locks.join("def"))?;
    assert_eq!(removed_in(&storage, 37), 0);
    // A client can put a link in the place of the directory.
    fs::remove_dir_all(&locks)?;
    std::os::unix::fs::symlink(&holds, &locks)?;
    fs::write(holds.join("abc"), "")?;
    assert_eq!(removed_in(&storage, 37), 0);
    assert!(holds.join("abc").exists());
    Ok(())
}
