//! `cargo xtask demo`: a small fleet is backed up for real.

use vmtests::fleet::{restic, successful_run};
use vmtests::install::{fleet_file, genbackup, install};
use vmtests::lab::{Kind, Lab};
use vmtests::progress::timed;

use crate::setup;

/// Boots a storage host and two clients, installs genbackup, backs up, and shows what came of it.
///
/// # Errors
/// When a step fails.
pub(crate) fn run() -> anyhow::Result<()> {
    timed("tools", setup::run_for_machines)?;
    timed("genbackup", genbackup)?;
    let lab = Lab::boot(Kind::Container)?;
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
