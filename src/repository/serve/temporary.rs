//! A new file: it gets its name when its content is complete.

use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, AtFlags, openat};
use nix::sys::stat::Mode;
use nix::sys::statvfs::fstatvfs;
use nix::unistd::{fsync, linkat};

use super::directory::{FILE, failed, regular};
use super::name::Name;
use super::refusal::Refusal;

/// A file without a name. It vanishes when it is dropped.
#[derive(Debug)]
pub(super) struct Temporary {
    pub(super) file: File,
    directory: OwnedFd,
}

/// What came of giving a file its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Linked {
    /// It has the name now.
    New,
    /// Another file has it already.
    Exists,
}

impl Temporary {
    /// A file in a directory.
    pub(super) fn new(file: File, directory: OwnedFd) -> Self {
        Self { file, directory }
    }

    /// Gives the file its name, unless another file has it: nothing is ever replaced.
    pub(super) fn link(&self, name: &Name) -> Result<Linked, Refusal> {
        let here = format!("/proc/self/fd/{}", self.file.as_raw_fd());
        let linked = linkat(
            AT_FDCWD,
            here.as_str(),
            &self.directory,
            name.as_str(),
            AtFlags::AT_SYMLINK_FOLLOW,
        );
        match linked {
            Ok(()) => Ok(Linked::New),
            Err(Errno::EEXIST) => Ok(Linked::Exists),
            Err(errno) => Err(failed(errno)),
        }
    }

    /// Writes the directory to the disk: the name survives a power cut.
    pub(super) fn sync_directory(&self) -> Result<(), Refusal> {
        fsync(&self.directory).map_err(failed)
    }

    /// Opens the file that has the name already.
    pub(super) fn existing(&self, name: &Name) -> Result<(File, u64), Refusal> {
        let file = openat(&self.directory, name.as_str(), FILE, Mode::empty())?;
        let size = regular(&file)?.size;
        Ok((file.into(), size))
    }

    /// The bytes that the file system can still give to this user.
    pub(super) fn free(&self) -> io::Result<u64> {
        let found = fstatvfs(&self.directory)?;
        Ok(found.blocks_available().saturating_mul(found.fragment_size()))
    }
}
