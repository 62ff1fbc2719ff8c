//! `genbackup emit`: writes the files of this host, of another, or of all.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::Args;

use super::load;
use crate::emit::{UNIT_FOLDER, emit};
use crate::model::{Fleet, HostName};
use crate::plan::HostPlan;
use crate::write::{self, Changes, Counts, Overwrite, Place, Transaction};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Where units go; everything else goes to its own standard place
    #[arg(long, value_name = "DIR", default_value = UNIT_FOLDER)]
    out: PathBuf,
    /// Stage the files below this folder instead of /
    #[arg(long, value_name = "DIR")]
    root: Option<PathBuf>,
    /// The host whose files are written; this machine by default
    #[arg(long, value_name = "NAME")]
    host: Option<String>,
    /// All hosts, each below a folder of its name in --root
    #[arg(long, requires = "root", conflicts_with = "host")]
    all: bool,
    /// Only show what would change; exit status 1 when anything would
    #[arg(long)]
    diff: bool,
    /// Overwrite files that were changed by hand, or that genbackup did not write
    #[arg(long, conflicts_with = "diff")]
    force: bool,
}

pub(super) fn run(file: &Path, arguments: &Arguments) -> Result<ExitCode> {
    let Arguments {
        out,
        root,
        host,
        all,
        diff,
        force,
    } = arguments;
    if !out.is_absolute() {
        bail!(
            "`--out {}` is not an absolute path\n\nhint: `--root` stages the files elsewhere",
            out.display()
        );
    }
    let fleet = match load::load(file)? {
        Ok(fleet) => fleet,
        Err(problems) => {
            load::show(&problems);
            return Ok(ExitCode::FAILURE);
        }
    };
    let root = root.clone().unwrap_or_else(|| PathBuf::from("/"));
    let mut targets: Vec<(Option<&HostName>, PathBuf)> = if *all {
        fleet
            .host_names()
            .map(|host| (Some(host), root.join(host.as_str())))
            .collect()
    } else {
        vec![(Some(load::host(&fleet, host.as_deref())?), root.clone())]
    };
    if *all {
        targets.extend(departed(&fleet, &root)?.into_iter().map(|tree| (None, tree)));
    }

    let mut transaction = Transaction::default();
    let mut would_change = false;
    for (host, root) in targets {
        let artifacts = match host {
            Some(host) => emit(&HostPlan::of(&fleet, host).context("the fleet does not know its own host")?)?,
            // A host that has left the fleet needs nothing.
            None => Vec::new(),
        };
        let place = Place {
            root,
            units: out.clone(),
        };
        if *diff {
            let changes = Changes::between(&place, &artifacts)?;
            notes(&changes.notes);
            print!("{}", changes.diff());
            would_change |= changes.changes_files();
            continue;
        }
        let overwrite = if *force {
            Overwrite::Always
        } else {
            Overwrite::Never
        };
        transaction.stage(&place, &artifacts, overwrite)?;
    }
    if *diff {
        return Ok(if would_change {
            ExitCode::FAILURE
        } else {
            ExitCode::SUCCESS
        });
    }
    notes(transaction.notes());
    let Counts { written, removed } = transaction.commit()?;
    println!("{written} files written, {removed} removed");
    Ok(ExitCode::SUCCESS)
}

fn notes(notes: &[String]) {
    for note in notes {
        eprintln!("note: {note}");
    }
}

/// Trees of hosts that the fleet had once: folders below the root with a manifest of ours. A link is none, since
/// it may lead to a system in use.
fn departed(fleet: &Fleet, root: &Path) -> Result<Vec<PathBuf>> {
    let entries = match std::fs::read_dir(root) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.with_context(|| format!("can't look into {}", root.display()))?,
    };
    let mut trees = Vec::new();
    for entry in entries {
        let entry = entry.with_context(|| format!("can't look into {}", root.display()))?;
        let is_host = fleet
            .host_names()
            .any(|host| entry.file_name().to_str() == Some(host.as_str()));
        if !is_host && entry.file_type()?.is_dir() && write::has_manifest(&entry.path()) {
            trees.push(entry.path());
        }
    }
    trees.sort();
    Ok(trees)
}
