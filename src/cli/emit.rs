//! `genbackup emit`: writes the files of this host, of another host or of all hosts, or what NixOS needs instead.

mod now;
mod package;
mod target;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};

use super::{load, terminal};
use crate::apply::now::Missing;
use crate::apply::{Changes, Note, Overwrite, Transaction};
use crate::doctor;
use crate::emit::UNIT_DIRECTORY;
use crate::emit::plan::HostPlan;
use crate::error::fail;
use crate::system::nixos::System;
use target::Target;

#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub(super) struct Arguments {
    /// Write the files in this format
    #[arg(long, value_enum, default_value_t = Format::Files)]
    format: Format,
    /// Write the units into this directory, by default /etc/systemd/system; other files have fixed paths. With another
    /// format: write everything into this directory
    #[arg(long, value_name = "DIR", required_if_eq_any = [("format", "nix"), ("format", "package")])]
    out: Option<PathBuf>,
    /// Write the files below this directory instead of /
    #[arg(long, value_name = "DIR")]
    root: Option<PathBuf>,
    /// Write the files of this host; by default, of this machine
    #[arg(long, value_name = "NAME")]
    host: Option<String>,
    /// Write the files of all hosts, each below a directory with its name in --root
    #[arg(long, requires = "root", conflicts_with = "host")]
    all: bool,
    /// Show what would change, and write nothing; exit status: 1 if anything would change
    #[arg(long)]
    diff: bool,
    /// Overwrite files that were modified locally, or that genbackup did not write
    #[arg(long, conflicts_with = "diff")]
    force: bool,
    /// Remove the files that genbackup wrote here, for a host that left the fleet
    #[arg(long, conflicts_with_all = ["host", "all", "force"])]
    remove: bool,
    /// Apply the files to this host as well: make users, directories and exports, enable and start units, disable and
    /// stop removed units. A running backup continues unchanged
    #[arg(long)]
    now: bool,
    /// Read the paths of bash, genbackup, socat and sshd, and the directories of all other programs (`path`), from this JSON file.
    /// With `--format package`
    #[arg(long, value_name = "FILE", required_if_eq("format", "package"))]
    programs: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Files for systemd and other system tools, at their paths on a host
    Files,
    /// A NixOS module for each host of the fleet, DIR/HOST.nix
    Nix,
    /// The files of one host as a package with the programs of `--programs`, which the module of the flake builds
    Package,
}

pub(super) fn run(file: &Path, arguments: &Arguments) -> Result<ExitCode> {
    refuse_what_does_not_fit(arguments)?;
    if arguments.now {
        now::refuse(arguments)?;
    }
    if let (Format::Files, None, false) = (arguments.format, &arguments.root, arguments.remove) {
        refuse_on_nixos(System::here())?;
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
    let Some(fleet) = load::load_to_write(file)? else {
        return Ok(ExitCode::FAILURE);
    };
    if arguments.now {
        let host = load::host(&fleet, arguments.host.as_deref())?;
        let repository = (fleet.storage.name == *host).then_some(&fleet.repository);
        let target = target::of_host(&fleet, host, arguments);
        let plan =
            HostPlan::of(&fleet, host).context("the fleet lacks its own host: this is a bug in genbackup")?;
        let missing = Missing {
            packages: doctor::missing_packages(&plan),
            command: plan
                .coordinator
                .as_ref()
                .and_then(|_| doctor::unreachable_command()),
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

/// Refuses to write below `/`, or to compare with it, where NixOS makes these files.
fn refuse_on_nixos(system: System) -> Result<()> {
    if system.is_nixos() {
        fail!(
            what("this host runs NixOS, which builds these files into the system"),
            hint(
                "after a change of the fleet file, run {}; {} shows which units change; `--root DIR` writes the files below DIR",
                system.apply(),
                system.compare()
            )
        );
    }
    Ok(())
}

/// Refuses options that have no effect in this format.
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
        fail!(
            what("`{option}` does not apply to `--format {name}`"),
            hint("leave it out; `genbackup emit --help` lists the options of each format")
        );
    }
    if let (Format::Files, Some(_), true) = (format, out, remove) {
        fail!(
            what("`--out` does not apply to `--remove`"),
            hint("leave it out; the manifest holds the paths of the units")
        );
    }
    if let (Format::Files, Some(out)) = (format, out)
        && !out.is_absolute()
    {
        fail!(
            what("`--out {}` is not an absolute path", out.display()),
            hint("write an absolute path; `--root DIR` writes all files below DIR")
        );
    }
    Ok(())
}

/// Writes all trees or none, or shows what would change.
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
    let counts = transaction.commit()?;
    terminal::print(&format!("{counts}\n"))?;
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
        self.out.clone().unwrap_or_else(|| PathBuf::from(UNIT_DIRECTORY))
    }
}
