//! Writes or removes the files of this host, and applies the change: `genbackup emit --now`.

use std::path::Path;

use anyhow::Result;

use super::live::{Audience, Live, Systemd, Written};
use super::{Changes, Note, Overwrite, Place, Transaction};
use crate::emit::Artifact;
use crate::error::{Hinted, hinted};
use crate::model::{Creation, Repository};
use crate::system::{mounts, tools};

/// The NFS exports of the storage host.
const EXPORTS: &str = "/etc/exports.d/genbackup.exports";
const NFS_SERVER: &str = "nfs-server.service";
const INIT: &str = "genbackup-init.service";
/// Exists once there was a repository. Then no other repository is made in its place: see `repository::init`.
const REPOSITORY_MADE: &str = "/var/lib/genbackup/repository-made";

/// What this host lacks that the units start.
#[derive(Debug, Default)]
pub(crate) struct Missing {
    /// Debian's packages.
    pub(crate) packages: Vec<&'static str>,
    /// Why units do not find genbackup itself.
    pub(crate) command: Option<Hinted>,
}

/// The files of this host, and how they are applied.
pub(crate) struct Wish<'w> {
    /// Where they go.
    pub(crate) place: &'w Place,
    /// The files; none for a host that left the fleet.
    pub(crate) artifacts: &'w [Artifact],
    /// The repository that this host may have to make.
    pub(crate) repository: Option<&'w Repository>,
    /// What this host lacks.
    pub(crate) missing: &'w Missing,
    /// Whether files that were modified locally are overwritten.
    pub(crate) overwrite: Overwrite,
    /// True for a host that left the fleet.
    pub(crate) is_departing: bool,
}

/// Writes the files, and makes users, directories, units and exports match them. The audience hears each
/// step. True if all steps succeeded.
///
/// # Errors
/// When nothing was changed, because a file cannot be written. A later error is heard, and the other steps continue.
pub(crate) fn apply<S: Systemd, A: Audience>(systemd: S, audience: A, wish: &Wish<'_>) -> Result<(bool, A)> {
    let Wish {
        place,
        artifacts,
        repository,
        missing,
        overwrite,
        is_departing,
    } = *wish;
    let changes = Changes::between(place, artifacts)?;
    let mut transaction = Transaction::default();
    transaction.stage(place, artifacts, overwrite)?;
    let notes = transaction.notes().to_vec();
    let knows_what_to_remove = !notes
        .iter()
        .any(|note| matches!(note, Note::ManifestUnreadable { .. }));
    let mut live = Live::new(systemd, audience, "genbackup emit --now");
    for note in &notes {
        live.note(note);
    }
    transaction.refuse_foreign()?;

    let leaving: Vec<&str> = changes.leaving_units().collect();
    // While systemd still knows them.
    live.retire(&leaving);
    let counts = transaction.commit()?;
    let packages = (!missing.packages.is_empty()).then(|| packages_to_install(&missing.packages));
    let command = missing.command.clone();
    let command = command.map(|why| anyhow::Error::new(why).context("genbackup"));
    let lacks: Vec<_> = packages.into_iter().chain(command).collect();
    let written = Written {
        artifacts,
        changes: &changes,
        counts,
    };
    let (is_live, audience) = live.apply(written, &lacks, |live| {
        if let Some(repository) = repository {
            make(repository, live);
        }
        // After the repository is made: exportfs cannot export a missing directory.
        export(artifacts, &changes, live);
    });
    Ok((is_live && (knows_what_to_remove || !is_departing), audience))
}

/// A message about missing packages, with the command that installs them.
pub(crate) fn packages_to_install(packages: &[&str]) -> anyhow::Error {
    hinted!(
        what(
            "this host lacks packages that the units need: {}",
            packages.join(", ")
        ),
        hint("run `apt install {}`", packages.join(" "))
    )
}

/// Exports the repository to the clients. exportfs succeeds without a running NFS server, so this checks it as well.
fn export(artifacts: &[Artifact], changes: &Changes, live: &mut Live<impl Systemd, impl Audience>) {
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
        Ok(_) => live.fail(&hinted!(
            what("{NFS_SERVER} is not active, so clients cannot mount the repository"),
            hint("run `systemctl enable --now {NFS_SERVER}`")
        )),
        Err(error) => live.fail(&hinted!(
            what("{NFS_SERVER}: {error}"),
            hint("run `systemctl status {NFS_SERVER}`")
        )),
    }
}

/// Makes the repository if there is none and never was one.
fn make(repository: &Repository, live: &mut Live<impl Systemd, impl Audience>) {
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
        live.step(format_args!(
            "{INIT}: not started, because {file_system} is not mounted; the first run that finds it mounted makes the repository"
        ));
    }
}
