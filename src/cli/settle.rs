//! `genbackup settle`: shows what settling moved away, and accepts it. `settle-turn` settles one turn.

pub(super) mod turn;

use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use jiff::Timestamp;

use super::{load, terminal};
use crate::repository::open::{self, Words};
use crate::repository::settle::{Entry, accept, find, quarantined};

/// The number of files of an entry that are shown.
const MOST: usize = 20;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Accept this entry, after you have found out why its files failed: forget and prune may run again
    #[arg(long, value_name = "NAME")]
    accept: Option<String>,
}

pub(super) fn run(file: &Path, arguments: &Arguments) -> Result<ExitCode> {
    let Arguments { accept: name } = arguments;
    let Some(fleet) = load::load_or_show(file)? else {
        return Ok(ExitCode::FAILURE);
    };
    let words = Words::of("settle", file).option("--accept", name.as_deref());
    open::ensure_root_of_storage(&fleet, &words, "the repository is")?;
    let path = Path::new(fleet.repository.path.as_str());
    if let Some(name) = name {
        let (repository, entry) = find(path, name)?;
        terminal::print(&shown(&repository, &entry))?;
        accept(&repository, name, Timestamp::now())?;
        terminal::print("accepted: forget and prune may run again\n")?;
        return Ok(ExitCode::SUCCESS);
    }
    let all = quarantined(path)?;
    if all.is_empty() {
        terminal::print("the quarantine is empty\n")?;
    }
    for (repository, entry) in &all {
        terminal::print(&shown(repository, entry))?;
        if entry.accepted.is_none() {
            terminal::print(&format!(
                "  forget and prune wait for: genbackup settle --accept {}\n",
                entry.name
            ))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// An entry with its reasons, a line each.
fn shown(repository: &Path, entry: &Entry) -> String {
    let accepted = entry.accepted.map_or_else(
        || "not accepted".to_owned(),
        |time| format!("accepted {}", terminal::local(time)),
    );
    let mut lines = vec![
        format!(
            "{}: turn of {} at {}, {accepted}",
            entry.name,
            terminal::harmless(&entry.host),
            terminal::local(entry.begin),
        ),
        format!("  kept in {}", entry.directory(repository).display()),
    ];
    let findings = entry.findings.iter().take(MOST);
    lines.extend(findings.map(|finding| format!("  {}", terminal::harmless(&finding.to_string()))));
    if let Some(more) = entry.findings.len().checked_sub(MOST).filter(|more| *more > 0) {
        lines.push(format!("  {more} more; see reasons.json there"));
    }
    lines.join("\n") + "\n"
}
