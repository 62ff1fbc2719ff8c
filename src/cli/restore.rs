//! `genbackup restore`: restores files of a host into a directory, as they were at a given time.

mod progress;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Result;
use bytesize::ByteSize;
use clap::Args;
use jiff::Zoned;

use self::progress::Progress;
use super::{load, terminal};
use crate::model::{Fleet, Moment, Refusal};
use crate::repository::open::{self, Afterwards, Errand, Words};
use crate::repository::restic::Restic;
use crate::repository::restore::{Choice, Manner, Plan, Request, Step, confinement, path, plan};
use crate::repository::snapshots::{described, remark};

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
    let request = request(arguments)?;
    let restic = open::open_from(&fleet, arguments.from.as_deref(), errand(file, arguments))?;
    let plan = plan(&restic, &fleet, request)?;
    introduce(&plan, &fleet)?;
    if arguments.dry_run {
        return preview(&restic, &plan);
    }
    execute(&restic, &plan, arguments)
}

fn request(arguments: &Arguments) -> Result<Request<'_>> {
    let now = Zoned::now();
    let paths = arguments.paths.iter().map(|text| path(text));
    let paths = paths.collect::<Result<_>>()?;
    let at = arguments.at.as_ref().map(|text| Moment::parse(text, &now));
    let at = at.transpose().map_err(Refusal::into_error)?;
    Ok(Request {
        host: &arguments.host,
        paths,
        choice: match (&arguments.snapshot, at) {
            (Some(id), _) => Choice::Id(id),
            (None, Some(at)) => Choice::NotLater(at.last),
            (None, None) => Choice::Newest,
        },
        target: &arguments.to,
        overwrite: arguments.overwrite,
    })
}

/// Prints the snapshot, and what a person should know before.
fn introduce(plan: &Plan, fleet: &Fleet) -> Result<()> {
    let snapshot = &plan.snapshot;
    terminal::print(&format!("snapshot {}{}\n", described(snapshot), remark(snapshot)))?;
    if let Some(own) = &plan.own {
        terminal::complain(format_args!(
            "note: the newest earlier snapshot that a run of genbackup made is {}; `--snapshot {}` restores from it",
            described(own),
            own.short_id()
        ));
    }
    if plan.is_backed_up {
        terminal::complain(format_args!(
            "note: the next backup of {} saves {} again; remove it before that, or restore to a directory below /var/tmp, which no \
             backup reads",
            fleet.storage.name,
            terminal::harmless(&plan.target().to_string_lossy())
        ));
    }
    Ok(())
}

/// This command, for messages about where to run it.
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

/// Prints what would be restored, and what would be overwritten.
fn preview(restic: &Restic<'_>, plan: &Plan) -> Result<ExitCode> {
    let (mut files, mut bytes, mut overwritten) = (0_u64, 0_u64, 0_u64);
    plan.preview(restic, |node, overwrites| {
        let is_directory = node.kind == "dir";
        if !is_directory {
            files += 1;
            bytes += node.size;
        }
        overwritten += u64::from(overwrites);
        let note = if overwrites {
            "  (exists, and would be overwritten)"
        } else {
            ""
        };
        let changed = node.mtime.map(terminal::local).unwrap_or_default();
        let size = if is_directory {
            String::new()
        } else {
            ByteSize(node.size).to_string()
        };
        let path = terminal::harmless(&node.path);
        let permissions = terminal::harmless(&node.permissions);
        terminal::print(&format!("{permissions}  {size:>10}  {changed}  {path}{note}\n"))
    })?;
    let overwritten = match overwritten {
        0 => String::new(),
        some => format!(", overwriting {}", terminal::counted(some, "file")),
    };
    terminal::print(&format!(
        "would restore {}, {} to {}{overwritten}; nothing was written\n",
        terminal::counted(files, "file"),
        ByteSize(bytes),
        terminal::harmless(&plan.target().to_string_lossy())
    ))?;
    Ok(ExitCode::SUCCESS)
}

/// Restores, and shows the progress.
fn execute(restic: &Restic<'_>, plan: &Plan, arguments: &Arguments) -> Result<ExitCode> {
    let confinement = confinement(arguments.no_sandbox)?;
    let mut progress = None;
    let manner = Manner {
        overwrite: arguments.overwrite,
        verify: arguments.verify,
        confinement,
        reports_a_second: Progress::reports_a_second(),
    };
    let outcome = plan.execute(restic, manner, |step| match step {
        Step::WithoutLock(why) => terminal::complain(format_args!(
            "note: restic cannot write its lock into the repository ({}), so forget and prune do not wait for this restore: start \
             neither of them, on any host, before it ends",
            terminal::harmless(&why)
        )),
        Step::OthersMayLook(target) => terminal::complain(format_args!(
            "note: others can read {}, which is not empty and keeps its mode; restored files get their own modes at the end",
            terminal::harmless(&target.to_string_lossy())
        )),
        Step::Starts => progress = Some(Progress::new()),
        Step::Line(line) => {
            if let Some(progress) = &mut progress {
                progress.print(line);
            }
        }
    })?;
    let (figures, complaints) = progress.map(Progress::end).unwrap_or_default();
    outcome.judge(&complaints)?;
    terminal::print(&format!(
        "restored {figures}to {}\n",
        terminal::harmless(&plan.target().to_string_lossy())
    ))?;
    Ok(ExitCode::SUCCESS)
}
