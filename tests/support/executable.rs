//! Programs that tests write and start.

#![expect(clippy::disallowed_methods, reason = "another process writes the program")]

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

/// Writes a program that can be started at once.
///
/// Another process writes it. If this one did, a process that another test starts at that moment would have a
/// copy of the open file until its exec. The kernel refuses to start a program that is open for writing
/// (ETXTBSY).
pub(crate) fn executable(path: &Path, text: &str) -> Result<()> {
    let mut install = Command::new("install")
        .args(["--mode=0755", "/dev/stdin"])
        .arg(path)
        .stdin(Stdio::piped())
        .spawn()
        .context("cannot start install")?;
    let mut input = install.stdin.take().context("install has an input")?;
    input.write_all(text.as_bytes())?;
    drop(input);
    let ended = install.wait()?;
    ensure!(ended.success(), "install {}: {ended}", path.display());
    Ok(())
}

/// Copies the program under test to a place where every user may start it.
pub(crate) fn copy_of_genbackup(to: &Path) -> Result<()> {
    let copied = Command::new("install")
        .args(["--mode=0755", env!("CARGO_BIN_EXE_genbackup")])
        .arg(to)
        .status()
        .context("cannot start install")?;
    ensure!(copied.success(), "install {}: {copied}", to.display());
    Ok(())
}
