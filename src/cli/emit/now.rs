//! `genbackup emit --now`: writes or removes this host's files, and applies the change.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Result, anyhow, bail};

use super::target::Target;
use super::{Arguments, load, status};
use crate::apply::live::{Audience, Live, Systemd};
use crate::apply::{Changes, Counts, Note, Overwrite, Transaction};
use crate::cli::terminal::{self, Steps};
use crate::emit::Artifact;
use crate::model::{Creation, Repository};
use crate::system::bus::Waiting;
use crate::system::mounts;
use crate::system::nixos::System;
use crate::system::tools;

/// The NFS exports of the storage host.
const EXPORTS: &str = "/etc/exports.d/genbackup.exports";
const NFS_SERVER: &str = "nfs-server.service";
const INIT: &str = "genbackup-init.service";
/// Exists once there was a repository. Then no other repository is made in its place: see `init-repository`.
const REPOSITORY_MADE: &str = "/var/lib/genbackup/repository-made";

/// What this host lacks that the units start.
#[derive(Debug, Default)]
pub(super) struct Missing {
    /// Debian's packages.
    pub(super) packages: Vec<&'static str>,
    /// Why units do not find genbackup itself.
    pub(super) command: Option<String>,
}

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
            "`--now` applies files below / only, and not below {}\n\nhint: leave out `--root`; for a client, run `genbackup push` on the storage host",
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
                "`--now` applies to this host, `{machine}`, and not to `{host}`\n\nhint: if `{host}` is a client, run `genbackup push {host}` on the storage host; if it is the storage host, run `genbackup emit --now` there"
            );
        }
    }
    if System::here().is_nixos() {
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
    missing: &Missing,
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
    let told = transaction.notes().to_vec();
    let knows_what_to_remove = !told
        .iter()
        .any(|note| matches!(note, Note::ManifestUnreadable { .. }));
    let mut live = Live::new(systemd, Aloud::default(), "genbackup emit --now");
    for note in &told {
        live.note(note);
    }
    transaction.refuse_foreign()?;

    let leaving: Vec<&str> = changes.leaving_units().collect();
    // While systemd still knows them.
    live.retire(&leaving);
    let counts = transaction.commit()?;
    live.say(counts);
    if !missing.packages.is_empty() {
        live.fail(load::packages_to_install(&missing.packages));
    }
    if let Some(why) = &missing.command {
        live.fail(format_args!("genbackup: {why}"));
    }
    live.make_what_they_need(&artifacts, &changes);
    let waiting = live.enable(&artifacts, changes.changes_units());
    if let Some(repository) = repository {
        make(repository, &mut live);
    }
    // After the repository is made: exportfs cannot export a missing directory.
    export(&artifacts, &changes, &mut live);
    waiting.start(&mut live);

    if live.is_as_it_was() && counts == Counts::default() {
        live.say("nothing to change: the host matches the fleet file");
    }
    let (is_live, Aloud(steps)) = live.end();
    steps.end()?;
    Ok(status(is_live && (knows_what_to_remove || !is_departing)))
}

/// Prints each step at once.
#[derive(Default)]
struct Aloud(Steps);

impl Audience for Aloud {
    fn say(&mut self, what: &str) {
        self.0.say(what);
    }

    fn complain(&mut self, what: &str) {
        terminal::complain(what);
    }
}

/// Exports the repository to the clients. exportfs succeeds without a running NFS server, so this checks it as well.
fn export(artifacts: &[Artifact], changes: &Changes, live: &mut Live<Waiting, Aloud>) {
    let has_clients = artifacts.iter().any(|artifact| artifact.path == EXPORTS);
    if !has_clients && !changes.has(EXPORTS) {
        return;
    }
    let exported = tools::export();
    let is_exported = exported.is_ok();
    live.tool("exports", changes.has(EXPORTS), exported);
    if !has_clients || !is_exported {
        return;
    }
    match live.systemd().loaded(NFS_SERVER) {
        Ok(loaded) if loaded.is_running => {}
        Ok(_) => live.fail(format_args!(
            "{NFS_SERVER} is not active, so clients cannot mount the repository\n\nhint: run `systemctl enable --now {NFS_SERVER}`"
        )),
        Err(error) => live.fail(format_args!(
            "{NFS_SERVER}: {error}\n\nhint: run `systemctl status {NFS_SERVER}`"
        )),
    }
}

/// Makes the repository if there is none and never was one.
fn make(repository: &Repository, live: &mut Live<Waiting, Aloud>) {
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
