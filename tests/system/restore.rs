//! `snapshots` and `restore`, with restic itself: what comes back is what was requested, and how restic is
//! invoked.

#![expect(
    clippy::disallowed_methods,
    reason = "restic is run, by the program and for comparison, on files that the tests make"
)]

mod adopted;
mod asked;
mod confined;
mod files;
mod foreign;
mod invocation;
mod page;
mod refused;

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

use crate::command::{Outcome, run};
use crate::executable::executable;
use crate::repository;

/// The number of user restic on the storage host.
const UID: u32 = 12_345;
const PASSWORD: &str = "correct horse battery staple";

/// A storage host: what it has below /mnt is below a directory of ours.
struct Storage {
    directory: TempDir,
}

/// A shell that runs the rest of the arguments. In it, /mnt is the directory, the host has a name, and
/// systemd seems to run.
const THERE: &str = r#"hostname "$1" && mount --bind "$2" /mnt && mount -t tmpfs tmpfs /run &&
    mkdir -p /run/systemd/system && cd /mnt && shift 2 && exec "$@""#;
/// Stands in for systemd-run, as its first lines describe.
const SYSTEMD_RUN: &str = include_str!("restore/systemd-run.bash");

impl Storage {
    /// With a fleet file, a password and an empty directory for a repository.
    fn new() -> Result<Self> {
        let directory = tempfile::tempdir()?;
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755))?;
        let storage = Self { directory };
        fs::write(
            storage.path("fleet.toml"),
            "[schedule]\ncalendar = \"*-*-* 04:00:00\"\n[repository]\nhost = \"jak\"\npath = \"/mnt/restic\"\n\
             password-file = \"/mnt/password\"\nkeep = \"7 daily\"\nuid = 12345\n[hosts.jak]\ninclude = [\"/etc\"]\n",
        )?;
        fs::write(storage.path("password"), format!("{PASSWORD}\n"))?;
        fs::set_permissions(storage.path("password"), fs::Permissions::from_mode(0o400))?;
        // What a restore needs of a repository where a stand-in answers for it.
        for name in ["restic", "restic/locks"] {
            fs::create_dir(storage.path(name))?;
            chown(storage.path(name), Some(UID), Some(UID))?;
        }
        fs::create_dir(storage.path("data"))?;
        fs::create_dir(storage.path("stand-in"))?;
        executable(&storage.path("stand-in/systemd-run"), SYSTEMD_RUN)?;
        Ok(storage)
    }

    /// With a repository, too.
    fn with_repository() -> Result<Self> {
        let storage = Self::new()?;
        repository::make(&storage.path("restic"), PASSWORD)?;
        let owned = run(Command::new("chown")
            .args(["--recursive", &format!("{UID}:{UID}")])
            .arg(storage.path("restic")))?;
        ensure!(owned.status.success(), "{}", owned.stderr);
        Ok(storage)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// A program there.
    fn there(&self, host: &str, program: &str) -> Command {
        let mut command = Command::new("unshare");
        command
            .args(["--uts", "--mount", "sh", "-c", THERE, "sh", host])
            .arg(self.directory.path())
            .arg(program)
            .env_clear()
            .env(
                "PATH",
                "/mnt/stand-in:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            )
            .env("TZ", "UTC");
        command
    }

    /// The program under test, on the storage host.
    fn genbackup(&self) -> Command {
        let mut command = self.there("jak", env!("CARGO_BIN_EXE_genbackup"));
        command.args(["--fleet", "/mnt/fleet.toml"]);
        command
    }

    /// What it does with these arguments.
    fn outcome(&self, arguments: &[&str]) -> Result<Outcome> {
        run(self.genbackup().args(arguments))
    }

    /// The same, where it has to succeed: its standard output.
    fn prints(&self, arguments: &[&str]) -> Result<String> {
        let outcome = self.outcome(arguments)?;
        ensure!(outcome.status.success(), "{arguments:?}: {outcome:?}");
        Ok(outcome.stdout)
    }

    /// Whether the restic that is installed is 0.`minor` or newer.
    fn restic_is_at_least(&self, minor: u32) -> Result<bool> {
        let printed = run(self.there("jak", "restic").arg("version"))?.stdout;
        let own = printed
            .split('.')
            .nth(1)
            .and_then(|minor| minor.parse::<u32>().ok());
        Ok(own.context("no version")? >= minor)
    }

    /// restic there, as its user; its standard output.
    fn restic(&self, arguments: &[&str]) -> Result<String> {
        let outcome = run(self.plain_restic().args(arguments))?;
        ensure!(outcome.status.success(), "{arguments:?}: {outcome:?}");
        Ok(outcome.stdout)
    }

    /// restic there, with the repository and the password.
    fn plain_restic(&self) -> Command {
        let mut command = self.there("jak", "setpriv");
        let user = [format!("--reuid={UID}"), format!("--regid={UID}")];
        command
            .args(user)
            .args([
                "--clear-groups",
                "--inh-caps=+dac_read_search",
                "--ambient-caps=+dac_read_search",
            ])
            .args([
                "restic",
                "--no-cache",
                "--repo=/mnt/restic",
                "--password-file=/mnt/password",
            ]);
        command
    }

    /// Backs /mnt/data up as a host, at a time; the snapshot's short id.
    fn backup(&self, host: &str, time: &str, tag: &str) -> Result<String> {
        let options = [
            "backup",
            "--json",
            "--host",
            host,
            "--time",
            time,
            "--tag",
            tag,
            "/mnt/data",
        ];
        let printed = self.restic(&options)?;
        let summary: serde_json::Value = serde_json::from_str(printed.lines().last().context("no summary")?)?;
        let id = summary["snapshot_id"].as_str().context("no id")?;
        Ok(id[..8].to_owned())
    }

    /// A restic that does what a script does.
    fn stand_in(&self, script: &str) -> Result<()> {
        fs::create_dir_all(self.path("bin"))?;
        executable(&self.path("bin/restic"), &format!("#!/bin/bash\n{script}"))
    }

    /// The program under test, with the stand-in.
    fn with_stand_in(&self) -> Command {
        let mut command = self.genbackup();
        command.env("PATH", "/mnt/bin:/mnt/stand-in:/usr/sbin:/usr/bin:/sbin:/bin");
        command
    }
}
