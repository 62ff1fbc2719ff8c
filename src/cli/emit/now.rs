//! `genbackup emit --now`: writes this host's files, or takes them off, and makes it live.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Result, anyhow, bail};

use super::target::Target;
use super::{Arguments, load, status};
use crate::bus::Waiting;
use crate::cli::terminal::{self, Steps};
use crate::live::{Audience, Live};
use crate::model::{Creation, Repository};
use crate::mounts;
use crate::neighbours;
use crate::write::{Changes, Counts, Note, Overwrite, Transaction};

/// What the storage host exports.
const EXPORTS: &str = "/etc/exports.d/genbackup.exports";
const INIT: &str = "genbackup-init.service";
/// There once was a repository, and no other one is made in its place: see `init-repository`.
const REPOSITORY_MADE: &str = "/var/lib/genbackup/repository-made";
/// What a system of NixOS has, and no other.
const NIXOS: &str = "/etc/NIXOS";

/// What this host lacks that the units start.
#[derive(Debug, Default)]
pub(super) struct Missing {
    /// Debian's packages.
    pub(super) packages: Vec<&'static str>,
    /// Why units do not find genbackup itself.
    pub(super) command: Option<String>,
}

/// What can't be made live from here.
///
/// # Errors
/// When that is what is asked for.
pub(super) fn refuse(arguments: &Arguments) -> Result<()> {
    if arguments.all {
        bail!(
            "`--now` is for this host, and not for all of them\n\nhint: `genbackup emit --now` on each of them; `genbackup emit --all --root DIR` stages the files of all"
        );
    }
    if let Some(root) = &arguments.root {
        bail!(
            "`--now` makes live what is below /, and not what is below {}\n\nhint: on the host that it is for, `genbackup emit --now`",
            root.display()
        );
    }
    if arguments.diff {
        bail!("`--diff` changes nothing, and `--now` does\n\nhint: leave one of them out");
    }
    if let Some(host) = &arguments.host {
        let machine = load::this_machine()?;
        let short = machine.split('.').next().unwrap_or(&machine);
        if host != short && *host != machine {
            bail!(
                "`--now` is for this host, `{machine}`, and not for `{host}`\n\nhint: on `{host}`, `genbackup emit --now`"
            );
        }
    }
    if Path::new(NIXOS).exists() {
        bail!(
            "on NixOS, `--now` has nothing to do: the system is built with these files\n\nhint: `nixos-rebuild switch` makes a change of the fleet file live; see README.md, «On NixOS»"
        );
    }
    if !nix::unistd::geteuid().is_root() {
        bail!(
            "`--now` makes users, and enables and starts units: it has to be root\n\nhint: `sudo genbackup emit --now`"
        );
    }
    Ok(())
}

/// Writes a tree and makes it live; `repository` is the one that this host may have to make.
///
/// # Errors
/// When nothing has been done: there is no systemd to be asked, or a file can't be written. What goes wrong later is said,
/// the rest goes on, and the exit status tells.
pub(super) fn emit(
    target: &Target<'_>,
    repository: Option<&Repository>,
    missing: &Missing,
    overwrite: Overwrite,
    is_departing: bool,
) -> Result<ExitCode> {
    // First, for a host whose files are there and whose units nobody starts is worse than one that is as it was.
    let systemd = Waiting::connect().map_err(|error| {
        let error = error.to_string();
        let (what, _) = error.split_once("\n\nhint: ").unwrap_or((&error, ""));
        anyhow!("{what}; nothing has changed\n\nhint: where systemd is not to be had, leave `--now` out and do what README.md says by hand")
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
    let Counts { written, removed } = transaction.commit()?;
    live.say(format_args!("{written} files written, {removed} removed"));
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
    // Behind it: what is not there can't be exported.
    if changes.has(EXPORTS) || artifacts.iter().any(|artifact| artifact.path == EXPORTS) {
        live.tool("exports", changes.has(EXPORTS), neighbours::export());
    }
    waiting.start(&mut live);

    if live.is_as_it_was() && (written, removed) == (0, 0) {
        live.say("nothing has changed: this host is as the fleet file says");
    }
    let (is_live, Aloud(steps)) = live.end();
    steps.end()?;
    Ok(status(is_live && (knows_what_to_remove || !is_departing)))
}

/// Says each step at once.
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

/// Makes the repository where there is none, and never was one.
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
    // The root file system is always there.
    if file_system.as_str() == "/" || mounts::parse(&list).iter().any(is_mounted) {
        live.start_once(INIT);
    } else {
        live.say(format_args!(
            "{INIT}: not started, for {file_system} is not mounted; the first run that finds it mounted makes the repository"
        ));
    }
}
