//! Which locks are removed.

use std::fs;
use std::process::Stdio;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, Result, ensure};

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

#[test]
fn an_old_lock_goes() -> Result<()> {
    let storage = Storage::new("1 last", "")?;
    storage.night("jak", "2026-11-01 04:00:00", "ok")?;
    let lock = dead_lock(&storage)?;
    // Nobody can set ctime, so here the script goes by mtime.
    storage.program("find", "exec /usr/bin/find \"${@/#-cmin/-mmin}\"")?;
    let age = |minutes: u64| {
        let time = SystemTime::now() - Duration::from_secs(minutes * 60);
        fs::File::open(&lock)?.set_modified(time)
    };
    age(34)?;
    assert_eq!(storage.forget()?["status"], "failed");
    assert!(lock.exists());
    age(37)?;
    let forget = storage.forget()?;
    assert_eq!(forget["status"], "ok", "{forget}");
    assert!(!lock.exists());
    Ok(())
}

#[test]
fn nothing_but_locks_is_removed() -> Result<()> {
    let storage = Storage::new("1 last", "")?;
    storage.program("find", "exec /usr/bin/find \"${@/#-cmin/-mmin}\"")?;
    // A client can put a link in the place of the directory.
    let old = |name: &str| {
        let path = storage.path(name);
        fs::write(&path, "")?;
        fs::File::open(&path)?.set_modified(SystemTime::UNIX_EPOCH)
    };
    fs::remove_dir(storage.path("repository/locks"))?;
    std::os::unix::fs::symlink(storage.path("holds"), storage.path("repository/locks"))?;
    old("holds/abc")?;
    let ended = crate::command::run(&mut storage.command())?;
    assert!(storage.path("holds/abc").exists(), "{}", ended.stderr);
    Ok(())
}
