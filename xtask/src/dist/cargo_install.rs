//! The command as `cargo install --path .` installs it.

use std::path::Path;

use anyhow::{Context, ensure};
use vmtests::process::{command, output_of};

use super::build::Build;
use super::emits_the_same;
use crate::cargo::succeeds;

/// Installs it into an empty directory, and compares what it emits with what the command of this system emits.
///
/// # Errors
/// When it cannot be installed, does not run, or emits something else.
pub(super) fn try_out(build: &Build, genbackup: &Path) -> anyhow::Result<()> {
    let root = tempfile::tempdir()?;
    let mut install = build.cargo("install", &[]);
    install
        .args(["--quiet", "--path", ".", "--root"])
        .arg(root.path());
    succeeds(&mut install)?;
    let installed = root.path().join("bin/genbackup");
    let version = output_of(command(&installed.to_string_lossy()).arg("--version"))?;
    ensure!(
        version.trim() == format!("genbackup {}", build.version),
        "the command that cargo installed prints `{}` as its version",
        version.trim()
    );
    emits_the_same(&installed, genbackup).context("the command that cargo installed")
}
