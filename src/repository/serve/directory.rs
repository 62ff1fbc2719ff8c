//! The directory of a repository. Each level is opened by itself, relative to the one above, without following a symbolic
//! link. So no name leads out of the repository.

use std::fs::File;
use std::os::fd::OwnedFd;
use std::path::Path;

use anyhow::{Context, Result};
use nix::errno::Errno;
use nix::fcntl::{OFlag, open, openat};
use nix::sys::stat::{Mode, SFlag, fchmod, fstat, mkdirat};
use nix::unistd::{UnlinkatFlags, fsync, unlinkat};

use super::name::{Kind, Name};
use super::refusal::Refusal;
use super::request::Readable;
use super::temporary::Temporary;
use crate::error::{fail, hinted};

const DIRECTORY: OFlag = OFlag::O_RDONLY
    .union(OFlag::O_DIRECTORY)
    .union(OFlag::O_NOFOLLOW)
    .union(OFlag::O_CLOEXEC);
/// How a file is opened to read it. `O_NONBLOCK` lets a FIFO open, so that it can be refused.
pub(super) const FILE: OFlag = OFlag::O_RDONLY
    .union(OFlag::O_NONBLOCK)
    .union(OFlag::O_NOCTTY)
    .union(OFlag::O_NOFOLLOW)
    .union(OFlag::O_CLOEXEC);
const TEMPORARY: OFlag = OFlag::O_TMPFILE.union(OFlag::O_RDWR).union(OFlag::O_CLOEXEC);

/// The open directories of a repository.
#[derive(Debug)]
pub(super) struct Repository {
    root: OwnedFd,
    kinds: [OwnedFd; Kind::ALL.len()],
    /// The permissions of new files, by which restic's own rule for a local repository holds: nobody writes to a file
    /// again, and a group may read it if it may read the configuration.
    mode: Mode,
}

impl Repository {
    /// Opens a repository, and makes sure that files can be added to it.
    ///
    /// # Errors
    /// When the directory holds no repository, or when nothing can be added to it.
    pub(super) fn open(path: &Path) -> Result<Self> {
        let shown = path.display();
        let root = open(path, DIRECTORY.difference(OFlag::O_NOFOLLOW), Mode::empty())
            .with_context(|| format!("cannot open the repository {shown}"))?;
        let kinds = Kind::ALL.map(|kind| openat(&root, kind.directory(), DIRECTORY, Mode::empty()));
        let [Ok(data), Ok(index), Ok(snapshots), Ok(locks), Ok(keys)] = kinds else {
            return Err(incomplete(path));
        };
        let config = openat(&root, "config", FILE, Mode::empty()).map_err(|_| incomplete(path))?;
        let mode = regular(&config).map_err(|_| incomplete(path))?.mode;
        let mode = Mode::S_IRUSR | (mode & Mode::S_IRGRP);
        let repository = Self {
            root,
            kinds: [data, index, snapshots, locks, keys],
            mode,
        };
        for kind in [Kind::Data, Kind::Index, Kind::Snapshots, Kind::Locks] {
            let directory = repository.of(kind);
            match openat(directory, ".", TEMPORARY, Mode::S_IRUSR) {
                Ok(_) => {}
                // Kernels answer EISDIR for a file system that does not know the flag.
                Err(Errno::EOPNOTSUPP | Errno::EISDIR) => fail!(
                    what("cannot serve {shown}: its file system has no unnamed files (`O_TMPFILE`)"),
                    hint("move the repository to a local file system, such as ext4, XFS, btrfs or ZFS")
                ),
                Err(errno) => fail!(
                    what(
                        "cannot add files to {shown}/{}: {}",
                        kind.directory(),
                        errno.desc().to_lowercase()
                    ),
                    hint(
                        "see `ls -ld {shown}/{}`, and `ReadWritePaths=` of the unit",
                        kind.directory()
                    )
                ),
            }
        }
        Ok(repository)
    }

    /// The directory of a kind.
    fn of(&self, kind: Kind) -> &OwnedFd {
        let [data, index, snapshots, locks, keys] = &self.kinds;
        match kind {
            Kind::Data => data,
            Kind::Index => index,
            Kind::Snapshots => snapshots,
            Kind::Locks => locks,
            Kind::Keys => keys,
        }
    }

    /// A new handle of the directory of a kind, to read its entries.
    pub(super) fn entries(&self, kind: Kind) -> Result<OwnedFd, Errno> {
        openat(self.of(kind), ".", DIRECTORY, Mode::empty())
    }

    /// The directory that holds a file.
    fn directory_of(&self, kind: Kind, name: &Name) -> Result<OwnedFd, Errno> {
        match kind {
            Kind::Data => openat(self.of(kind), name.directory(), DIRECTORY, Mode::empty()),
            _ => self.entries(kind),
        }
    }

    /// Opens a file to read it, with its size in bytes.
    pub(super) fn file(&self, file: &Readable) -> Result<(File, u64), Refusal> {
        let file = match file {
            Readable::Config => openat(&self.root, "config", FILE, Mode::empty())?,
            Readable::File(kind, name) => {
                let directory = self.directory_of(*kind, name)?;
                openat(&directory, name.as_str(), FILE, Mode::empty())?
            }
        };
        let size = regular(&file)?.size;
        Ok((file.into(), size))
    }

    /// A new file without a name, in the directory where it will get one.
    pub(super) fn temporary(&self, kind: Kind, name: &Name) -> Result<Temporary, Refusal> {
        let directory = match self.directory_of(kind, name) {
            // restic makes the directories below `data` when it creates a repository.
            Err(Errno::ENOENT) if kind == Kind::Data => {
                let directory_mode = Mode::S_IRWXU;
                match mkdirat(self.of(kind), name.directory(), directory_mode) {
                    Ok(()) | Err(Errno::EEXIST) => fsync(self.of(kind))?,
                    Err(errno) => return Err(failed(errno)),
                }
                self.directory_of(kind, name)
            }
            directory => directory,
        };
        let directory = directory.map_err(failed)?;
        let file = openat(&directory, ".", TEMPORARY, Mode::S_IRUSR | Mode::S_IWUSR).map_err(failed)?;
        fchmod(&file, self.mode).map_err(failed)?;
        Ok(Temporary::new(file.into(), directory))
    }

    /// Removes a lock.
    pub(super) fn remove_lock(&self, name: &Name) -> Result<(), Errno> {
        unlinkat(self.of(Kind::Locks), name.as_str(), UnlinkatFlags::NoRemoveDir)
    }
}

fn incomplete(path: &Path) -> anyhow::Error {
    let shown = path.display();
    hinted!(
        what("the directory {shown} holds no repository"),
        hint("see `ls {shown}`: `config`, `data`, `index`, `keys`, `locks` and `snapshots` belong there")
    )
}

/// An error of a directory that has to exist: it is no missing file of the client.
pub(super) fn failed(errno: Errno) -> Refusal {
    match errno.into() {
        Refusal::Missing => Refusal::Failed(errno.desc().to_lowercase()),
        refusal => refusal,
    }
}

/// What is known of a regular file.
pub(super) struct Regular {
    pub(super) size: u64,
    mode: Mode,
}

/// The size and permissions of a regular file; any other file is as good as missing.
pub(super) fn regular(file: &OwnedFd) -> Result<Regular, Errno> {
    let found = fstat(file)?;
    if SFlag::from_bits_truncate(found.st_mode) & SFlag::S_IFMT != SFlag::S_IFREG {
        return Err(Errno::ENOENT);
    }
    Ok(Regular {
        size: u64::try_from(found.st_size).unwrap_or_default(),
        mode: Mode::from_bits_truncate(found.st_mode),
    })
}
