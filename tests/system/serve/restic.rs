//! Real restic as the client.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use super::*;

#[test]
fn restic_backs_up_checks_and_restores() -> Result<()> {
    let site = Site::new()?;
    let ended = site.backup(&[])?;
    assert!(ended.status.success());
    assert!(ended.stderr.contains(", 1 snapshot;"), "{ended:?}");
    assert!(
        ended
            .stderr
            .ends_with(" refused 0 requests; the client ended the connection\n"),
        "{ended:?}"
    );
    assert_eq!(ended.stderr.lines().count(), 1);
    // Of the second backup, only what changed is new.
    fs::write(site.files().join("second"), "2")?;
    assert!(site.backup(&[])?.stderr.contains(", 1 snapshot;"));
    for arguments in [
        &["snapshots", "--json"][..],
        &["check", "--read-data"],
        &["restore", "latest", "--target"],
    ] {
        let server = site.listen(&[])?;
        let mut restic = site.restic();
        restic.args(arguments);
        if arguments[0] == "restore" {
            restic.arg(site.path("back"));
        }
        let outcome = run(&mut restic)?;
        ensure!(outcome.status.success(), "{outcome:?}");
        if arguments[0] == "snapshots" {
            let snapshots: Vec<Value> = serde_json::from_str(&outcome.stdout)?;
            assert_eq!(snapshots.len(), 2);
        }
        let ended = server.end()?;
        assert!(ended.stderr.starts_with("added 0 files"), "{ended:?}");
    }
    let files = site.files();
    let restored = site.path("back").join(files.strip_prefix("/")?);
    assert!(is_same(&files, &restored)?);
    assert!(site.has_no_lock()?);
    site.local(&["check", "--read-data"])?;
    Ok(())
}

/// What restic of a client does to lose backups, or to keep others out.
const HARMFUL: [&[&str]; 8] = [
    &["forget", "latest"],
    &["forget", "--keep-last=1", "--prune"],
    &["key", "add", "--new-password-file=/etc/hostname"],
    &["key", "passwd", "--new-password-file=/etc/hostname"],
    &["unlock", "--remove-all"],
    &["init"],
    &["tag", "--add=x"],
    &["rebuild-index"],
];

#[test]
fn restic_cannot_remove_or_replace_anything() -> Result<()> {
    // restic repeats what is refused, for a minute or more.
    let attempts = HARMFUL.map(|arguments| thread::spawn(move || attempt(arguments)));
    for attempt in attempts {
        attempt.join().ok().context("a thread panicked")??;
    }
    Ok(())
}

fn attempt(arguments: &[&str]) -> Result<()> {
    let site = Site::new()?;
    site.backup(&[])?;
    fs::write(site.files().join("second"), "2")?;
    site.backup(&[])?;
    let lock = site.repository().join("locks").join("0".repeat(64));
    if arguments[0] == "unlock" {
        fs::write(&lock, "a lock of somebody else")?;
    }
    let before = site.content()?;
    let server = site.listen(&[])?;
    let mut restic = site.restic();
    restic.args(arguments).stdin(Stdio::null());
    let mut restic = restic.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
    let deadline = Instant::now() + Duration::from_secs(6);
    let status = loop {
        if let Some(status) = restic.try_wait()? {
            break Some(status);
        }
        if Instant::now() > deadline {
            restic.kill()?;
            restic.wait()?;
            break None;
        }
        thread::park_timeout(Duration::from_millis(50));
    };
    ensure!(
        !status.is_some_and(|status| status.success()),
        "{arguments:?} succeeded"
    );
    let ended = server.end()?;
    // `init` finds a repository and does not try.
    if arguments[0] != "init" {
        assert!(ended.stderr.contains("refused: "), "{arguments:?} {ended:?}");
    }
    let after = site.content()?;
    for (path, content) in &before {
        ensure!(
            after.get(path) == Some(content),
            "{arguments:?}: {}",
            path.display()
        );
    }
    // `tag` and `rebuild-index` add before they remove.
    if !["tag", "rebuild-index"].contains(&arguments[0]) {
        ensure!(after.len() == before.len(), "{arguments:?}");
    }
    drop(fs::remove_file(lock));
    assert!(site.has_no_lock()?, "{arguments:?}");
    site.local(&["check", "--read-data"])?;
    Ok(())
}

/// A slow backup of much data, once it has its lock and has stored a pack.
fn started(site: &Site) -> Result<(Child, Listening)> {
    let mut data = vec![0; 64 << 20];
    for (number, byte) in data.iter_mut().enumerate() {
        // Numbers of a linear generator: not compressible in blocks of restic.
        *byte = (number.wrapping_mul(6_364_136_223_846_793_005) >> 33).to_le_bytes()[0];
    }
    fs::write(site.files().join("large"), data)?;
    let server = site.listen(&[])?;
    let restic = site
        .restic()
        .args(["--limit-upload=2048", "backup"])
        .arg(site.files())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    let deadline = Instant::now() + Duration::from_secs(60);
    while site.has_no_lock()? {
        ensure!(Instant::now() < deadline, "restic makes no lock");
        thread::park_timeout(Duration::from_millis(20));
    }
    Ok((restic, server))
}

#[test]
fn a_killed_client_leaves_no_lock() -> Result<()> {
    let site = Site::new()?;
    let (mut restic, server) = started(&site)?;
    restic.kill()?;
    restic.wait()?;
    let start = Instant::now();
    let ended = server.end()?;
    assert!(start.elapsed() < Duration::from_secs(10));
    assert!(ended.status.success(), "{ended:?}");
    assert!(
        ended.stderr.ends_with("the client ended the connection\n"),
        "{ended:?}"
    );
    assert!(site.has_no_lock()?);
    site.local(&["check"])?;
    Ok(())
}

#[test]
fn a_server_that_is_stopped_leaves_no_lock() -> Result<()> {
    let site = Site::new()?;
    let (mut restic, server) = started(&site)?;
    let repository = site.repository().display().to_string();
    let found =
        run(Command::new("pgrep").args(["--full", "--newest", &format!("serve-repository {repository}")]))?;
    let server_process = Pid::from_raw(found.stdout.trim().parse()?);
    kill(server_process, Signal::SIGTERM)?;
    let ended = server.end()?;
    assert!(ended.status.success(), "{ended:?}");
    assert!(
        ended.stderr.ends_with("a signal stopped genbackup\n"),
        "{ended:?}"
    );
    assert!(site.has_no_lock()?);
    let status = restic.wait()?;
    assert_eq!(status.code(), Some(1));
    site.local(&["check"])?;
    Ok(())
}

#[test]
fn a_second_snapshot_of_a_connection_is_refused() -> Result<()> {
    let site = Site::new()?;
    let ended = site.backup(&["--snapshots=1", "--budget=10000000", "--reserve=1000"])?;
    assert!(ended.stderr.contains("1 snapshot"), "{ended:?}");
    let before = site.content()?;
    let server = site.listen(&["--snapshots=0"])?;
    let mut restic = site.restic();
    restic.arg("backup").arg("--force").arg(site.files());
    let mut restic = restic.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
    let deadline = Instant::now() + Duration::from_secs(6);
    while restic.try_wait()?.is_none() && Instant::now() < deadline {
        thread::park_timeout(Duration::from_millis(50));
    }
    drop(restic.kill());
    restic.wait()?;
    let ended = server.end()?;
    assert!(
        ended
            .stderr
            .contains("this connection has added all the snapshots that it may"),
        "{ended:?}"
    );
    let snapshots = |content: &BTreeMap<PathBuf, Vec<u8>>| {
        let directory = site.repository().join("snapshots");
        content.keys().filter(|path| path.starts_with(&directory)).count()
    };
    assert_eq!(snapshots(&site.content()?), snapshots(&before));
    assert!(site.has_no_lock()?);
    Ok(())
}
