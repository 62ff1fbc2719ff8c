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
use crate::model::{Fleet, ResticFeature};
use crate::repository::adopt::{Plan, Wishes};
use crate::repository::open::{self, Afterwards, Errand, Words};
use crate::repository::restic::{Failed, Restic};
use crate::repository::snapshots::described;

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
        terminal::say("nothing to adopt: each of these snapshots has the tag `genbackup` already\n")?;
        return Ok(ExitCode::SUCCESS);
    }
    refuse_renaming_without_restic(&plan)?;
    terminal::say(&words::adopted(&plan))?;
    terminal::say(&words::removed(&plan, &restic, &fleet)?)?;
    for note in words::notes(&plan, &all, &fleet) {
        terminal::say(&terminal::wrapped(&format!("note: {note}"), ""))?;
    }
    if *dry_run {
        terminal::say("\nnothing was changed\n")?;
        return Ok(ExitCode::SUCCESS);
    }
    if !yes && !is_confirmed()? {
        terminal::say("nothing was changed\n")?;
        return Ok(ExitCode::FAILURE);
    }
    take_over(&restic, &plan, &fleet)?;
    let count = terminal::counted(plan.adopted().count(), "snapshot");
    terminal::say(&format!("\n{count} adopted\n"))?;
    Ok(ExitCode::SUCCESS)
}

/// This command, to be shown where it must run elsewhere.
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
/// When a host is to be renamed, and the installed restic cannot do that.
fn refuse_renaming_without_restic(plan: &Plan<'_>) -> Result<()> {
    let Some(other) = plan.adopted().find_map(|(snapshot, host)| {
        let is_renamed = snapshot.host != host;
        is_renamed.then_some(&snapshot.host)
    }) else {
        return Ok(());
    };
    let version = Restic::version()?;
    let feature = ResticFeature::RewriteHost;
    if !version.has(feature) {
        let other = terminal::harmless(other);
        fail!(
            what(
                "restic {version} cannot change the host of snapshots; restic {} can",
                feature.since()
            ),
            hint(
                "use `--host {other}` to keep \
             the host name {other}: the keep policy then applies to them separately, and `genbackup restore {other}` \
             restores them"
            )
        );
    }
    Ok(())
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
    terminal::say("\n")?;
    Confirm::new("take them over?")
        .with_default(false)
        .prompt()
        .context("nothing was changed")
}

/// Renames first: forget ignores a renamed snapshot as long as it lacks the tag.
fn take_over(restic: &Restic<'_>, plan: &Plan<'_>, fleet: &Fleet) -> Result<()> {
    let with_hint = |error: anyhow::Error| match error.downcast::<Failed>() {
        Ok(failed) => {
            let hint = if failed.said.contains("already locked") {
                "a backup, forget or prune is running: run the command again when it has ended"
            } else {
                "run the command again to adopt the rest"
            };
            let hint = Some(hint.to_owned());
            anyhow::Error::new(Failed { hint, ..failed }).context("not all snapshots were adopted")
        }
        Err(error) => error,
    };
    for group in &plan.groups {
        let renamed = group
            .adopted
            .iter()
            .filter(|snapshot| snapshot.host != group.host);
        let ids: Vec<&str> = renamed.map(|snapshot| snapshot.id.as_str()).collect();
        restic.rename_host(&group.host, &ids).map_err(with_hint)?;
    }
    let is_renamed = plan.adopted().any(|(snapshot, host)| snapshot.host != host);
    let now = if is_renamed {
        restic.all_snapshots(None)?
    } else {
        Vec::new()
    };
    let pending: Vec<&str> = if is_renamed {
        plan.untagged(&now).map(|snapshot| snapshot.id.as_str()).collect()
    } else {
        plan.adopted().map(|(snapshot, _)| snapshot.id.as_str()).collect()
    };
    restic.add_tag(&pending).map_err(with_hint)?;

    // restic skips an id that it cannot load, and exits with 0 all the same.
    let after = restic.all_snapshots(None)?;
    let left: Vec<String> = plan.untagged(&after).map(described).collect();
    if let Some(first) = left.first() {
        fail!(
            what(
                "{} not adopted, such as {first}",
                match left.len() {
                    1 => "1 snapshot was".to_owned(),
                    count => format!("{count} snapshots were"),
                }
            ),
            hint(
                "run the command again; `genbackup doctor` reports files of {} \
             that restic cannot read",
                fleet.repository.path
            )
        );
    }
    Ok(())
}
