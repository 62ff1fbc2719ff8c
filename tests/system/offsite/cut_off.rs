//! A copy that is cut off at any moment.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use super::site::Site;

const MOMENTS: u32 = 30;

/// Numbers that look random, the same each time.
fn shuffled(number: u32) -> u32 {
    number.wrapping_mul(2_654_435_761).rotate_left(13)
}

#[test]
fn a_copy_that_is_killed_at_any_moment_is_valid_and_the_next_one_completes_it() -> Result<()> {
    let mut site = Site::new("delete = \"at-once\"\nmax-loss = \"100%\"")?;
    for _ in 0..3 {
        site.back_up(500_000)?;
    }
    let clock = Instant::now();
    site.copied(&[])?;
    let mut whole = clock.elapsed();
    site.copy_is_valid()?;
    let (mut number, mut cut_off) = (0, 0);
    while cut_off < MOMENTS {
        ensure!(
            number < 4 * MOMENTS,
            "only {cut_off} of {number} copies were cut off"
        );
        site.back_up(300_000)?;
        if number % 3 == 2 {
            site.restic("repository", &["forget", "--keep-last", "3", "--prune"])?;
        }
        let clock = Instant::now();
        let mut copying = site.begin()?;
        let moment = whole.mul_f64(f64::from(shuffled(number) % 1000) / 1000.0);
        // The test varies this moment.
        while clock.elapsed() < moment && copying.try_wait()?.is_none() {
            std::thread::park_timeout(Duration::from_millis(1));
        }
        if copying.try_wait()?.is_none() {
            killpg(Pid::from_raw(i32::try_from(copying.id())?), Signal::SIGKILL)?;
            cut_off += 1;
        } else {
            // It was faster than the first one.
            whole = whole.min(clock.elapsed());
        }
        copying.wait()?;
        site.copy_is_valid()?;
        number += 1;
    }
    site.copied(&[])?;
    site.copy_is_valid()?;
    assert_eq!(site.snapshots("copy")?, site.snapshots("repository")?);
    assert_eq!(site.files("copy")?, site.files("repository")?);
    Ok(())
}
