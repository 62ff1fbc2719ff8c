//! Tools that no Debian has, at the versions that our files are checked with, in `tools` below the target folder.

use std::path::{Path, PathBuf};

use anyhow::Context;
use vmtests::cache;
use vmtests::process::{command, output_of};

/// What finds unused names in Nix. Its licence is no matter: nothing of it is in what we build.
const DEADNIX: (&str, &str) = ("deadnix", "1.3.1");
/// What reads and lays out Python.
const RUFF: (&str, &str) = ("ruff", "0.17.6");
/// What knows Python's types, and NixOS checks its own tests with.
const TY: (&str, &str) = ("ty", "0.0.105");

/// Makes sure that they are there; quick when they are.
///
/// # Errors
/// When one is not there and cannot be installed.
pub(crate) fn install() -> anyhow::Result<()> {
    let folder = cache::target_folder().join("tools");
    for (tool, install) in [
        (DEADNIX, from_cargo as fn(&Path, &str, &str) -> anyhow::Result<()>),
        (RUFF, from_pypi),
        (TY, from_pypi),
    ] {
        let (name, version) = tool;
        if is_there(&folder.join("bin").join(name), tool) {
            continue;
        }
        println!("installing: {name} {version}");
        install(&folder, name, version)
            .with_context(|| format!("cannot install {name} {version} into {}", folder.display()))?;
    }
    Ok(())
}

fn is_there(program: &Path, (name, version): (&str, &str)) -> bool {
    let told = output_of(command(&program.to_string_lossy()).arg("--version"));
    told.is_ok_and(|told| told.trim() == format!("{name} {version}"))
}

/// A crate, from the registry that all dependencies come from.
fn from_cargo(folder: &Path, name: &str, version: &str) -> anyhow::Result<()> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let mut install = command(&cargo);
    install
        .args(["install", "--quiet", "--locked", "--force", "--debug", "--root"])
        .arg(folder)
        .args(["--version", version, name]);
    // In a folder of its own that goes away: it shares nothing with ours.
    output_of(install.env_remove("CARGO_TARGET_DIR")).map(drop)
}

/// A Python package, in a virtual environment, with a link to its program.
fn from_pypi(folder: &Path, name: &str, version: &str) -> anyhow::Result<()> {
    let environment = folder.join("python");
    output_of(command("python3").args(["-m", "venv"]).arg(&environment))?;
    let program = |name: &str| -> PathBuf { environment.join("bin").join(name) };
    output_of(
        command(&program("pip").to_string_lossy())
            .args(["install", "--quiet", "--disable-pip-version-check"])
            .arg(format!("{name}=={version}")),
    )?;
    let link = folder.join("bin").join(name);
    std::fs::create_dir_all(folder.join("bin"))?;
    if link.is_symlink() {
        std::fs::remove_file(&link)?;
    }
    Ok(std::os::unix::fs::symlink(program(name), link)?)
}
