//! `genbackup release`: lets the keep policy apply to hosts again. It ends a hold that an admin placed. If a host is
//! held because of its newest snapshot, it accepts this snapshot, and no other.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Result, anyhow};
use clap::Args;
use jiff::Timestamp;

use super::holds::Kept;
use super::{hold, load, terminal};
use crate::repository::hold::{Accepted, Entry, Listing, Snapshot, Store, held};
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
        hold::known(&fleet, host, &store, kept, file)?;
    }
    let now = Timestamp::now();
    let mut listing = None;
    for host in hosts {
        let entry = store
            .get(host)
            .cloned()
            .unwrap_or_else(|| Entry::new(host.clone()));
        let shown = terminal::harmless(host);
        if let Some(placed) = entry.hold_at(now) {
            let why = terminal::harmless(&placed.why);
            store.put(&Entry { hold: None, ..entry })?;
            terminal::say(&format!("{shown}: released; it was held: {why}\n"))?;
            continue;
        }
        // Only now: releasing a hold that an admin placed does not need the password.
        if listing.is_none() {
            let errand = Errand {
                command: words(),
                afterwards: Afterwards::Nothing,
            };
            let all = open::open(&fleet, errand)?.snapshots(None)?;
            listing = Some(Listing::of(all.into_iter().map(|snapshot| Snapshot {
                id: snapshot.id,
                time: snapshot.time,
                hostname: snapshot.host,
            })));
        }
        let listing = listing.as_ref().ok_or_else(|| anyhow!("restic listed nothing"))?;
        let evidence = kept.evidence(listing)?;
        let reason = held(listing, &evidence, &store, host, now);
        let (Some(why), Some(newest)) = (reason, listing.newest.get(host)) else {
            terminal::say(&format!("{shown}: not held\n"))?;
            continue;
        };
        store.put(&Entry {
            accepted: Some(Accepted {
                snapshot: newest.id.clone(),
                time: now,
            }),
            ..entry
        })?;
        terminal::say(&format!(
            "{shown}: accepted its newest snapshot {}, {}; it was held: {why}\n",
            terminal::harmless(newest.short_id()),
            terminal::local(newest.time)
        ))?;
    }
    Ok(ExitCode::SUCCESS)
}
