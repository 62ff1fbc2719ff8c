//! Waiting for facts. The only module that sleeps.

use std::thread;
use std::time::{Duration, Instant};

/// After which a machine of the lab hangs. On a busy machine, an emulated one has needed 630 s to boot, and more than
/// 180 s to make a repository.
pub const HANGS: Duration = Duration::from_secs(1200);
/// For what happens at once on a machine that has nothing else to do.
pub const SOON: Duration = Duration::from_secs(180);

/// The least time between two looks at something that sends no event when it changes.
const INTERVAL: Duration = Duration::from_millis(100);
/// The most.
const LONGEST_INTERVAL: Duration = Duration::from_secs(2);
/// How many times as long as the last look the next one is waited for. A look into an emulated machine takes half a
/// second of its one processor: without a rest, most of its time would go into being looked at.
const REST: u32 = 2;

/// Between two looks at a process of this machine: next to nothing against what it takes to start one.
const SHORT_INTERVAL: Duration = Duration::from_millis(2);

/// Looks until `look` finds something, and hands it back; `None` when `limit` has passed.
///
/// Looks at least once, and once more after the limit, so that a slow look does not count as a failure.
///
/// # Errors
/// The first error of `look`, at once.
pub fn poll<T>(
    limit: Duration,
    look: impl FnMut() -> anyhow::Result<Option<T>>,
) -> anyhow::Result<Option<T>> {
    look_again(limit, INTERVAL, look)
}

/// Like [`poll`], for a look that costs nothing.
///
/// # Errors
/// The first error of `look`, at once.
pub fn poll_often<T>(
    limit: Duration,
    look: impl FnMut() -> anyhow::Result<Option<T>>,
) -> anyhow::Result<Option<T>> {
    look_again(limit, SHORT_INTERVAL, look)
}

fn look_again<T>(
    limit: Duration,
    interval: Duration,
    mut look: impl FnMut() -> anyhow::Result<Option<T>>,
) -> anyhow::Result<Option<T>> {
    let end = Instant::now() + limit;
    loop {
        let started = Instant::now();
        let last = started >= end;
        if let Some(found) = look()? {
            return Ok(Some(found));
        }
        if last {
            return Ok(None);
        }
        #[expect(clippy::disallowed_methods, reason = "the one place that sleeps")]
        thread::sleep((started.elapsed() * REST).clamp(interval, LONGEST_INTERVAL));
    }
}
