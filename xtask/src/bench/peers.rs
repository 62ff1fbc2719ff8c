//! Other tools on this machine: borgmatic over borg, crestic over restic, rustic next to restic.
//!
//! They are installed below the target directory, or as Debian packages. One that cannot be installed is
//! skipped, with the reason.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::Context;
use tempfile::TempDir;
use vmtests::cache;
use vmtests::machine::quoted;
use vmtests::process::{command, output_of};

/// The version of crestic on `PyPI`.
const CRESTIC: &str = "1.1.0";
/// How rustic gets here: it takes longer to build than all of this to measure, so nobody waits for it unasked.
const RUSTIC: &str =
    "`cargo install --locked --root target/tools/bench rustic-rs` takes too long to do it unasked";
/// The password of all repositories.
const PASSWORD: &str = "for a benchmark only";

/// A tool and the program that it runs, each with its version, and a backup by each as a shell command.
#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) tool: String,
    pub(crate) engine: String,
    pub(crate) tool_command: String,
    pub(crate) engine_command: String,
}

/// A directory of this machine with the files and the repositories. It goes away with the value.
#[derive(Debug)]
pub(crate) struct Here {
    directory: TempDir,
}

impl Here {
    /// Makes the directory and the files.
    ///
    /// # Errors
    /// When they cannot be made.
    pub(crate) fn new() -> anyhow::Result<Self> {
        let directory = tempfile::Builder::new()
            .prefix("bench-")
            .tempdir_in(cache::target_directory())?;
        let here = Self { directory };
        fs::write(here.path("password"), PASSWORD)?;
        here.run(super::lab::FILES)?;
        Ok(here)
    }

    /// Those that can be installed, with their repositories; and why the others are absent.
    pub(crate) fn peers(&self) -> (Vec<Peer>, Vec<String>) {
        let (mut peers, mut absent) = (Vec::new(), Vec::new());
        for (name, ready) in [
            ("borgmatic", Self::borgmatic as fn(&Self) -> anyhow::Result<Peer>),
            ("crestic", Self::crestic),
            ("rustic", Self::rustic),
        ] {
            match ready(self) {
                Ok(peer) => peers.push(peer),
                Err(error) => {
                    let first = error.to_string();
                    absent.push(format!("{name}, {}", first.lines().next().unwrap_or_default()));
                    eprintln!("{name} is not measured: {error:#}");
                }
            }
        }
        (peers, absent)
    }

    /// Runs a shell command in the directory; the seconds that it took.
    ///
    /// # Errors
    /// When it fails.
    pub(crate) fn seconds_of(&self, text: &str) -> anyhow::Result<Vec<f64>> {
        let started = Instant::now();
        self.run(text)?;
        Ok(vec![started.elapsed().as_secs_f64()])
    }

    fn borgmatic(&self) -> anyhow::Result<Peer> {
        let tool = self.run("borgmatic --version").context("it is not installed")?;
        let borg = self.run("borg --version")?;
        let config = format!(
            "location:\n    source_directories:\n        - {}\n    repositories:\n        - {}\n\
             retention:\n    keep_daily: 30\nhooks: {{}}\n",
            self.path("srv/data").display(),
            self.path("with-borgmatic").display()
        );
        fs::write(self.path("borgmatic.yaml"), config)?;
        self.run("borg init --encryption=repokey with-borgmatic; borg init --encryption=repokey with-borg")?;
        Ok(Peer {
            tool: format!("borgmatic {}", tool.trim()),
            engine: borg.trim().to_owned(),
            tool_command: "borgmatic --config borgmatic.yaml create".to_owned(),
            engine_command: "borg create with-borg::'{now:%Y-%m-%dT%H:%M:%S.%f}' srv/data".to_owned(),
        })
    }

    fn crestic(&self) -> anyhow::Result<Peer> {
        let program = tools().join("python/bin/crestic");
        if !program.exists() {
            let environment = quoted(&tools().join("python").to_string_lossy());
            self.run(&format!(
                "python3 -m venv {environment}
                 {environment}/bin/pip install --quiet --disable-pip-version-check crestic=={CRESTIC}"
            ))
            .context("it cannot be installed from PyPI")?;
        }
        let config = "[global]\npassword-file: password\nrepo: with-crestic\nquiet:\n[global.backup]\n_arguments: srv/data\n";
        fs::write(self.path("crestic.cfg"), config)?;
        let restic = self.restic("with-crestic", "with-restic")?;
        Ok(Peer {
            tool: format!("crestic {CRESTIC}"),
            engine: restic,
            tool_command: format!("{} backup", quoted(&program.to_string_lossy())),
            engine_command: restic_backup("with-restic"),
        })
    }

    fn rustic(&self) -> anyhow::Result<Peer> {
        let program = tools().join("bin/rustic");
        let version = self.run(&format!("{} --version", quoted(&program.to_string_lossy())));
        let version = version.with_context(|| format!("it is not installed: {RUSTIC}"))?;
        let restic = self.restic("with-rustic", "next-to-rustic")?;
        Ok(Peer {
            tool: version.trim().to_owned(),
            engine: format!("{restic}, the same repository format"),
            tool_command: format!(
                "{} --repository with-rustic --password-file password --log-level warn --no-progress backup srv/data",
                quoted(&program.to_string_lossy())
            ),
            engine_command: restic_backup("next-to-rustic"),
        })
    }

    /// Makes two repositories by restic, whose keys take the same time; restic's name and version.
    fn restic(&self, one: &str, other: &str) -> anyhow::Result<String> {
        self.run(&format!(
            "restic --quiet --password-file password --repo {one} init && cp --archive {one} {other}"
        ))?;
        let version = self.run("restic version")?;
        Ok(version.split(' ').take(2).collect::<Vec<_>>().join(" "))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Caches and settings are below the directory, too.
    fn run(&self, text: &str) -> anyhow::Result<String> {
        let mut shell = command("bash");
        shell
            .args(["-euo", "pipefail", "-c", text])
            .current_dir(self.directory.path());
        for (name, place) in [("HOME", ""), ("BORG_BASE_DIR", ""), ("XDG_CACHE_HOME", "cache")] {
            shell.env(name, self.path(place));
        }
        shell
            .env("BORG_PASSPHRASE", PASSWORD)
            .env("CRESTIC_CONFIG_FILE", self.path("crestic.cfg"));
        output_of(&mut shell)
    }
}

fn restic_backup(repository: &str) -> String {
    format!("restic --quiet --password-file password --repo {repository} backup srv/data")
}

fn tools() -> PathBuf {
    Path::new(&cache::target_directory()).join("tools/bench")
}
