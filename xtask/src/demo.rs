//! `cargo xtask demo`: a small fleet is backed up for real.

use clap::Args;
use vmtests::container;
use vmtests::fleet::{restic, successful_run};
use vmtests::install::{fleet_file, genbackup, install};
use vmtests::lab::{Kind, Lab};
use vmtests::progress::timed;

use crate::setup;

/// Where the demo takes place.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// On virtual machines, also where containers are possible
    #[arg(long)]
    vm: bool,
}

/// Boots a storage host and two clients, installs genbackup, backs up, and shows the result.
///
/// # Errors
/// When a step fails.
pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let kind = timed("tools", || kind(options))?;
    timed("genbackup", genbackup)?;
    let lab = Lab::boot(kind)?;
    timed("install", || install(&lab))?;
    println!("\nthe fleet:\n{}", fleet_file(&lab)?);
    let record = timed("backup, forget, prune", || successful_run(&lab))?;
    println!("\nthe run's record, /var/lib/genbackup/runs/*.jsonl on jak:");
    for event in &record.0 {
        println!("{event}");
    }
    println!(
        "\nwhat systemd shows:\n{}",
        lab.jak
            .run("systemctl status --no-pager --full genbackup.service")?
            .text()
    );
    println!("\nthe snapshots:\n{}", restic(&lab, "snapshots")?);
    Ok(())
}

/// Containers where they are possible, with what they need installed; virtual machines where they are not, or where
/// somebody wants them.
fn kind(options: &Options) -> anyhow::Result<Kind> {
    if !options.vm {
        let containers = setup::run_for_machines(Kind::Container).and_then(|()| container::possible());
        match containers {
            Ok(()) => return Ok(Kind::Container),
            Err(reason) => println!("{reason:#}\n\nvirtual machines it is"),
        }
    }
    setup::run_for_machines(Kind::Virtual)?;
    Ok(Kind::Virtual)
}
