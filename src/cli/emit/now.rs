//! `genbackup emit --now`: writes or removes this host's files, and applies the change.

use std::process::ExitCode;

use anyhow::Result;

use super::target::Target;
use super::{Arguments, status};
use crate::apply::Overwrite;
use crate::apply::live::Audience;
use crate::apply::now::{Missing, Wish, apply};
use crate::cli::terminal::{self, Steps};
use crate::error::{describe, fail, hinted};
use crate::model::Repository;
use crate::system::bus::Waiting;
use crate::system::host;
use crate::system::nixos::System;

/// Refuses what `--now` cannot do here.
///
/// # Errors
/// When the arguments, the system or the user do not fit.
pub(super) fn refuse(arguments: &Arguments) -> Result<()> {
    if arguments.all {
        fail!(
            what("`--now` applies to this host only, and not to all hosts"),
            hint(
                "run `genbackup emit --now` here, and `genbackup push` for the other hosts; `genbackup emit --all --root DIR` writes the files of all hosts below DIR"
            )
        );
    }
    if let Some(root) = &arguments.root {
        fail!(
            what(
                "`--now` applies files below / only, and not below {}",
                root.display()
            ),
            hint("leave out `--root`; for a client, run `genbackup push` on the storage host")
        );
    }
    if arguments.diff {
        fail!(
            what("`--diff` changes nothing, so it excludes `--now`"),
            hint("leave out one of them")
        );
    }
    if let Some(host) = &arguments.host {
        let machine = host::name()?;
        if !host::is_called(&machine, host) {
            fail!(
                what("`--now` applies to this host, `{machine}`, and not to `{host}`"),
                hint(
                    "if `{host}` is a client, run `genbackup push {host}` on the storage host; if it is the storage host, run `genbackup emit --now` there"
                )
            );
        }
    }
    if System::here().is_nixos() {
        fail!(
            what("`--now` does not apply to NixOS: the system is built with these files"),
            hint("run `nixos-rebuild switch` after a change of the fleet file; see the chapter \"NixOS\"")
        );
    }
    if !nix::unistd::geteuid().is_root() {
        fail!(
            what("only root may use `--now`, which makes users, and enables and starts units"),
            hint("run `sudo genbackup emit --now`")
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
        hinted!(what("{}; nothing was changed", error), hint("without systemd, leave out `--now`; see the chapter \"Change the fleet\" for the steps by hand"))
    })?;
    let wish = Wish {
        place: &target.place,
        artifacts: &target.artifacts()?,
        repository,
        missing,
        overwrite,
        is_departing,
    };
    let (is_done, Aloud(steps)) = apply(systemd, Aloud::default(), &wish)?;
    steps.end()?;
    Ok(status(is_done))
}

/// Prints each step at once.
#[derive(Default)]
struct Aloud(Steps);

impl Audience for Aloud {
    fn step(&mut self, what: &str) {
        self.0.print(what);
    }

    fn complain(&mut self, what: &str) {
        terminal::complain(what);
    }

    fn fail(&mut self, error: &anyhow::Error) {
        terminal::complain(format_args!("error: {}", describe(error)));
    }
}
