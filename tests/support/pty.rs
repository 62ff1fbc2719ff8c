//! Pseudo-terminals.

use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};

use anyhow::Result;
use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::libc::winsize;
use nix::pty::{OpenptyResult, openpty};

/// A terminal of so many columns: our end, and the program's. A program that another test starts meanwhile gets neither:
/// it would keep the terminal open.
pub(crate) fn terminal(columns: u16) -> Result<(File, OwnedFd)> {
    let size = winsize {
        ws_row: 40,
        ws_col: columns,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    let OpenptyResult { master, slave } = openpty(&size, None)?;
    for end in [master.as_fd(), slave.as_fd()] {
        fcntl(end, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC))?;
    }
    Ok((File::from(master), slave))
}
