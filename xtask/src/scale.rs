//! `cargo xtask scale`: one night of a large fleet, in containers.

use std::time::Duration;

use clap::Args;
use vmtests::lab::Kind;
use vmtests::large_fleet::{self, Size};
use vmtests::progress::timed;

use crate::setup;

/// ssh gives up a silent host after a minute; the rest is for a busy processor.
const GIVEN_UP_WITHIN: Duration = Duration::from_secs(120);
/// A trial has to show how long it took, and not whether that is too long.
const LIMIT: Duration = Duration::from_secs(3600);

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Machines in addition to the storage host
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u8).range(5..=250))]
    clients: u8,
    /// How many of them are backed up at once
    #[arg(long, default_value_t = 8)]
    max_parallel: u32,
}

/// Boots the fleet, takes four clients away, backs up the others, and prints what that took.
///
/// # Errors
/// When a step fails, or the run's record does not have the right results.
pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    timed("tools", || setup::run_for_machines(Kind::Container))?;
    let crowd = large_fleet::boot(Size {
        clients: options.clients,
        max_parallel: options.max_parallel,
        connect_timeout: None,
    })?;
    crowd.run_story("scale", |crowd| {
        let night = large_fleet::night(crowd, LIMIT)?;
        println!("\n{} clients, {} at once", options.clients, options.max_parallel);
        print!("{night}");
        large_fleet::is_recorded(crowd, &night, GIVEN_UP_WITHIN)
    })
}
