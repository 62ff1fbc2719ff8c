//! The transient unit in which restic brings files back: it can write below the target, and nowhere else.
//!
//! A snapshot is what a client wrote, and a client may be taken. The unit reaches the target, the repository and its
//! locks at places of its own, by bind mounts; the rest of the host is read-only or hidden. systemd learns each of the
//! three from an open file of this process (`/proc/PID/fd/N`), so no name has to be quoted, and one that is not UTF-8,
//! which D-Bus does not carry, needs nothing more.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::os::fd::AsRawFd;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use super::bring::{RESTORING, guard};
use crate::model::Repository;

/// Where the unit has the target.
pub(super) const TARGET: &str = "/tmp/genbackup-target";
/// Where the unit has the repository, read-only but for its locks.
pub(super) const REPOSITORY: &str = "/tmp/genbackup-repository";
/// Where systemd runs, `sd_booted(3)`.
const BOOTED: &str = "/run/systemd/system";
/// The settings that all units of a fleet have.
const COMMON: &str = concat!(
    include_str!("../../templates/systemd/sandbox.service"),
    "\n",
    include_str!("../../templates/systemd/offline.service")
);
/// Those of them that a restore replaces.
const REPLACED: [&str; 4] = [
    // Files that set their user come back.
    "RestrictSUIDSGID=",
    // It takes CAP_MKNOD away; `BindReadOnlyPaths=/dev` and `DeviceAllow=` are in its place.
    "PrivateDevices=",
    "DevicePolicy=",
    // systemd-run cannot say `none`; without a network and with an empty /run there is no socket to connect to.
    "RestrictAddressFamilies=",
];
/// What a restore has beside them.
const OWN: &str = "\
ProtectHome=tmpfs
# ProtectSystem=strict leaves /dev writable, and with another /proc also /run (seen with systemd 252 to 262).
TemporaryFileSystem=/run:ro
BindReadOnlyPaths=/dev
# NixOS has its programs there.
BindReadOnlyPaths=-/run/current-system
# Devices can be made, but not opened.
DevicePolicy=closed
DeviceAllow=char-* m
DeviceAllow=block-* m
RestrictAddressFamilies=AF_UNIX
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources
SystemCallFilter=@chown
# Only the guard gets a signal, and hands it to restic as SIGINT.
KillMode=mixed
KillSignal=SIGINT";

/// True where systemd is the init system, and can confine restic.
#[must_use]
pub fn is_available() -> bool {
    Path::new(BOOTED).is_dir()
}

/// The settings that do not depend on what is restored, such as `ProtectSystem=strict`.
pub fn settings() -> impl Iterator<Item = String> {
    let replaced = |line: &&str| REPLACED.iter().any(|key| line.starts_with(key));
    let common = COMMON.lines().filter(move |line| !replaced(line));
    let settings = common.chain(OWN.lines());
    let settings = settings.filter(|line| !line.is_empty() && !line.starts_with('#'));
    let capabilities = capabilities();
    settings.map(str::to_owned).chain([
        format!("AmbientCapabilities={capabilities}"),
        format!("CapabilityBoundingSet={capabilities}"),
    ])
}

/// As systemd names them.
fn capabilities() -> String {
    let names = RESTORING
        .iter()
        .map(|name| format!("CAP_{}", name.to_uppercase()));
    names.collect::<Vec<_>>().join(" ")
}

/// The unit of one restore, before it is started.
#[derive(Debug)]
pub(super) struct Sandbox {
    /// Its name.
    pub(super) unit: String,
    /// What it reaches; open until systemd has mounted it.
    files: Vec<(File, &'static str, bool)>,
}

impl Sandbox {
    /// For a restore from a repository to a target, which writes its lock where it can.
    pub(super) fn new(repository: &Repository, target: &Path, takes_lock: bool) -> Result<Self> {
        let path: &Path = repository.path.as_str().as_ref();
        let mut files = vec![(open(target)?, TARGET, true), (open(path)?, REPOSITORY, false)];
        if takes_lock {
            files.push((
                open(&path.join("locks"))?,
                "/tmp/genbackup-repository/locks",
                true,
            ));
        }
        let unit = format!("genbackup-restore-{}.service", std::process::id());
        Ok(Self { unit, files })
    }

    /// systemd-run with this unit, for the guard; `environment` is for restic.
    pub(super) fn command(
        &self,
        repository: &Repository,
        words: usize,
        environment: &[(&str, &OsStr)],
    ) -> Command {
        let Repository {
            uid,
            password_file,
            stop_wait,
            ..
        } = repository;
        let mut command = Command::new("systemd-run");
        command
            .args(["--quiet", "--pipe", "--wait", "--collect", "--service-type=exec"])
            .arg(format!("--unit={}", self.unit))
            .arg("--description=restic for genbackup restore")
            .arg(format!("--property=User={uid}"))
            .arg(format!("--property=LoadCredential=password:{password_file}"));
        // Longer than the guard waits before it kills restic.
        let patience = stop_wait.seconds() + 15;
        command.arg(format!("--property=TimeoutStopSec={patience}s"));
        for setting in settings() {
            command.arg(format!("--property={setting}"));
        }
        let process = std::process::id();
        for (file, place, is_writable) in &self.files {
            let key = if *is_writable {
                "BindPaths"
            } else {
                "BindReadOnlyPaths"
            };
            let file = file.as_raw_fd();
            command.arg(format!("--property={key}=/proc/{process}/fd/{file}:{place}"));
        }
        for (name, value) in environment {
            let mut word = OsString::from(format!("--setenv={name}="));
            word.push(value);
            command.arg(word);
        }
        // systemd puts a variable in the place of `$NAME`, and `$` in that of `$$`.
        let guard = guard(repository, words);
        command.arg("--").args(guard.map(|word| word.replace('$', "$$")));
        command
    }
}

fn open(directory: &Path) -> Result<File> {
    File::open(directory).with_context(|| format!("cannot open `{}`", directory.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_is_replaced_only_where_the_common_ones_have_it() {
        for key in REPLACED {
            assert!(COMMON.lines().any(|line| line.starts_with(key)), "{key}");
        }
        let settings: Vec<String> = settings().collect();
        let of = |key: &str| settings.iter().filter(|setting| setting.starts_with(key)).count();
        assert_eq!([of("RestrictSUIDSGID="), of("PrivateDevices=")], [0, 0]);
        assert_eq!([of("DevicePolicy="), of("RestrictAddressFamilies=")], [1, 1]);
        assert!(settings.contains(&"PrivateNetwork=yes".to_owned()));
    }
}
