//! `genbackup emit --now`: writes or removes this host's files, and applies the change.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Result, anyhow, bail};

use super::live::Live;
use super::target::Target;
use super::{Arguments, load, notes, status};
use crate::bus::Waiting;
use crate::emit::{Artifact, UNIT_FOLDER};
use crate::model::{Creation, Repository};
use crate::mounts;
use crate::neighbours;
use crate::write::{Changes, Counts, Note, Overwrite, Transaction};

/// The NFS exports of the storage host.
const EXPORTS: &str = "/etc/exports.d/genbackup.exports";
const INIT: &str = "genbackup-init.service";
/// Exists once there was a repository. Then no other repository is made in its place: see `init-repository`.
const REPOSITORY_MADE: &str = "/var/lib/genbackup/repository-made";
/// Exists on NixOS only.
const NIXOS: &str = "/etc/NIXOS";

/// Refuses what `--now` cannot do here.
///
/// # Errors
/// When the arguments, the system or the user do not fit.
pub(super) fn refuse(arguments: &Arguments) -> Result<()> {
    if arguments.all {
        bail!(
            "`--now` applies to this host only, and not to all hosts\n\nhint: run `genbackup emit --now` here, and `genbackup push` for the other hosts; `genbackup emit --all --root DIR` writes the files of all hosts below DIR"
        );
    }
    if let Some(root) = &arguments.root {
        bail!(
            "`--now` applies files below / only, and not below {}\n\nhint: leave out `--root`, or run `genbackup emit --now` on the host that the files are for",
            root.display()
        );
    }
    if arguments.diff {
        bail!("`--diff` changes nothing, so it excludes `--now`\n\nhint: leave out one of them");
    }
    if let Some(host) = &arguments.host {
        let machine = load::this_machine()?;
        let short = machine.split('.').next().unwrap_or(&machine);
        if host != short && *host != machine {
            bail!(
                "`--now` applies to this host, `{machine}`, and not to `{host}`\n\nhint: run `genbackup push {host}` on the storage host, or `genbackup emit --now` on `{host}`"
            );
        }
    }
    if Path::new(NIXOS).exists() {
        bail!(
            "`--now` does not apply to NixOS: the system is built with these files\n\nhint: run `nixos-rebuild switch` after a change of the fleet file; see the chapter \"NixOS\""
        );
    }
    if !nix::unistd::geteuid().is_root() {
        bail!(
            "only root may use `--now`, which makes users, and enables and starts units\n\nhint: run `sudo genbackup emit --now`"
        );
    }
    Ok(())
}

/// Writes a tree and applies it. `repository` is the one that this host may have to make.
///
/// # Errors
/// When nothing was changed: systemd cannot be reached, or a file cannot be written. Later errors are printed, the
/// other steps continue, and the exit status is 1.
pub(super) fn emit(
    target: &Target<'_>,
    repository: Option<&Repository>,
    missing_packages: &[&str],
    overwrite: Overwrite,
    is_departing: bool,
) -> Result<ExitCode> {
    // First, because files whose units do not start are worse than no change.
    let systemd = Waiting::connect().map_err(|error| {
        let error = error.to_string();
        let (what, _) = error.split_once("\n\nhint: ").unwrap_or((&error, ""));
        anyhow!("{what}; nothing was changed\n\nhint: without systemd, leave out `--now`; see the chapter \"Change the fleet\" for the steps by hand")
    })?;
    let artifacts = target.artifacts()?;
    let changes = Changes::between(&target.place, &artifacts)?;
    let mut transaction = Transaction::default();
    transaction.stage(&target.place, &artifacts, overwrite)?;
    // The other notes name steps that are done here.
    let is_left = |note: &&Note| !matches!(note, Note::StillEnabled { .. } | Note::NotEnabled { .. });
    let told: Vec<Note> = transaction.notes().iter().filter(is_left).cloned().collect();
    notes(&told);
    let knows_what_to_remove = !told
        .iter()
        .any(|note| matches!(note, Note::ManifestUnreadable { .. }));
    transaction.refuse_foreign()?;

    let mut live = Live::new(systemd);
    let leaving: Vec<&str> = changes.leaving_units().collect();
    // While systemd still knows them.
    live.retire(&leaving);
    let Counts { written, removed } = transaction.commit()?;
    live.say(format_args!("{written} files written, {removed} removed"));
    if !missing_packages.is_empty() {
        live.fail(load::packages_to_install(missing_packages));
    }

    let is_changed = |path: &str| changes.paths().any(|changed| changed == Path::new(path));
    let below = |folder: &str| {
        let paths = artifacts.iter().map(|artifact| artifact.path.as_str());
        let files: Vec<&str> = paths.filter(|path| path.starts_with(folder)).collect();
        let is_new = files.iter().any(|path| is_changed(path));
        (!files.is_empty()).then_some((files, is_new))
    };
    if let Some((files, is_new)) = below("/etc/sysusers.d/") {
        live.neighbour("users and groups", is_new, neighbours::make_users(&files));
    }
    if let Some((files, is_new)) = below("/etc/tmpfiles.d/") {
        live.neighbour("directories", is_new, neighbours::make_folders(&files));
    }
    let units: Vec<&Artifact> = artifacts
        .iter()
        .filter(|artifact| artifact.path.starts_with(UNIT_FOLDER))
        .collect();
    let waiting = live.enable(&units, changes.changes_units());
    if let Some(repository) = repository {
        make(repository, &mut live);
    }
    // After the repository is made: exportfs cannot export a missing directory.
    if is_changed(EXPORTS) || artifacts.iter().any(|artifact| artifact.path == EXPORTS) {
        live.neighbour("exports", is_changed(EXPORTS), neighbours::export());
    }
    live.start(&waiting);

    if live.is_as_it_was() && (written, removed) == (0, 0) {
        live.say("nothing to change: this host matches the fleet file");
    }
    let is_live = live.end()?;
    Ok(status(is_live && (knows_what_to_remove || !is_departing)))
}

/// Makes the repository if there is none and never was one.
fn make(repository: &Repository, live: &mut Live) {
    let Creation::OnceMounted { file_system } = &repository.creation else {
        return;
    };
    let config = format!("{}/config", repository.path);
    if Path::new(REPOSITORY_MADE).exists() || Path::new(&config).exists() {
        return;
    }
    let list = std::fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let is_mounted = |mount: &mounts::Mount| mount.target == file_system.as_str();
    // The root file system is always mounted.
    if file_system.as_str() == "/" || mounts::parse(&list).iter().any(is_mounted) {
        live.start_once(INIT);
    } else {
        live.say(format_args!(
            "{INIT}: not started, because {file_system} is not mounted; the first run that finds it mounted makes the repository"
        ));
    }
}
