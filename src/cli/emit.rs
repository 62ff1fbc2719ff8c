//! `genbackup emit`: writes the files of this host, of another, or of all.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::Args;

use super::load;
use crate::emit::{UNIT_FOLDER, emit};
use crate::model::{Fleet, HostName};
use crate::plan::HostPlan;
use crate::write::{Changes, Overwrite, Place, Transaction};

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
    let targets: Vec<(&HostName, PathBuf)> = if *all {
        fleet
            .host_names()
            .map(|host| (host, root.join(host.as_str())))
            .collect()
    } else {
        vec![(load::host(&fleet, host.as_deref())?, root)]
    };

    let mut transaction = Transaction::default();
    let (mut written, mut removed, mut would_change) = (0, 0, false);
    for (host, root) in targets {
        let changes = changes(
            &fleet,
            host,
            &Place {
                root,
                units: out.clone(),
            },
        )?;
        for note in &changes.notes {
            eprintln!("note: {note}");
        }
        if *diff {
            print!("{}", changes.diff());
            would_change |= !changes.is_empty();
            continue;
        }
        let counts = changes.counts();
        written += counts.0;
        removed += counts.1;
        transaction.stage(
            changes,
            if *force {
                Overwrite::Always
            } else {
                Overwrite::Never
            },
        )?;
    }
    if *diff {
        return Ok(if would_change {
            ExitCode::FAILURE
        } else {
            ExitCode::SUCCESS
        });
    }
    transaction.commit()?;
    println!("{written} files written, {removed} removed");
    Ok(ExitCode::SUCCESS)
}

fn changes(fleet: &Fleet, host: &HostName, place: &Place) -> Result<Changes> {
    let plan = HostPlan::of(fleet, host).context("the fleet does not know its own host")?;
    Changes::between(place, emit(&plan)?)
}
