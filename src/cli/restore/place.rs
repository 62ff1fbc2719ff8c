//! The folder that files come back to: none of the repository's, and root's alone while they come.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

use anyhow::{Context, Result, bail};
use nix::unistd::Uid;

use crate::cli::terminal;
use crate::model::Repository;
use crate::write::{self, Privacy};

/// Where files come back to.
pub(super) struct Place {
    /// Absolute, and without a link.
    folder: PathBuf,
    /// That of the repository, without a link.
    repository: PathBuf,
}

impl Place {
    /// The folder of that name, which need not be there yet.
    ///
    /// # Errors
    /// When it is in the repository.
    pub(super) fn of(folder: &Path, repository: &Repository) -> Result<Self> {
        let folder = std::path::absolute(folder).context("can't tell where the folder is")?;
        let place = Self {
            folder: without_links(&folder),
            repository: without_links(repository.path.as_str().as_ref()),
        };
        place.refuse_the_repository(&place.folder)?;
        Ok(place)
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// That the folder is not there, or has nothing in it, unless it may; and is of who asks.
    ///
    /// # Errors
    /// When it is otherwise.
    pub(super) fn refuse_what_is_there(&self, overwrite: bool) -> Result<()> {
        let shown = self.folder.display();
        self.refuse_what_others_could_move()?;
        let entries = match fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error).with_context(|| format!("can't restore to {shown}")),
        };
        let owner = Uid::from_raw(fs::metadata(&self.folder)?.uid());
        if owner != Uid::effective() {
            bail!(
                "{shown} is of the user {owner}, who could put links in the way of what comes back\n\nhint: name a folder of root's, or one that is not there yet"
            );
        }
        if let Some(why) = writers(&self.folder, Sticky::IsNotEnough)?
            && overwrite
        {
            bail!(
                "{shown} {why}, who could put links in the way of what comes back\n\nhint: name a directory that is not there yet"
            );
        }
        if entries.take(1).count() > 0 && !overwrite {
            bail!(
                "there is something in {shown}, and nothing is overwritten\n\nhint: name a folder that is not there yet, or say `--overwrite`"
            );
        }
        Ok(())
    }

    /// That nobody but root could put another directory in the place of one above it, as sshd's `StrictModes` demands.
    fn refuse_what_others_could_move(&self) -> Result<()> {
        for above in self.folder.ancestors().skip(1) {
            if let Some(why) = writers(above, Sticky::IsEnough)? {
                bail!(
                    "{} {why}, who could put a link in the place of what is below it\n\nhint: name a directory below others that \
                     only root may write to, such as one in /root",
                    above.display()
                );
            }
        }
        Ok(())
    }

    /// Makes it, for root alone, whatever the modes of what comes back: who may look at it is for root to say. Until a
    /// file has its owner it is user restic's, who would otherwise read it.
    ///
    /// # Errors
    /// When it can't be made, or has become a part of the repository.
    pub(super) fn make(&self) -> Result<&Path> {
        let privacy = write::private_folder(&self.folder)?;
        let made = self.folder.canonicalize().context("the folder is gone again")?;
        self.refuse_the_repository(&made)?;
        if privacy == Privacy::OthersMayLook {
            terminal::complain(format_args!(
                "note: others may look into {}, which has something in it and keeps its mode; what comes back has its own in the end",
                terminal::harmless(&self.folder.to_string_lossy())
            ));
        }
        Ok(&self.folder)
    }

    fn refuse_the_repository(&self, folder: &Path) -> Result<()> {
        if folder.starts_with(&self.repository) {
            bail!(
                "{} is in the repository\n\nhint: name another folder with `--to`",
                folder.display()
            );
        }
        Ok(())
    }
}

/// Whether the sticky bit keeps others than root from what root has in a directory.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sticky {
    IsEnough,
    IsNotEnough,
}

/// Who but root may change what is in a directory; nothing where nobody may, or it is not there.
fn writers(directory: &Path, sticky: Sticky) -> Result<Option<String>> {
    let about = match fs::metadata(directory) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        about => about.with_context(|| format!("can't tell whose {} is", directory.display()))?,
    };
    let owner = Uid::from_raw(about.uid());
    let mode = about.mode();
    Ok(if owner != Uid::effective() {
        Some(format!("belongs to the user {owner}"))
    } else if mode & 0o022 != 0 && (sticky == Sticky::IsNotEnough || mode & 0o1000 == 0) {
        Some(format!(
            "has the mode {:04o} and may be written to by others",
            mode & 0o7777
        ))
    } else {
        None
    })
}

/// A path as it leads on without a link, also where its last parts are not there yet.
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
            ("/not there/../etc/./new/folder", "/etc/new/folder"),
            ("/../..", "/"),
        ] {
            let followed = without_links(path.as_ref());
            let own = format!("/proc/{}", std::process::id());
            let followed = followed.to_string_lossy().replace(&own, "/proc");
            assert_eq!(followed, real, "{path}");
        }
    }
}
