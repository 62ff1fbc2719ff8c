//! `genbackup adopt`: gives snapshots that no run made the tag `genbackup`, so that the keep policy applies to them. It
//! first shows what the keep policy would then remove.

mod words;

use std::io::IsTerminal;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Args;
use inquire::Confirm;

use super::{load, terminal};
use crate::error::fail;
use crate::repository::adopt::{Plan, Wishes};
use crate::repository::open::{self, Afterwards, Errand, Words};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Adopt only the snapshots of this host; `OTHER=HOST` also gives them the name HOST, a host of the fleet
    #[arg(long = "host", value_name = "OTHER[=HOST]")]
    hosts: Vec<String>,
    /// Adopt only this snapshot; can be given more than once
    #[arg(long = "snapshot", value_name = "ID")]
    snapshots: Vec<String>,
    /// Show what would be adopted, and what the keep policy would then remove; change nothing
    #[arg(long)]
    dry_run: bool,
    /// Take the snapshots over without asking
    #[arg(long, conflicts_with = "dry_run")]
    yes: bool,
}

pub(super) fn run(file: &Path, arguments: &Arguments) -> Result<ExitCode> {
    let Arguments {
        hosts,
        snapshots,
        dry_run,
        yes,
    } = arguments;
    let Some(fleet) = load::load_or_show(file)? else {
        return Ok(ExitCode::FAILURE);
    };
    let wishes = Wishes::read(hosts, snapshots, &fleet)?;
    let restic = open::open(&fleet, errand(file, arguments))?;
    let all = restic.all_snapshots(None)?;
    let plan = Plan::of(&all, &wishes, &fleet)?;
    if plan.groups.is_empty() {
        terminal::print("nothing to adopt: each of these snapshots has the tag `genbackup` already\n")?;
        return Ok(ExitCode::SUCCESS);
    }
    plan.ensure_possible()?;
    terminal::print(&words::adopted(&plan))?;
    terminal::print(&words::removed(&plan.losses(&restic, &fleet)?)?)?;
    for note in words::notes(&plan, &all, &fleet) {
        terminal::print(&terminal::wrapped(&format!("note: {note}"), ""))?;
    }
    if *dry_run {
        terminal::print("\nnothing was changed\n")?;
        return Ok(ExitCode::SUCCESS);
    }
    if !yes && !is_confirmed()? {
        terminal::print("nothing was changed\n")?;
        return Ok(ExitCode::FAILURE);
    }
    plan.adopt(&restic, &fleet)?;
    let count = terminal::counted(plan.adopted().count(), "snapshot");
    terminal::print(&format!("\n{count} adopted\n"))?;
    Ok(ExitCode::SUCCESS)
}

/// This command, for messages about where to run it.
fn errand(file: &Path, arguments: &Arguments) -> Errand {
    let Arguments {
        hosts,
        snapshots,
        dry_run,
        yes,
    } = arguments;
    let option = |name: &'static str| move |words: Words, value: &String| words.option(name, Some(value));
    let command = hosts.iter().fold(Words::of("adopt", file), option("--host"));
    let command = snapshots.iter().fold(command, option("--snapshot"));
    Errand {
        command: command.flag("--dry-run", *dry_run).flag("--yes", *yes),
        afterwards: Afterwards::Nothing,
    }
}

/// # Errors
/// When there is no terminal.
fn is_confirmed() -> Result<bool> {
    if !std::io::stdin().is_terminal() {
        fail!(
            what("nothing was changed: standard input is not a terminal"),
            hint(
                "add `--yes` to take the snapshots over \
             without asking"
            )
        );
    }
    terminal::print("\n")?;
    Confirm::new("take them over?")
        .with_default(false)
        .prompt()
        .context("nothing was changed")
}
