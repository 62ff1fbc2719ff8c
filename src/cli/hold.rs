//! `genbackup hold`: makes forget keep all snapshots of hosts until they are released.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use jiff::Zoned;

use super::holds::Kept;
use super::{load, terminal};
use crate::repository::hold::{Hold, Store, known};
use crate::repository::open::{self, Errand, Words};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Keep all snapshots of these hosts
    #[arg(value_name = "HOST", required = true)]
    hosts: Vec<String>,
    /// End the hold after this day or time: `2027-01-31`, `"2027-01-31 04:00"`
    #[arg(long, value_name = "DATE")]
    until: Option<String>,
    /// Give the reason, which `genbackup status` shows
    #[arg(long, value_name = "TEXT")]
    why: String,
    #[command(flatten)]
    kept: Kept,
}

pub(super) fn run(file: &Path, arguments: &Arguments) -> Result<ExitCode> {
    let Arguments {
        hosts,
        until,
        why,
        kept,
    } = arguments;
    let Some(fleet) = load::load_or_show(file)? else {
        return Ok(ExitCode::FAILURE);
    };
    let hold = Hold::parse(why, until.as_deref(), &Zoned::now())?;
    let words = Words::of("hold", file)
        .option("--until", until.as_deref())
        .option("--why", Some(&hold.why));
    let words = hosts.iter().fold(words, Words::word);
    open::ensure_root_of_storage(&fleet, &words, "the holds are")?;
    let store = Store::read_if_there(&kept.holds.directory)?;
    // Check all hosts before the first hold is written.
    for host in hosts {
        known(&fleet, host, &store, &kept.runs, Errand::of("hold", file))?;
    }
    for host in hosts {
        store.place(host, &hold)?;
        let until = hold.until.map_or_else(
            || format!("until `genbackup release {host}`"),
            |until| format!("until {}", terminal::local(until)),
        );
        terminal::print(&format!(
            "{}: forget keeps all its snapshots {until}\n",
            terminal::harmless(host)
        ))?;
    }
    Ok(ExitCode::SUCCESS)
}
