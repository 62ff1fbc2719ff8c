//! Plain lines that show what is being done and how long it took.

use std::time::{Duration, Instant};

/// Does `work`, and prints its name with the seconds that it took, also when it fails.
///
/// # Errors
/// Those of `work`.
pub fn timed<T>(name: &str, work: impl FnOnce() -> anyhow::Result<T>) -> anyhow::Result<T> {
    let started = Instant::now();
    let result = work();
    let failed = if result.is_ok() { "" } else { ", failed" };
    println!("{name}: {}{failed}", seconds(started.elapsed()));
    result
}

/// A time as people read it, for example `3.2 s`.
#[must_use]
pub fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}
