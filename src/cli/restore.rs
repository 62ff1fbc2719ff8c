//! `genbackup restore`: a host's files into a folder, as they were at a time.

mod missing;
mod place;
mod progress;
mod twice;

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use bytesize::ByteSize;
use clap::Args;
use jiff::Zoned;

use self::place::Place;
use self::progress::Progress;
use self::twice::Names;
use super::moment::Moment;
use super::repository::{Afterwards, Errand, Words};
use super::snapshots::{known, remark};
use super::{load, repository, terminal};
use crate::model::ResticFeature;
use crate::restic::{Confinement, Failed, Node, Restic, Snapshot, SnapshotPath, Wish, can_confine, failed};

/// What `--help` says at its end.
const EXIT_STATUS: &str = "The exit status is restic's: 0 all is back, 1 something is not, 10 there is no repository, 11 it is \
                           locked, 12 the password is wrong, 130 it was interrupted; restic before 0.17 has 1 for all that fails.";

#[derive(Debug, Args)]
#[command(after_help = EXIT_STATUS)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an option of the command line"
)]
pub(super) struct Arguments {
    /// Whose files
    #[arg(value_name = "HOST")]
    host: String,
    /// Files and folders, as they were named there; `/` is all that was backed up
    #[arg(value_name = "PATH", required = true)]
    paths: Vec<OsString>,
    /// Into this folder, each below its whole path. It is not there yet, or is empty and root's; it becomes root's alone
    #[arg(long, value_name = "FOLDER")]
    to: PathBuf,
    /// As they were then: `yesterday`, `04:00`, `"yesterday 04:00"`, `"2 days ago"`, `2026-11-20`, `"2026-11-20 04:00"`
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
    /// From this snapshot
    #[arg(long, value_name = "ID", conflicts_with = "at")]
    snapshot: Option<String>,
    /// Only say what would come back
    #[arg(long)]
    dry_run: bool,
    /// Into a folder that has something in it, also over files that are there. It keeps its mode: who may look into it
    /// may look at what comes back before that has its owner and mode
    #[arg(long)]
    overwrite: bool,
    /// Read once more what was written, and compare
    #[arg(long, conflicts_with = "dry_run")]
    verify: bool,
    /// Restore without a sandbox, where systemd does not run: a crafted snapshot may then write anywhere on this machine
    #[arg(long, conflicts_with = "dry_run")]
    no_sandbox: bool,
}

pub(super) fn run(file: &Path, arguments: &Arguments) -> Result<ExitCode> {
    let Some(fleet) = load::load_or_show(file)? else {
        return Ok(ExitCode::FAILURE);
    };
    let now = Zoned::now();
    let paths: Vec<SnapshotPath> = arguments
        .paths
        .iter()
        .map(|text| path(text))
        .collect::<Result<_>>()?;
    let at = arguments.at.as_ref().map(|text| Moment::parse(text, &now));
    let at = at.transpose().map_err(|refusal| anyhow::anyhow!("{refusal}"))?;
    let restic = repository::open(&fleet, errand(file, arguments))?;
    let place = Place::of(&arguments.to, &fleet.repository)?;
    place.refuse_what_is_there(arguments.overwrite)?;
    if arguments.overwrite {
        refuse_a_restic_that_follows_links()?;
    }

    let snapshots = restic.all_snapshots(Some(&arguments.host))?;
    if snapshots.is_empty() {
        known(&arguments.host, &restic.all_snapshots(None)?)?;
    }
    let snapshot = chosen(&snapshots, arguments, at)?;
    missing::are_there(&restic, &snapshots, snapshot, &paths)?;
    let made_by = remark(snapshot);
    terminal::say(&format!(
        "snapshot {}{made_by}\n",
        repository::described(snapshot)
    ))?;
    if let Some(own) = newest_own(&snapshots, snapshot, arguments) {
        terminal::complain(format_args!(
            "note: the newest one before it that a run of genbackup made is {}: `--snapshot {}` takes that",
            repository::described(own),
            own.short_id()
        ));
    }
    if arguments.dry_run {
        return would_restore(&restic, snapshot, &paths, place.folder());
    }
    restore(&restic, snapshot, &paths, &place, arguments)
}

/// A path as somebody writes it: the shell completes a folder with a `/` at its end.
fn path(text: &OsStr) -> Result<SnapshotPath> {
    let bytes = text.as_bytes();
    let length = bytes
        .iter()
        .rposition(|byte| *byte != b'/')
        .map_or(1, |last| last + 1);
    let trimmed = OsStr::from_bytes(&bytes[..length.min(bytes.len())]);
    if bytes.iter().any(u8::is_ascii_control) || text.to_string_lossy().contains(char::is_control) {
        let shown = text.to_string_lossy();
        bail!("{shown:?} holds a control character\n\nhint: restore the folder above it");
    }
    SnapshotPath::try_from(trimmed.to_owned()).map_err(|refusal| anyhow::anyhow!("{refusal}"))
}

/// Refuses to write over what is there where restic would follow links in it.
fn refuse_a_restic_that_follows_links() -> Result<()> {
    let version = Restic::version()?;
    if !version.has(ResticFeature::RestoreOverwrite) {
        bail!(
            "`--overwrite` needs restic {}, and this is {version}, which follows symbolic links below the target\n\nhint: restore \
             to a directory that is not there yet, and copy the files from it",
            ResticFeature::RestoreOverwrite.since()
        );
    }
    Ok(())
}

/// What restic is confined by.
fn confinement(arguments: &Arguments) -> Result<Confinement> {
    if arguments.no_sandbox {
        return Ok(Confinement::None);
    }
    if !can_confine() {
        bail!(
            "systemd does not run here (/run/systemd/system is missing), so nothing keeps restic within the target\n\nhint: \
             `--no-sandbox` restores all the same; a snapshot that an attacker crafted may then write anywhere on this \
             machine\n      /etc/genbackup/RECOVERY.md has the commands of restic alone"
        );
    }
    Ok(Confinement::Unit)
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
        no_sandbox,
    } = arguments;
    let command = paths
        .iter()
        .fold(Words::of("restore", file).word(host), |words, path| {
            words.word(path)
        })
        .option("--to", Some(to))
        .option("--at", at.as_deref())
        .option("--snapshot", snapshot.as_deref())
        .flag("--dry-run", *dry_run)
        .flag("--overwrite", *overwrite)
        .flag("--verify", *verify)
        .flag("--no-sandbox", *no_sandbox);
    let afterwards = if *dry_run {
        Afterwards::Nothing
    } else {
        Afterwards::BringFiles
    };
    Errand { command, afterwards }
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

/// The newest snapshot with our tag, where the one that nobody chose by its id has none: it may hold less than a night does.
fn newest_own<'s>(
    snapshots: &'s [Snapshot],
    taken: &Snapshot,
    arguments: &Arguments,
) -> Option<&'s Snapshot> {
    if arguments.snapshot.is_some() || !taken.is_foreign() {
        return None;
    }
    let is_own = |snapshot: &&Snapshot| !snapshot.is_foreign() && snapshot.time <= taken.time;
    snapshots.iter().rfind(is_own)
}

/// All that is at or below these paths, one after the other.
///
/// # Errors
/// When restic fails, `each` does, or one comes twice.
fn each_once(
    restic: &Restic<'_>,
    snapshot: &Snapshot,
    paths: &[SnapshotPath],
    mut each: impl FnMut(Node) -> Result<()>,
) -> Result<()> {
    let mut names = Names::default();
    restic.list(&snapshot.id, paths, true, |node| match names.see(&node) {
        Some(fault) => twice::refuse(snapshot, &node.path, &fault),
        None => each(node),
    })
}

/// Says what would come back, and what is in its way.
fn would_restore(
    restic: &Restic<'_>,
    snapshot: &Snapshot,
    paths: &[SnapshotPath],
    target: &Path,
) -> Result<ExitCode> {
    let (mut files, mut bytes, mut overwritten) = (0_u64, 0_u64, 0_u64);
    each_once(restic, snapshot, paths, |node| {
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
        "would restore {}, {} to {}{overwritten}; nothing was written\n",
        terminal::counted(files, "file"),
        ByteSize(bytes),
        terminal::harmless(&target.to_string_lossy())
    ))?;
    Ok(ExitCode::SUCCESS)
}

fn restore(
    restic: &Restic<'_>,
    snapshot: &Snapshot,
    paths: &[SnapshotPath],
    place: &Place,
    arguments: &Arguments,
) -> Result<ExitCode> {
    let version = Restic::version()?;
    let confinement = confinement(arguments)?;
    each_once(restic, snapshot, paths, |_| Ok(()))?;
    let cannot_lock = restic.cannot_lock()?;
    if let Some(why) = &cannot_lock {
        terminal::complain(format_args!(
            "note: restic cannot write its lock into the repository ({}), so nothing keeps forget and prune out of it: start \
             neither before this restore ends, from no host",
            terminal::harmless(why)
        ));
    }
    let target = place.make()?;
    let mut progress = Progress::new();
    let wish = Wish {
        snapshot: &snapshot.id,
        paths,
        target,
        overwrite: arguments.overwrite,
        verify: arguments.verify,
        takes_lock: cannot_lock.is_none(),
        confinement,
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
