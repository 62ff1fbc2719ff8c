//! The command as one file that needs nothing of the system that it runs on.
//!
//! What is published is linked with musl. Rust's standard library for musl comes from rustup alone. If it is
//! missing, glibc is linked, so that a static binary can be made and tried on every machine. That one is not
//! published. To resolve a name, a static glibc loads libraries of the system, which have to be of the same
//! version.

use std::env::consts::ARCH;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use vmtests::cache;
use vmtests::process::{command, output_of};

use super::build::Build;
use super::emits_the_same;
use crate::cargo::succeeds;
use crate::setup;

/// Makes rustc link the C library into the binary.
const STATIC: &str = "target-feature=+crt-static";

/// Rust's name for the target.
fn musl() -> String {
    format!("{ARCH}-unknown-linux-musl")
}

/// Whether this machine has Rust's standard library for musl.
///
/// # Errors
/// When rustc does not print where it would be.
pub(super) fn has_musl() -> anyhow::Result<bool> {
    let mut print = command("rustc");
    print
        .current_dir(cache::workspace())
        .args(["--print=target-libdir", "--target", &musl()]);
    Ok(Path::new(output_of(&mut print)?.trim()).is_dir())
}

/// How this machine gets it.
pub(super) fn hint() -> String {
    format!("hint: rustup target add {}", musl())
}

/// Builds it into a directory, with musl or with glibc.
///
/// # Errors
/// When it cannot be built, or is not static.
pub(super) fn make(build: &Build, with_musl: bool, directory: &Path) -> anyhow::Result<PathBuf> {
    let (binary, target) = if with_musl {
        (of_musl(build)?, musl())
    } else {
        println!(
            "the static binary is linked with glibc, for a trial: Rust's standard library for {} is missing\n\n\
             do not publish it\n\n{}",
            musl(),
            hint()
        );
        (of_glibc(build)?, format!("{ARCH}-unknown-linux-gnu-static"))
    };
    let path = directory.join(format!("genbackup-{}-{target}", build.version));
    fs::copy(&binary, &path).with_context(|| binary.display().to_string())?;
    // Most of a binary for tests is for a debugger.
    output_of(command("strip").arg(&path))?;
    needs_no_library(&path)?;
    Ok(path)
}

fn of_musl(build: &Build) -> anyhow::Result<PathBuf> {
    let target = musl();
    let mut cargo = build.cargo("build", &["-C", STATIC]);
    cargo
        .args([
            "--package",
            "genbackup",
            "--bin",
            "genbackup",
            "--target",
            &target,
        ])
        // For the C and assembler code of ring.
        .env(format!("CC_{}", target.replace('-', "_")), "musl-gcc");
    succeeds(&mut cargo)?;
    Ok(build.built(Some(&target)))
}

/// Only the last step differs from a build of the command for this system: linking.
fn of_glibc(build: &Build) -> anyhow::Result<PathBuf> {
    let mut cargo = build.cargo("rustc", &[]);
    cargo.args(["--package", "genbackup", "--bin", "genbackup", "--", "-C", STATIC]);
    succeeds(&mut cargo)?;
    Ok(build.built(None))
}

fn needs_no_library(binary: &Path) -> anyhow::Result<()> {
    let mut readelf = command("readelf");
    readelf
        .args(["--wide", "--program-headers", "--dynamic"])
        .arg(binary);
    let found = output_of(&mut readelf)?;
    for word in ["INTERP", "(NEEDED)"] {
        ensure!(
            !found.contains(word),
            "{} is not static: {word}\n{found}",
            binary.display()
        );
    }
    Ok(())
}

/// Runs it where there is no other file, and compares what it emits with what the command of this system emits.
///
/// # Errors
/// When it does not run, or emits something else.
pub(super) fn try_out(alone: &Path, genbackup: &Path) -> anyhow::Result<()> {
    if setup::is_root()? {
        let directory = tempfile::tempdir()?;
        let root = directory.path();
        fs::copy(alone, root.join("genbackup"))?;
        output_of(command("chroot").arg(root).args(["/genbackup", "--version"]))?;
        output_of(
            command("chroot")
                .arg(root)
                .args(["/genbackup", "man", "--out", "/man"]),
        )?;
        ensure!(root.join("man/genbackup.1").is_file(), "it wrote no manual page");
    } else {
        println!("the static binary is not tried in an empty root directory: that takes root");
    }
    emits_the_same(alone, genbackup).context("the static binary")
}
