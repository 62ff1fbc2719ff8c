//! The transient unit in which restic brings files back: it can write below the target, and nowhere else.
//!
//! A client wrote the snapshot, and an attacker may have taken over the client. The unit reaches the target,
//! the repository and its locks at separate places, by bind mounts. The rest of the host is read-only or
//! hidden. systemd learns each of the three from an open file of this process (`/proc/PID/fd/N`). So no name
//! has to be quoted, and a name that is not UTF-8, which D-Bus does not carry, needs nothing more.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::os::fd::AsRawFd;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, Result};

use super::Restic;
use super::bring::{RESTORING, guard};
use super::place::Credential;
use crate::model::{Repository, UnitPath};

/// Where the unit has the target.
pub(super) const TARGET: &str = "/tmp/genbackup-target";
/// Where the unit has the repository, read-only but for its locks.
pub(super) const REPOSITORY: &str = "/tmp/genbackup-repository";
/// Where systemd runs, `sd_booted(3)`.
const BOOTED: &str = "/run/systemd/system";
/// The settings that all units of a fleet have.
const COMMON: &str = concat!(
    include_str!("../../../templates/fragments/sandbox.unit-part"),
    "\n",
    include_str!("../../../templates/fragments/offline.unit-part")
);
/// Those of them that a restore replaces.
const REPLACED: [&str; 4] = [
    // Files that set their user come back.
    "RestrictSUIDSGID=",
    // It takes CAP_MKNOD away; `BindReadOnlyPaths=/dev` and `DeviceAllow=` are in its place.
    "PrivateDevices=",
    "DevicePolicy=",
    // systemd-run does not accept `none`; without a network and with an empty /run there is no socket to
    // connect to.
    "RestrictAddressFamilies=",
];
/// What a restore has in addition to them.
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

/// What a restore from elsewhere has in the place of no network.
const NETWORK: [&str; 2] = [
    "RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6",
    // /etc/resolv.conf may be a link to here.
    "BindReadOnlyPaths=-/run/systemd/resolve",
];

fn is_about_network(setting: &str) -> bool {
    ["PrivateNetwork=", "RestrictAddressFamilies=", "IPAddressDeny="]
        .iter()
        .any(|key| setting.starts_with(key))
}

/// True where systemd is the init system, and can confine restic.
#[must_use]
pub(crate) fn is_available() -> bool {
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

/// A transient unit for one restic, before it is started.
#[derive(Debug)]
pub(super) struct Sandbox<'r> {
    /// Its name.
    pub(super) unit: String,
    repository: &'r Repository,
    /// What it reaches; open until systemd has mounted it.
    files: Vec<(File, &'static str, bool)>,
    /// Whether the repository is elsewhere.
    has_network: bool,
    password_file: &'r UnitPath,
    /// Of the place where the repository is.
    pub(super) credential: Credential<'r>,
}

impl<'r> Sandbox<'r> {
    /// For a restore from a repository to a target, which writes its lock where it can. One that is in no directory of
    /// this host takes the network.
    pub(super) fn new(restic: &Restic<'r>, target: &Path, takes_lock: bool) -> Result<Self> {
        let mut sandbox = Self::of(
            restic,
            format!("genbackup-restore-{}.service", std::process::id()),
        );
        sandbox.files.push((open(target)?, TARGET, true));
        if let Some(path) = restic.directory().map(Path::new) {
            sandbox.files.push((open(path)?, REPOSITORY, false));
            if takes_lock {
                let locks = open(&path.join("locks"))?;
                sandbox
                    .files
                    .push((locks, "/tmp/genbackup-repository/locks", true));
            }
        }
        Ok(sandbox)
    }

    /// For a restic that reads a repository elsewhere, and brings nothing back.
    pub(super) fn of_reader(restic: &Restic<'r>) -> Self {
        static READERS: AtomicU32 = AtomicU32::new(0);
        let number = READERS.fetch_add(1, Ordering::Relaxed);
        Self::of(
            restic,
            format!("genbackup-read-{}-{number}.service", std::process::id()),
        )
    }

    fn of(restic: &Restic<'r>, unit: String) -> Self {
        Self {
            repository: restic.repository,
            files: Vec::new(),
            has_network: restic.directory().is_none(),
            password_file: restic.password_file(),
            credential: restic.credential(Some(&unit)),
            unit,
        }
    }

    /// systemd-run with this unit, for the guard; `environment` is for restic.
    pub(super) fn command(&self, words: usize, environment: &[(&str, &OsStr)]) -> Command {
        let mut command = self.start("restic for genbackup restore", settings(), environment);
        // Longer than the guard waits before it kills restic.
        let patience = self.repository.stop_wait.seconds() + 15;
        command.arg(format!("--property=TimeoutStopSec={patience}s"));
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
        // systemd puts a variable in the place of `$NAME`, and `$` in that of `$$`.
        let guard = guard(self.repository, words);
        command.arg("--").args(guard.map(|word| word.replace('$', "$$")));
        command
    }

    /// systemd-run with this unit, without a capability, for words that follow; the path of the password's file.
    pub(super) fn reading(&self, environment: &[(&str, &OsStr)]) -> (Command, String) {
        let bare = settings().filter(|setting| {
            !["AmbientCapabilities=", "CapabilityBoundingSet="]
                .iter()
                .any(|key| setting.starts_with(key))
        });
        let bare = bare.chain(["CapabilityBoundingSet=".to_owned()]);
        let mut command = self.start("restic for genbackup", bare, environment);
        command.arg("--");
        (command, format!("/run/credentials/{}/password", self.unit))
    }

    fn start(
        &self,
        description: &str,
        settings: impl Iterator<Item = String>,
        environment: &[(&str, &OsStr)],
    ) -> Command {
        let mut command = Command::new("systemd-run");
        command
            .args(["--quiet", "--pipe", "--wait", "--collect", "--service-type=exec"])
            .arg(format!("--unit={}", self.unit))
            .arg(format!("--description={description}"))
            .arg(format!("--property=User={}", self.repository.uid))
            .arg(format!(
                "--property=LoadCredential=password:{}",
                self.password_file
            ));
        for setting in settings.filter(|setting| !(self.has_network && is_about_network(setting))) {
            command.arg(format!("--property={setting}"));
        }
        if self.has_network {
            for setting in NETWORK {
                command.arg(format!("--property={setting}"));
            }
        }
        let Credential {
            loads,
            variables,
            options: _,
            environment_file,
        } = &self.credential;
        for load in loads {
            command.arg(format!("--property=LoadCredential={load}"));
        }
        // An argument, and a property of a unit, can be read by every user. systemd reads the file itself.
        if let Some(file) = environment_file {
            command.arg(format!("--property=EnvironmentFile={file}"));
        }
        let places = variables.iter().map(|(name, value)| (*name, OsStr::new(value)));
        for (name, value) in environment.iter().copied().chain(places) {
            let mut word = OsString::from(format!("--setenv={name}="));
            word.push(value);
            command.arg(word);
        }
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
