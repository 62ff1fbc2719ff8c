//! The Python of the VM tests: nothing that ruff finds is wrong with it, and it is laid out as ruff does it.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, ensure};

use crate::command::{Outcome, run};
use crate::tools::tool;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("nix/tests")
}

/// Runs ruff on a folder, by the rules of ours.
fn ruff(arguments: &[&str], folder: &Path) -> Result<Outcome> {
    run(Command::new(tool("ruff")?)
        .args(arguments)
        .args(["--no-cache", "--config"])
        .arg(self::folder().join("ruff.toml"))
        .arg(folder))
}

#[test]
fn the_repository_s_python_has_nothing_wrong() -> Result<()> {
    let Outcome {
        status,
        stdout,
        stderr,
    } = ruff(&["check"], &folder())?;
    assert!(status.success(), "{stdout}{stderr}");
    let Outcome {
        status,
        stdout,
        stderr,
    } = ruff(&["format", "--diff"], &folder())?;
    // A folder without a file is fine with it.
    assert!(
        status.success() && stderr.starts_with("2 files"),
        "{stdout}{stderr}"
    );
    Ok(())
}

#[test]
fn a_mistake_in_python_is_found() -> Result<()> {
    let wrong = tempfile::tempdir()?;
    std::fs::write(wrong.path().join("wrong.py"), "import  os\n")?;
    let checked = ruff(&["check"], wrong.path())?;
    ensure!(!checked.status.success(), "an unused name is not found");
    assert!(checked.stdout.contains("F401"), "{}", checked.stdout);
    let formatted = ruff(&["format", "--diff"], wrong.path())?;
    assert!(!formatted.status.success(), "another style is not found");
    Ok(())
}
