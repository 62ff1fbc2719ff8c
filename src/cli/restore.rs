//! `genbackup restore`: restores files of a host into a directory, as they were at a given time.

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
use crate::model::{Excludes, Fleet, ResticFeature};
use crate::repository::restic::{
    Confinement, Failed, Node, Restic, Snapshot, SnapshotPath, Wish, can_confine, failed,
};

/// The text at the end of `--help`.
const EXIT_STATUS: &str = "The exit status is restic's: 0 all files were restored, 1 some were not, 10 the repository is missing, \
                           11 it is locked, 12 the password is wrong, 130 interrupted. restic before 0.17 exits with 1 for every error.";

#[derive(Debug, Args)]
#[command(after_help = EXIT_STATUS)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an option of the command line"
)]
pub(super) struct Arguments {
    /// Restore files of this host
    #[arg(value_name = "HOST")]
    host: String,
    /// Restore these files and directories, by their paths on that host; `/` is everything that was backed up
    #[arg(value_name = "PATH", required = true)]
    paths: Vec<OsString>,
    /// Restore into this directory, each file below its whole path. The directory must be missing, or empty and owned
    /// by root; only root can read it afterwards
    #[arg(long, value_name = "DIR")]
    to: PathBuf,
    /// Restore the files of this time: `yesterday`, `04:00`, `"yesterday 04:00"`, `"2 days ago"`, `2026-11-20`,
    /// `"2026-11-20 04:00"`
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
    /// Restore from this snapshot
    #[arg(long, value_name = "ID", conflicts_with = "at")]
    snapshot: Option<String>,
    /// Restore from this copy of the repository, by its name in `[offsite.NAME]`
    #[arg(long, value_name = "NAME")]
    from: Option<String>,
    /// Show what would be restored, and write nothing
    #[arg(long)]
    dry_run: bool,
    /// Restore into a directory that is not empty, and overwrite files there. The directory keeps its mode, so its
    /// other readers can read restored files before these have their owner and mode
    #[arg(long)]
    overwrite: bool,
    /// Read the restored files again, and compare them with the snapshot
    #[arg(long, conflicts_with = "dry_run")]
    verify: bool,
    /// Restore without a sandbox, where systemd does not run: a crafted snapshot can then write anywhere on this
    /// machine
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
    let restic = repository::open_from(&fleet, arguments.from.as_deref(), errand(file, arguments))?;
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
            "note: the newest earlier snapshot that a run of genbackup made is {}; `--snapshot {}` restores from it",
            repository::described(own),
            own.short_id()
        ));
    }
    if is_backed_up(&fleet, place.folder()) {
        terminal::complain(format_args!(
            "note: the next backup of {} saves {} again; remove it before that, or restore to a directory below /var/tmp, which no \
             backup reads",
            fleet.storage.name,
            terminal::harmless(&place.folder().to_string_lossy())
        ));
    }
    if arguments.dry_run {
        return would_restore(&restic, snapshot, &paths, place.folder());
    }
    restore(&restic, snapshot, &paths, &place, arguments)
}

/// True if a backup of the storage host includes this directory.
fn is_backed_up(fleet: &Fleet, directory: &Path) -> bool {
    let path = directory.to_string_lossy();
    fleet.storage.source.as_ref().is_some_and(|source| {
        source.include.iter().any(|include| include.contains(&path))
            && Excludes::new(&source.exclude).excluding(&path).is_none()
    })
}

/// A path from the command line, without slashes at its end, which the completion of shells adds.
fn path(text: &OsStr) -> Result<SnapshotPath> {
    let bytes = text.as_bytes();
    let length = bytes
        .iter()
        .rposition(|byte| *byte != b'/')
        .map_or(1, |last| last + 1);
    let trimmed = OsStr::from_bytes(&bytes[..length.min(bytes.len())]);
    if bytes.iter().any(u8::is_ascii_control) || text.to_string_lossy().contains(char::is_control) {
        let shown = text.to_string_lossy();
        bail!("{shown:?} contains a control character\n\nhint: restore the directory above it");
    }
    SnapshotPath::try_from(trimmed.to_owned()).map_err(|refusal| anyhow::anyhow!("{refusal}"))
}

/// Refuses to overwrite files with a restic that would follow links in the target.
fn refuse_a_restic_that_follows_links() -> Result<()> {
    let version = Restic::version()?;
    if !version.has(ResticFeature::RestoreOverwrite) {
        bail!(
            "`--overwrite` needs restic {}: restic {version} follows symbolic links below the target\n\nhint: restore into a new \
             directory, and copy the files from there",
            ResticFeature::RestoreOverwrite.since()
        );
    }
    Ok(())
}

/// How restic is confined.
fn confinement(arguments: &Arguments) -> Result<Confinement> {
    if arguments.no_sandbox {
        return Ok(Confinement::None);
    }
    if !can_confine() {
        bail!(
            "systemd is not running (/run/systemd/system is missing), so nothing confines restic to the target\n\nhint: \
             add `--no-sandbox` to restore without a sandbox; a crafted snapshot can then write anywhere on this \
             machine\n      see /etc/genbackup/RECOVERY.md for the commands for restic alone"
        );
    }
    Ok(Confinement::Unit)
}

/// This command, to be shown where it must run elsewhere.
fn errand(file: &Path, arguments: &Arguments) -> Errand {
    let Arguments {
        host,
        paths,
        to,
        at,
        snapshot,
        from,
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
        .option("--from", from.as_deref())
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

/// The newest snapshot that is not later than `at`, or the one with the given id.
fn chosen<'s>(snapshots: &'s [Snapshot], arguments: &Arguments, at: Option<Moment>) -> Result<&'s Snapshot> {
    let host = &arguments.host;
    if let Some(id) = &arguments.snapshot {
        let mut alike = snapshots
            .iter()
            .filter(|snapshot| snapshot.id.starts_with(id.as_str()));
        return match (alike.next(), alike.next()) {
            (Some(snapshot), None) if !id.is_empty() => Ok(snapshot),
            (None, _) => bail!(
                "{host} has no snapshot `{id}`\n\nhint: run `genbackup snapshots --host {host}` to list its snapshots"
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
            "{host} has no snapshot of that time or earlier\n\nhint: name a later time: its oldest snapshot is {}",
            repository::described(oldest)
        )
    })
}

/// The newest snapshot with our tag, if the snapshot that is restored lacks it and was not chosen by its id. A snapshot
/// without the tag may hold fewer files than a backup of genbackup.
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

/// Calls `each` for everything at and below these paths.
///
/// # Errors
/// When restic fails, `each` fails, or a path comes twice.
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

/// Prints what would be restored, and what would be overwritten.
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
                note = "  (exists, and would be overwritten)";
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
        some => format!(", overwriting {}", terminal::counted(some, "file")),
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
    let takes_lock = if restic.is_of_a_copy() {
        // Forget and prune are about the repository.
        false
    } else if let Some(why) = restic.cannot_lock()? {
        terminal::complain(format_args!(
            "note: restic cannot write its lock into the repository ({}), so forget and prune do not wait for this restore: start \
             neither of them, on any host, before it ends",
            terminal::harmless(&why)
        ));
        false
    } else {
        true
    };
    let target = place.make()?;
    let mut progress = Progress::new();
    let wish = Wish {
        snapshot: &snapshot.id,
        paths,
        target,
        overwrite: arguments.overwrite,
        verify: arguments.verify,
        takes_lock,
        confinement,
        reports_a_second: progress.reports_a_second(),
    };
    let status = restic.restore(version, &wish, |said| progress.say(said))?;
    let (figures, complaints) = progress.end();
    let shown = terminal::harmless(&target.to_string_lossy());
    if !status.success() {
        let failed = failed(status, &complaints);
        let hint = if failed.said.contains("already locked") {
            "forget or prune is running; try again when it has ended"
        } else {
            "fix the cause, then restore to a new directory; the files restored before the error are kept"
        };
        let Failed { status, said } = failed;
        let said = format!("{said}\n\nhint: {hint}");
        let message = format!("the restore to {shown} is incomplete");
        return Err(anyhow::Error::new(Failed { status, said }).context(message));
    }
    terminal::say(&format!("restored {figures}to {shown}\n"))?;
    Ok(ExitCode::SUCCESS)
}
