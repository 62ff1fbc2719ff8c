//! Without this, three machines that are off and one that hangs delay a fleet of twenty, or the storage host
//! runs out of memory. This would be noticed only after the fleet has grown to that size.

use std::time::Duration;

use vmtests::lab::Lab;
use vmtests::large_fleet::{self, Size};

/// Shorter than the emitted 60 s, so that this is a story of a minute.
const CONNECT_TIMEOUT: u32 = 15;
const SIZE: Size = Size {
    clients: 20,
    max_parallel: 8,
    connect_timeout: Some(CONNECT_TIMEOUT),
};
/// For the four that do not answer. ssh has its own limit for that; the rest is for a busy processor.
const GIVEN_UP_WITHIN: Duration = Duration::from_secs(CONNECT_TIMEOUT as u64 + 15);
/// A host takes some seconds of one processor.
const NIGHT: Duration = Duration::from_secs(120);
/// Of the coordinator's processes: eight conversations of some 10 MiB.
const MEMORY: u64 = 64 << 20;

pub(crate) fn story(_: &Lab) -> anyhow::Result<()> {
    large_fleet::boot(SIZE)?.run_story("a_fleet_of_twenty_clients_is_backed_up_in_one_night", |crowd| {
        let night = large_fleet::night(crowd, NIGHT)?;
        print!("{night}");
        large_fleet::is_recorded(crowd, &night, GIVEN_UP_WITHIN)?;
        assert!(night.whole < NIGHT, "{night}");
        assert!(night.watched.memory < MEMORY, "{night}");
        Ok(())
    })
}
