//! A host's scripts as they are emitted, in a directory of the test, with its own programs in the place of real ones.

#![expect(
    clippy::disallowed_methods,
    reason = "the scripts run as systemd would run them, in directories of the tests"
)]

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

use crate::command::{Outcome, genbackup, run};
use crate::executable::executable;

/// Where the scripts are on a host.
pub(crate) const LIBEXEC: &str = "/usr/local/libexec/genbackup";

/// The files of the host `jak`, and a directory `programs`.
pub(crate) struct Scripts {
    directory: TempDir,
}

impl Scripts {
    /// Emits the files of a fleet into a directory, with the fleet file next to them.
    pub(crate) fn emitted(directory: TempDir, fleet: &str) -> Result<Self> {
        let scripts = Self { directory };
        let file = scripts.path("fleet.toml");
        fs::write(&file, fleet)?;
        let emit = run(genbackup()
            .arg("--fleet")
            .arg(file)
            .args(["emit", "--host=jak", "--root"])
            .arg(scripts.directory.path()))?;
        ensure!(emit.status.success(), "{}", emit.stderr);
        fs::create_dir(scripts.path("programs"))?;
        Ok(scripts)
    }

    /// The directory's name.
    pub(crate) fn here(&self) -> Result<&str> {
        self.directory.path().to_str().context("a directory's name")
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(crate) fn script(&self, name: &str) -> PathBuf {
        self.path(&LIBEXEC[1..]).join(name)
    }

    /// Replaces paths in a script by names below the directory.
    pub(crate) fn moved(&self, script: &str, paths: &[(&str, &str)]) -> Result<()> {
        let mut text = fs::read_to_string(self.script(script))?;
        for (path, name) in paths {
            text = text.replace(path, &format!("{}/{name}", self.here()?));
        }
        Ok(fs::write(self.script(script), text)?)
    }

    /// Writes a program that scripts find before the one of the machine.
    pub(crate) fn program(&self, name: &str, text: &str) -> Result<()> {
        executable(&self.path("programs").join(name), text)
    }

    /// A script, ready to start, with no variable but `PATH`.
    pub(crate) fn bash(&self, script: &str) -> Command {
        let mut bash = Command::new("/bin/bash");
        bash.arg(self.script(script));
        self.with_programs(&mut bash);
        bash
    }

    /// Leaves a command no variable but a `PATH` that begins with the programs of the test.
    pub(crate) fn with_programs(&self, command: &mut Command) {
        let programs = format!("{}:/usr/bin:/bin", self.path("programs").display());
        command.env_clear().env("PATH", programs);
    }

    /// Runs a client's script; the storage host sends this request and holds the connection until the script ends.
    pub(crate) fn answer(&self, script: &mut Command, request: &str) -> Result<Outcome> {
        let file = self.path("request");
        fs::write(&file, request)?;
        let mut connection = Command::new("/bin/bash")
            .args(["-c", "cat \"$0\"; exec sleep infinity"])
            .arg(&file)
            .stdout(Stdio::piped())
            .spawn()?;
        let input = connection.stdout.take().context("a pipe")?;
        let answered = run(script.stdin(input));
        connection.kill()?;
        connection.wait()?;
        answered
    }
}
