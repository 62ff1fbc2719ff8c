//! `genbackup release`: lets the keep policy apply to hosts again. It ends a hold that an admin placed. If a host is
//! held because of its newest snapshot, it accepts this snapshot, and no other.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use jiff::Timestamp;

use super::holds::Kept;
use super::{load, terminal};
use crate::repository::hold::{Released, Releases, Store, known};
use crate::repository::open::{self, Afterwards, Errand, Words};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Let the keep policy apply to these hosts again
    #[arg(value_name = "HOST", required = true)]
    hosts: Vec<String>,
    #[command(flatten)]
    kept: Kept,
}

pub(super) fn run(file: &Path, arguments: &Arguments) -> Result<ExitCode> {
    let Arguments { hosts, kept } = arguments;
    let Some(fleet) = load::load_or_show(file)? else {
        return Ok(ExitCode::FAILURE);
    };
    let words = || {
        let words = Words::of("release", file);
        hosts.iter().fold(words, Words::word)
    };
    open::ensure_root_of_storage(&fleet, &words(), "the holds are")?;
    let store = Store::read_if_there(&kept.holds.directory)?;
    for host in hosts {
        known(&fleet, host, &store, &kept.runs, Errand::of("hold", file))?;
    }
    let list = || {
        let errand = Errand {
            command: words(),
            afterwards: Afterwards::Nothing,
        };
        open::open(&fleet, errand)?.snapshots(None)
    };
    let mut releases = Releases::new(&store, &kept.runs, Timestamp::now(), list);
    for host in hosts {
        let shown = terminal::harmless(host);
        let text = match releases.release(host)? {
            Released::Hold(why) => format!("{shown}: released; it was held: {}\n", terminal::harmless(&why)),
            Released::Snapshot { newest, why } => format!(
                "{shown}: accepted its newest snapshot {}, {}; it was held: {why}\n",
                terminal::harmless(newest.short_id()),
                terminal::local(newest.time)
            ),
            Released::NotHeld => format!("{shown}: not held\n"),
        };
        terminal::print(&text)?;
    }
    Ok(ExitCode::SUCCESS)
}
