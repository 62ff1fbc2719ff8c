//! `genbackup emit`: writes the files of this host, of another, or of all, or what NixOS needs of them.

mod now;
mod package;
mod target;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};

use super::{load, terminal};
use crate::doctor;
use crate::emit::UNIT_FOLDER;
use crate::plan::HostPlan;
use crate::write::{Changes, Counts, Note, Overwrite, Transaction};
use now::Missing;
use target::Target;

#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub(super) struct Arguments {
    /// What is written
    #[arg(long, value_enum, default_value_t = Format::Files)]
    format: Format,
    /// Where units go, /etc/systemd/system by default; everything else goes to its own standard place. With
    /// another format: the folder that everything goes to
    #[arg(long, value_name = "DIR", required_if_eq_any = [("format", "nix"), ("format", "package")])]
    out: Option<PathBuf>,
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
    /// Remove the files that genbackup wrote here, and nothing else: for a host that left the fleet
    #[arg(long, conflicts_with_all = ["host", "all", "force"])]
    remove: bool,
    /// Make it live as well, on this host: users, folders and exports, units enabled, started, or disabled and stopped.
    /// A backup that is at work goes on as it began
    #[arg(long)]
    now: bool,
    /// With `--format package`: a JSON file that says where bash, socat, sshd and the folders of all other programs
    /// (`path`) are
    #[arg(long, value_name = "FILE", required_if_eq("format", "package"))]
    programs: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Files for systemd and its neighbours, at their places on a host
    Files,
    /// A NixOS module for each host of the fleet, DIR/HOST.nix
    Nix,
    /// The files of one host as a package, with programs from elsewhere: what the module of the flake builds
    Package,
}

pub(super) fn run(file: &Path, arguments: &Arguments) -> Result<ExitCode> {
    refuse_what_does_not_fit(arguments)?;
    if arguments.now {
        now::refuse(arguments)?;
    }
    if arguments.remove && arguments.now {
        return now::emit(
            &target::departing(arguments)?,
            None,
            &Missing::default(),
            arguments.overwrite(),
            true,
        );
    }
    if arguments.remove {
        return write_all(&[target::departing(arguments)?], arguments);
    }
    let Some(fleet) = load::load_or_show(file)? else {
        return Ok(ExitCode::FAILURE);
    };
    if arguments.now {
        let host = load::host(&fleet, arguments.host.as_deref())?;
        let repository = (fleet.storage.name == *host).then_some(&fleet.repository);
        let target = target::of_host(&fleet, host, arguments);
        let plan = HostPlan::of(&fleet, host).context("the fleet does not know its own host")?;
        let missing = Missing {
            packages: doctor::missing_packages(&plan),
            command: plan.coordinator.as_ref().and_then(|_| doctor::unreachable_command()),
        };
        return now::emit(&target, repository, &missing, arguments.overwrite(), false);
    }
    match (arguments.format, &arguments.out, &arguments.programs) {
        (Format::Package, Some(out), Some(programs)) => {
            let host = load::host(&fleet, arguments.host.as_deref())?;
            package::write(&fleet, host, out, programs)?;
            Ok(ExitCode::SUCCESS)
        }
        _ => write_all(&target::targets(&fleet, arguments)?, arguments),
    }
}

/// Options that mean nothing in this format: who gives them expects something.
fn refuse_what_does_not_fit(arguments: &Arguments) -> Result<()> {
    let Arguments {
        format,
        out,
        root,
        host,
        all,
        diff,
        force,
        remove,
        now,
        programs,
    } = arguments;
    let given = [
        (Format::Files, "--programs", programs.is_some()),
        (Format::Nix, "--programs", programs.is_some()),
        (Format::Nix, "--root", root.is_some()),
        (Format::Nix, "--host", host.is_some()),
        (Format::Nix, "--all", *all),
        (Format::Package, "--root", root.is_some()),
        (Format::Package, "--all", *all),
        (Format::Package, "--diff", *diff),
        (Format::Package, "--force", *force),
        (Format::Package, "--remove", *remove),
        (Format::Nix, "--now", *now),
        (Format::Package, "--now", *now),
    ];
    let unfit = given
        .iter()
        .find(|(unfit_for, _, given)| unfit_for == format && *given);
    if let Some((_, option, _)) = unfit {
        let name = format.to_possible_value();
        let name = name.as_ref().map_or("", |value| value.get_name());
        bail!(
            "`{option}` means nothing with `--format {name}`\n\nhint: leave it out; `genbackup emit --help` says what each format needs"
        );
    }
    if let (Format::Files, Some(_), true) = (format, out, remove) {
        bail!(
            "`--out` means nothing with `--remove`\n\nhint: leave it out; the manifest knows where the units are"
        );
    }
    if let (Format::Files, Some(out)) = (format, out)
        && !out.is_absolute()
    {
        bail!(
            "`--out {}` is not an absolute path\n\nhint: `--root` stages the files elsewhere",
            out.display()
        );
    }
    Ok(())
}

/// Writes all trees or none of them, or shows what would change.
fn write_all(targets: &[Target<'_>], arguments: &Arguments) -> Result<ExitCode> {
    let mut transaction = Transaction::default();
    let mut would_change = false;
    for target in targets {
        let artifacts = target.artifacts()?;
        if arguments.diff {
            let changes = Changes::between(&target.place, &artifacts)?;
            notes(&changes.notes);
            terminal::hand_over(changes.diff())?;
            would_change |= changes.changes_files();
        } else {
            transaction.stage(&target.place, &artifacts, arguments.overwrite())?;
        }
    }
    if arguments.diff {
        return Ok(status(!would_change));
    }
    notes(transaction.notes());
    let unreadable = |note: &Note| matches!(note, Note::ManifestUnreadable { .. });
    let knows_what_to_remove = !arguments.remove || !transaction.notes().iter().any(unreadable);
    let Counts { written, removed } = transaction.commit()?;
    terminal::say(&format!("{written} files written, {removed} removed\n"))?;
    Ok(status(knows_what_to_remove))
}

fn status(good: bool) -> ExitCode {
    if good {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn notes(notes: &[Note]) {
    for note in notes {
        terminal::complain(format_args!("note: {note}"));
    }
}

impl Arguments {
    fn overwrite(&self) -> Overwrite {
        if self.force {
            Overwrite::Always
        } else {
            Overwrite::Never
        }
    }

    fn root(&self) -> PathBuf {
        self.root.clone().unwrap_or_else(|| PathBuf::from("/"))
    }

    fn units(&self) -> PathBuf {
        self.out.clone().unwrap_or_else(|| PathBuf::from(UNIT_FOLDER))
    }
}
