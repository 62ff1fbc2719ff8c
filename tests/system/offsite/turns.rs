//! Copies give way to forget and prune, and continue after them.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::site::Site;

#[test]
fn a_copy_stops_for_forget_and_prune_and_continues_after_them() -> Result<()> {
    let mut site = Site::new("bandwidth = \"256 KiB/s\"")?;
    site.back_up(2_000_000)?;
    let mut copying = site.command(&[])?.stderr(Stdio::piped()).spawn()?;
    let end = Instant::now() + Duration::from_secs(60);
    while !site.at("copy/keys").exists() {
        assert!(
            Instant::now() < end && copying.try_wait()?.is_none(),
            "the copy has not begun"
        );
        std::thread::park_timeout(Duration::from_millis(20));
    }
    // Forget and prune lock this first, and then wait for the copy.
    let maintaining = File::open(site.at("turns/maintaining"))?;
    maintaining.lock()?;
    let copies = File::open(site.at("turns/copying"))?;
    copies.lock()?;
    assert!(copying.try_wait()?.is_none(), "the copy has ended");
    assert!(site.snapshots("copy").is_err() || site.snapshots("copy")?.is_empty());
    drop((copies, maintaining));
    let status = copying.wait()?;
    let errors = BufReader::new(copying.stderr.take().context("no standard error")?);
    let printed: Vec<String> = errors.lines().collect::<Result<_, _>>()?;
    assert!(status.success(), "{printed:?}");
    assert_eq!(site.snapshots("copy")?, site.snapshots("repository")?);
    Ok(())
}
