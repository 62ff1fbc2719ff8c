//! `genbackup restore`: a host's files into a folder, as they were at a time.

mod missing;
mod progress;

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use bytesize::ByteSize;
use clap::Args;
use jiff::Zoned;

use self::progress::Progress;
use super::moment::Moment;
use super::repository::{Afterwards, Errand, Words};
use super::snapshots::known;
use super::{load, repository, terminal};
use crate::model::{AbsolutePath, Repository};
use crate::restic::{Failed, Restic, Snapshot, Wish, failed};
use crate::write;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Whose files
    #[arg(value_name = "HOST")]
    host: String,
    /// Files and folders, as they were named there; `/` is all that was backed up
    #[arg(value_name = "PATH", required = true)]
    paths: Vec<String>,
    /// Into this folder, each below its whole path
    #[arg(long, value_name = "FOLDER")]
    to: PathBuf,
    /// As they were then: `yesterday`, `"2 days ago"`, `2026-11-20`, `"2026-11-20 04:00"`
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
    /// From this snapshot
    #[arg(long, value_name = "ID", conflicts_with = "at")]
    snapshot: Option<String>,
    /// Only say what would come back
    #[arg(long)]
    dry_run: bool,
    /// Into a folder that has something in it, also over files that are there
    #[arg(long)]
    overwrite: bool,
    /// Read once more what was written, and compare
    #[arg(long, conflicts_with = "dry_run")]
    verify: bool,
}

pub(super) fn run(file: &Path, arguments: &Arguments) -> Result<ExitCode> {
    let Some(fleet) = load::load_or_show(file)? else {
        return Ok(ExitCode::FAILURE);
    };
    let now = Zoned::now();
    let paths: Vec<AbsolutePath> = arguments
        .paths
        .iter()
        .map(|text| path(text))
        .collect::<Result<_>>()?;
    let at = arguments.at.as_ref().map(|text| Moment::parse(text, &now));
    let at = at.transpose().map_err(|refusal| anyhow::anyhow!("{refusal}"))?;
    let restic = repository::open(&fleet, errand(file, arguments))?;
    let target = target(arguments, &fleet.repository)?;

    let snapshots = restic.snapshots(Some(&arguments.host))?;
    if snapshots.is_empty() {
        known(&arguments.host, &restic.snapshots(None)?)?;
    }
    let snapshot = chosen(&snapshots, arguments, at)?;
    for path in &paths {
        missing::is_there(&restic, &snapshots, snapshot, path)?;
    }
    terminal::say(&format!("snapshot {}\n", repository::described(snapshot)))?;
    if arguments.dry_run {
        return would_restore(&restic, snapshot, &paths, &target);
    }
    restore(&restic, snapshot, &paths, &target, arguments)
}

/// A path as somebody writes it: the shell completes a folder with a `/` at its end.
fn path(text: &str) -> Result<AbsolutePath> {
    let trimmed = match text.trim_end_matches('/') {
        "" if !text.is_empty() => "/",
        trimmed => trimmed,
    };
    AbsolutePath::try_from(trimmed.to_owned()).map_err(|refusal| anyhow::anyhow!("{refusal}"))
}

/// The same, for another place.
fn errand(file: &Path, arguments: &Arguments) -> Errand {
    let Arguments {
        host,
        paths,
        to,
        at,
        snapshot,
        dry_run,
        overwrite,
        verify,
    } = arguments;
    let command = paths
        .iter()
        .fold(Words::of("restore", file).word(host), |words, path| {
            words.word(path)
        })
        .option("--to", Some(&to.to_string_lossy()))
        .option("--at", at.as_deref())
        .option("--snapshot", snapshot.as_deref())
        .flag("--dry-run", *dry_run)
        .flag("--overwrite", *overwrite)
        .flag("--verify", *verify);
    let afterwards = if *dry_run {
        Afterwards::Nothing
    } else {
        Afterwards::BringFiles
    };
    Errand { command, afterwards }
}

/// The folder that files come back to, absolute. It is not there, or has nothing in it, unless it may.
fn target(arguments: &Arguments, repository: &Repository) -> Result<PathBuf> {
    let target = std::path::absolute(&arguments.to).context("can't tell where the folder is")?;
    let shown = target.display();
    let real = target.canonicalize().unwrap_or_else(|_| target.clone());
    if real.starts_with(repository.path.as_str()) {
        bail!("{shown} is in the repository\n\nhint: name another folder with `--to`");
    }
    match std::fs::read_dir(&target).map(|entries| entries.take(1).count()) {
        Ok(entries) if arguments.overwrite || entries == 0 => Ok(target),
        Ok(_) => bail!(
            "there is something in {shown}, and nothing is overwritten\n\nhint: name a folder that is not there yet, or say `--overwrite`"
        ),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(target),
        Err(error) => Err(error).with_context(|| format!("can't restore to {shown}")),
    }
}

/// The newest one that is not later than a time, or the one of an id.
fn chosen<'s>(snapshots: &'s [Snapshot], arguments: &Arguments, at: Option<Moment>) -> Result<&'s Snapshot> {
    let host = &arguments.host;
    if let Some(id) = &arguments.snapshot {
        let mut alike = snapshots
            .iter()
            .filter(|snapshot| snapshot.id.starts_with(id.as_str()));
        return match (alike.next(), alike.next()) {
            (Some(snapshot), None) if !id.is_empty() => Ok(snapshot),
            (None, _) => bail!(
                "{host} has no snapshot `{id}`\n\nhint: `genbackup snapshots --host {host}` lists those that it has"
            ),
            _ => bail!("more than one snapshot of {host} begins with `{id}`\n\nhint: write more of the id"),
        };
    }
    let is_early_enough = |snapshot: &&Snapshot| at.is_none_or(|at| snapshot.time <= at.last);
    let oldest = snapshots
        .first()
        .with_context(|| format!("there is no snapshot of {host}"))?;
    snapshots.iter().rfind(is_early_enough).with_context(|| {
        format!(
            "{host} has no snapshot of that time or earlier\n\nhint: the oldest is {}",
            repository::described(oldest)
        )
    })
}

/// Says what would come back, and what is in its way.
fn would_restore(
    restic: &Restic<'_>,
    snapshot: &Snapshot,
    paths: &[AbsolutePath],
    target: &Path,
) -> Result<ExitCode> {
    let (mut files, mut bytes, mut overwritten) = (0_u64, 0_u64, 0_u64);
    restic.list(&snapshot.id, paths, true, |node| {
        let is_folder = node.kind == "dir";
        let place = target.join(node.path.trim_start_matches('/'));
        let mut note = "";
        if !is_folder {
            files += 1;
            bytes += node.size;
            if place.symlink_metadata().is_ok() {
                overwritten += 1;
                note = "  (is there, and would be overwritten)";
            }
        }
        let changed = node.mtime.map(terminal::local).unwrap_or_default();
        let size = if is_folder {
            String::new()
        } else {
            ByteSize(node.size).to_string()
        };
        let path = terminal::harmless(&node.path);
        let permissions = terminal::harmless(&node.permissions);
        terminal::say(&format!("{permissions}  {size:>10}  {changed}  {path}{note}\n"))
    })?;
    let overwritten = match overwritten {
        0 => String::new(),
        some => format!(", {some} of them over what is there"),
    };
    terminal::say(&format!(
        "would restore {files} files, {} to {}{overwritten}; nothing was written\n",
        ByteSize(bytes),
        terminal::harmless(&target.to_string_lossy())
    ))?;
    Ok(ExitCode::SUCCESS)
}

fn restore(
    restic: &Restic<'_>,
    snapshot: &Snapshot,
    paths: &[AbsolutePath],
    target: &Path,
    arguments: &Arguments,
) -> Result<ExitCode> {
    let version = Restic::version()?;
    // For root alone, whatever the modes of what comes back: who may look at it is for root to say.
    write::private_folder(target)?;
    let mut progress = Progress::new();
    let wish = Wish {
        snapshot: &snapshot.id,
        paths,
        target,
        overwrite: arguments.overwrite,
        verify: arguments.verify,
        reports_a_second: progress.reports_a_second(),
    };
    let status = restic.restore(version, &wish, |said| progress.say(said))?;
    let (figures, complaints) = progress.end();
    let shown = terminal::harmless(&target.to_string_lossy());
    if !status.success() {
        let failed = failed(status, &complaints);
        let hint = if failed.said.contains("already locked") {
            "forget or prune is at work; try again when it is done"
        } else {
            "what was restored before that is there"
        };
        let Failed { status, said } = failed;
        let said = format!("{said}\n\nhint: {hint}");
        let message = format!("the restore to {shown} is not whole");
        return Err(anyhow::Error::new(Failed { status, said }).context(message));
    }
    terminal::say(&format!("restored {figures}to {shown}\n"))?;
    Ok(ExitCode::SUCCESS)
}
