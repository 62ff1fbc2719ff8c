//! The names of a kind, read from the directory as they are sent.

use std::os::fd::{AsFd, OwnedFd};

use nix::dir::{Dir, OwningIter, Type};
use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, openat};
use nix::sys::stat::{Mode, SFlag, fstatat};

use super::directory::Repository;
use super::limits::CHUNK;
use super::name::{Kind, Name};
use super::refusal::Refusal;

/// The room of one entry: its name, its size and what JSON needs around them.
const ENTRY: usize = 128;

/// A list in progress, as JSON.
pub(super) struct Listing {
    sizes: bool,
    open: OwnedFd,
    /// The directories below `data` that are still to be read; none for other kinds.
    directories: std::ops::Range<u16>,
    current: Option<Directory>,
    state: State,
}

/// A directory in progress.
struct Directory {
    /// With what the names in it begin: a pack in the wrong directory cannot be read.
    start: String,
    /// To ask for the files in it.
    open: OwnedFd,
    entries: OwningIter,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Begin,
    First,
    Further,
    Done,
}

impl Listing {
    /// A list of a kind, with sizes or without.
    ///
    /// # Errors
    /// When the directory cannot be read.
    pub(super) fn new(repository: &Repository, kind: Kind, sizes: bool) -> Result<Self, Refusal> {
        let open = repository.entries(kind)?;
        let mut listing = Self {
            sizes,
            open,
            directories: 0..0,
            current: None,
            state: State::Begin,
        };
        if kind == Kind::Data {
            listing.directories = 0..256;
        } else {
            listing.current = Some(listing.read(".", String::new())?);
        }
        Ok(listing)
    }

    fn read(&self, name: &str, start: String) -> Result<Directory, Errno> {
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let open = openat(&self.open, name, flags, Mode::empty())?;
        let entries = Dir::openat(&open, ".", flags, Mode::empty())?.into_iter();
        Ok(Directory { start, open, entries })
    }

    /// Opens the next directory, if it exists; false if there is no further one.
    fn next_directory(&mut self) -> Result<bool, Refusal> {
        let Some(number) = self.directories.next() else {
            return Ok(false);
        };
        let name = format!("{number:02x}");
        match self.read(&name, name.clone()) {
            Ok(next) => self.current = Some(next),
            Err(Errno::ENOENT | Errno::ELOOP | Errno::ENOTDIR) => {}
            Err(errno) => return Err(errno.into()),
        }
        Ok(true)
    }

    /// The next part of the text; `None` at the end.
    ///
    /// # Errors
    /// When a directory cannot be read.
    pub(super) fn next_chunk(&mut self) -> Result<Option<String>, Refusal> {
        if self.state == State::Done {
            return Ok(None);
        }
        let mut text = String::with_capacity(CHUNK);
        if self.state == State::Begin {
            text.push('[');
            self.state = State::First;
        }
        while text.len() + ENTRY <= CHUNK {
            let Some(directory) = &mut self.current else {
                if self.next_directory()? {
                    continue;
                }
                text.push(']');
                self.state = State::Done;
                break;
            };
            let Some(entry) = directory.entries.next() else {
                self.current = None;
                continue;
            };
            let entry = entry?;
            let Some(name) = entry.file_name().to_str().ok().and_then(Name::of) else {
                continue;
            };
            if !name.as_str().starts_with(&directory.start) {
                continue;
            }
            let Some(size) = size(&directory.open, &name, entry.file_type(), self.sizes)? else {
                continue;
            };
            if self.state == State::Further {
                text.push(',');
            }
            self.state = State::Further;
            let name = name.as_str();
            if self.sizes {
                text.extend(["{\"name\":\"", name, "\",\"size\":", &size.to_string(), "}"]);
            } else {
                text.extend(["\"", name, "\""]);
            }
        }
        Ok(Some(text))
    }
}

/// The size of a regular file, or 0 if nobody asks for it; `None` for any other file, and for one that has just gone.
fn size(
    directory: impl AsFd,
    name: &Name,
    found: Option<Type>,
    wanted: bool,
) -> Result<Option<u64>, Refusal> {
    match found {
        Some(Type::File) if !wanted => return Ok(Some(0)),
        Some(Type::File) | None => {}
        Some(_) => return Ok(None),
    }
    match fstatat(directory, name.as_str(), AtFlags::AT_SYMLINK_NOFOLLOW) {
        Ok(file) if SFlag::from_bits_truncate(file.st_mode) & SFlag::S_IFMT == SFlag::S_IFREG => {
            Ok(Some(u64::try_from(file.st_size).unwrap_or_default()))
        }
        Ok(_) | Err(Errno::ENOENT) => Ok(None),
        Err(errno) => Err(errno.into()),
    }
}
