//! A storage host in a directory: a fleet with recipients, records, credentials and a memory.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Result, ensure};
use tempfile::TempDir;

use crate::command::{Outcome, genbackup, run};
use crate::night::Night;

pub(crate) const HOSTS: [&str; 3] = ["jak", "kai", "ziz"];

pub(crate) struct Site {
    directory: TempDir,
}

impl Site {
    /// A fleet of three hosts with these tables `[notify.…]`.
    pub(crate) fn new(notify: &str) -> Result<Self> {
        let directory = tempfile::tempdir()?;
        for name in ["runs", "credentials", "state"] {
            fs::create_dir(directory.path().join(name))?;
        }
        let post = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/fleets/post/fleet.toml");
        let text = format!("{}\n{notify}", fs::read_to_string(post)?);
        fs::write(directory.path().join("fleet.toml"), text)?;
        Ok(Self { directory })
    }

    /// The same with one notification of a kind, whose address this is.
    pub(crate) fn of_kind(kind: &str, address: &str) -> Result<Self> {
        let site = Self::new(&table("team", kind))?;
        site.credential("team", address)?;
        Ok(site)
    }

    /// Puts tables behind those of the fleet file.
    pub(crate) fn add(&self, tables: &str) -> Result<()> {
        let file = self.path("fleet.toml");
        let text = fs::read_to_string(&file)? + tables;
        Ok(fs::write(file, text)?)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(crate) fn credential(&self, name: &str, address: &str) -> Result<()> {
        let file = self.path("credentials").join(format!("notify-{name}"));
        Ok(fs::write(file, format!("{address}\n"))?)
    }

    pub(crate) fn night(&self, night: &Night) -> Result<()> {
        night.write(&self.path("runs"))
    }

    pub(crate) fn command(&self, now: &str, arguments: &[&str]) -> Command {
        let mut command = genbackup();
        command
            .arg("--fleet")
            .arg(self.path("fleet.toml"))
            .args(["watch", "--now", now, "--deadline", "3", "--runs"])
            .arg(self.path("runs"))
            .arg("--memory")
            .arg(self.path("state/memory.json"))
            .arg("--mail")
            .arg(self.path("mail.sock"))
            .args(arguments)
            .env("CREDENTIALS_DIRECTORY", self.path("credentials"))
            .env_remove("MONITOR_SERVICE_RESULT")
            .env_remove("MONITOR_EXIT_STATUS");
        // A proxy of whoever runs the tests is not to be asked.
        for proxy in ["http_proxy", "https_proxy", "all_proxy"] {
            command.env_remove(proxy).env_remove(proxy.to_uppercase());
        }
        command
    }

    pub(crate) fn watch(&self, now: &str) -> Result<Outcome> {
        run(&mut self.command(now, &[]))
    }

    /// The same, and it has to succeed. Returns what it prints.
    pub(crate) fn watched(&self, now: &str) -> Result<String> {
        let Outcome {
            status,
            stdout,
            stderr,
        } = self.watch(now)?;
        ensure!(status.success() && stderr.is_empty(), "{status}: {stderr}");
        Ok(stdout)
    }
}

/// A table of the fleet file.
pub(crate) fn table(name: &str, kind: &str) -> String {
    format!("[notify.{name}]\nkind = \"{kind}\"\naddress-file = \"/etc/genbackup/address\"\n\n")
}

/// A night at four: each of the named hosts ends as given, and the others succeed.
pub(crate) fn night(day: u8, ended: &[(&str, &str)]) -> Night {
    let mut night = Night::at(&at(day, 4), &HOSTS);
    for host in HOSTS {
        let status = ended
            .iter()
            .find(|(name, _)| *name == host)
            .map_or("ok", |(_, status)| status);
        night = night.host(host, status);
    }
    night.maintained()
}

/// An hour of a day in November.
pub(crate) fn at(day: u8, hour: u8) -> String {
    format!("2026-11-{day:02}T{hour:02}:00:00Z")
}
