//! Pseudo-terminals.

#![expect(clippy::disallowed_methods, reason = "stty sizes the terminal")]

use std::fs::File;
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use nix::fcntl::OFlag;
use nix::pty::{grantpt, posix_openpt, ptsname_r, unlockpt};

/// A terminal of this number of columns: our end, and the program's.
///
/// Both are opened to be closed on exec. If that was set afterwards, as after openpty(3), a program that another test
/// starts in between would keep the terminal open.
pub(crate) fn terminal(columns: u16) -> Result<(File, OwnedFd)> {
    let ours = posix_openpt(OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_CLOEXEC)?;
    grantpt(&ours)?;
    unlockpt(&ours)?;
    let program_s = File::options()
        .read(true)
        .write(true)
        .custom_flags(OFlag::O_NOCTTY.bits())
        .open(ptsname_r(&ours)?)?;
    let sized = Command::new("stty")
        .args(["rows", "40", "columns", &columns.to_string()])
        .stdin(program_s.try_clone()?)
        .status()
        .context("cannot start stty")?;
    ensure!(sized.success(), "stty: {sized}");
    Ok((OwnedFd::from(ours).into(), program_s.into()))
}
