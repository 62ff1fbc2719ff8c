//! The target directory of a restore. It is outside the repository, and only root can read it.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

use anyhow::{Context, Result};
use nix::unistd::Uid;

use crate::apply::{self, Privacy};
use crate::error::fail;
use crate::model::Repository;

/// The target of a restore.
pub(crate) struct Place {
    /// Absolute, with all links resolved.
    directory: PathBuf,
    /// The directory of the repository, with all links resolved.
    repository: PathBuf,
}

impl Place {
    /// The directory with this name, which may be missing.
    ///
    /// # Errors
    /// When it is in the repository.
    pub(crate) fn of(directory: &Path, repository: &Repository) -> Result<Self> {
        let directory = std::path::absolute(directory).context("cannot make the target an absolute path")?;
        let place = Self {
            directory: without_links(&directory),
            repository: without_links(repository.path.as_str().as_ref()),
        };
        place.refuse_the_repository(&place.directory)?;
        Ok(place)
    }

    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    /// Checks that the directory is missing, or belongs to the caller and is empty, unless files may be overwritten.
    ///
    /// # Errors
    /// When this is not so.
    pub(crate) fn refuse_what_is_there(&self, overwrite: bool) -> Result<()> {
        let shown = self.directory.display();
        self.refuse_what_others_could_move()?;
        let entries = match fs::read_dir(&self.directory) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error).with_context(|| format!("cannot restore to {shown}")),
        };
        let owner = Uid::from_raw(fs::metadata(&self.directory)?.uid());
        if owner != Uid::effective() {
            fail!(
                what("{shown} belongs to user {owner}: links in it could redirect restored files"),
                hint("name a new directory, or one that belongs to root")
            );
        }
        if let Some(why) = writers(&self.directory, Sticky::IsNotEnough)?
            && overwrite
        {
            fail!(
                what("{shown} {why}: links in it could redirect restored files"),
                hint("name a new directory")
            );
        }
        if entries.take(1).count() > 0 && !overwrite {
            fail!(
                what("{shown} is not empty"),
                hint("name a new directory, or add `--overwrite`")
            );
        }
        Ok(())
    }

    /// Checks that only root could replace a directory above the target, like `StrictModes` of sshd.
    fn refuse_what_others_could_move(&self) -> Result<()> {
        for above in self.directory.ancestors().skip(1) {
            if let Some(why) = writers(above, Sticky::IsEnough)? {
                fail!(
                    what(
                        "{} {why}: what is below it could be replaced by a link",
                        above.display()
                    ),
                    hint(
                        "name a directory below directories that only \
                     root can write to, such as one in /root"
                    )
                );
            }
        }
        Ok(())
    }

    /// Makes the directory for root only, whatever the modes of the restored files: root decides who can read
    /// them. A file belongs to user restic until it gets its owner, and user restic must not read it
    /// meanwhile. A directory that is not empty keeps its mode: [`Privacy`] shows whether others can read it.
    ///
    /// # Errors
    /// When it cannot be made, or is now in the repository.
    pub(crate) fn make(&self) -> Result<(&Path, Privacy)> {
        let privacy = apply::private_directory(&self.directory)?;
        let made = self
            .directory
            .canonicalize()
            .context("the target was removed meanwhile")?;
        self.refuse_the_repository(&made)?;
        Ok((&self.directory, privacy))
    }

    fn refuse_the_repository(&self, directory: &Path) -> Result<()> {
        if directory.starts_with(&self.repository) {
            fail!(
                what("{} is in the repository", directory.display()),
                hint("name another directory with `--to`")
            );
        }
        Ok(())
    }
}

/// Whether the sticky bit is enough to protect root's files in a directory that others can write to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sticky {
    IsEnough,
    IsNotEnough,
}

/// Why others than root can change the content of a directory; `None` if they cannot, or it does not exist.
fn writers(directory: &Path, sticky: Sticky) -> Result<Option<String>> {
    let about = match fs::metadata(directory) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        about => about.with_context(|| format!("cannot read the owner of {}", directory.display()))?,
    };
    let owner = Uid::from_raw(about.uid());
    let mode = about.mode();
    Ok(if owner != Uid::effective() {
        Some(format!("belongs to user {owner}"))
    } else if mode & 0o022 != 0 && (sticky == Sticky::IsNotEnough || mode & 0o1000 == 0) {
        Some(format!(
            "has mode {:04o}, so others can write to it",
            mode & 0o7777
        ))
    } else {
        None
    })
}

/// A path with all links resolved. Its last parts may be missing.
fn without_links(path: &Path) -> PathBuf {
    path.components().fold(PathBuf::new(), |mut real, part| {
        if part == Component::ParentDir {
            real.pop();
            return real;
        }
        real.push(part);
        real.canonicalize().unwrap_or(real)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_followed_as_far_as_it_is_there() {
        for (path, real) in [
            ("/proc/self/../uptime", "/proc/uptime"),
            ("/dev/fd/..", "/proc"),
            ("/not there/../etc/./new/directory", "/etc/new/directory"),
            ("/../..", "/"),
        ] {
            let followed = without_links(path.as_ref());
            let own = format!("/proc/{}", std::process::id());
            let followed = followed.to_string_lossy().replace(&own, "/proc");
            assert_eq!(followed, real, "{path}");
        }
    }
}
