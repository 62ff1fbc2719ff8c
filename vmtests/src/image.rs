//! What machines boot from: one image for each Debian release, built once for each recipe. Containers take its tree;
//! virtual machines a disk of it, its kernel and its initial file system.

mod recipe;

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::cache;
use crate::lab::Kind;
use crate::progress::timed;
use crate::release::Release;
use crate::side_by_side::side_by_side;

const PREFIX: &str = "image-";

/// What a machine boots from. Never changed once made: machines write to overlays.
#[derive(Debug)]
pub struct Image {
    release: Release,
    directory: PathBuf,
    /// The directory, locked: others do not remove it while this value lives.
    _in_use: File,
}

impl Image {
    /// The root file system as a directory, for containers.
    #[must_use]
    pub fn tree(&self) -> PathBuf {
        self.directory.join(recipe::TREE)
    }

    /// The root file system, raw, for virtual machines; as the three that follow.
    #[must_use]
    pub fn disk(&self) -> PathBuf {
        self.directory.join(recipe::DISK)
    }

    /// The kernel, for QEMU's `-kernel`.
    #[must_use]
    pub fn kernel(&self) -> PathBuf {
        self.directory.join(recipe::KERNEL)
    }

    /// The initial file system, for QEMU's `-initrd`.
    #[must_use]
    pub fn initial_file_system(&self) -> PathBuf {
        self.directory.join(recipe::INITIAL_FILE_SYSTEM)
    }
}

/// Images of releases. They stay in the cache at least as long as the value lives.
#[derive(Debug)]
pub struct Images(Vec<Image>);

impl Images {
    /// The images of the present recipe for machines of these releases and this kind, from the cache or built now, side
    /// by side (some 80 s).
    ///
    /// # Errors
    /// When one has to be built and that fails, for one because it takes root.
    pub fn ready(releases: &[Release], kind: Kind) -> anyhow::Result<Self> {
        let cache = cache::directory()?;
        // Until all are marked as in use: another process may build them, or remove others, at this moment.
        let held = cache::hold("image.lock")?;
        let images = side_by_side(releases.to_vec(), |release| {
            image(release, kind, &cache).with_context(|| format!("cannot build the image of {release}"))
        })?;
        let present = Release::ALL.map(|release| directory_of(release, &cache));
        remove_unused(&cache, &present)?;
        drop(held);
        Ok(Self(images))
    }

    /// The releases that these are of.
    #[must_use]
    pub fn releases(&self) -> Vec<Release> {
        self.0.iter().map(|image| image.release).collect()
    }

    /// The image of a release, which was asked for when these were made.
    ///
    /// # Errors
    /// When it was not.
    pub fn of(&self, release: Release) -> anyhow::Result<&Image> {
        let mut images = self.0.iter();
        images
            .find(|image| image.release == release)
            .with_context(|| format!("the lab was not asked for {release}"))
    }
}

fn directory_of(release: Release, cache: &Path) -> PathBuf {
    cache.join(format!(
        "{PREFIX}{}-{}",
        release.codename(),
        recipe::hash(release)
    ))
}

fn image(release: Release, kind: Kind, cache: &Path) -> anyhow::Result<Image> {
    let directory = directory_of(release, cache);
    if !directory.is_dir() {
        timed(&format!("tree of {release}"), || {
            recipe::build_tree(release, &directory)
        })?;
    }
    if kind == Kind::Virtual && !directory.join(recipe::DISK).exists() {
        timed(&format!("disk of {release}"), || recipe::build_disk(&directory))?;
    }
    let in_use = File::open(&directory)?;
    in_use.lock_shared()?;
    Ok(Image {
        release,
        directory,
        _in_use: in_use,
    })
}

/// Removes the images of recipes that are no more, up to 500 MB each, unless a process has guests that run from them.
fn remove_unused(cache: &Path, wanted: &[PathBuf]) -> anyhow::Result<()> {
    for entry in fs::read_dir(cache)? {
        let path = entry?.path();
        if !cache::is_named(&path, PREFIX) || wanted.contains(&path) {
            continue;
        }
        match File::open(&path)?.try_lock() {
            Ok(()) => fs::remove_dir_all(&path)
                .with_context(|| format!("cannot remove the old image `{}`", path.display()))?,
            Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Error(error)) => return Err(error.into()),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::deadline::poll;

    #[test]
    fn images_of_old_recipes_go_and_those_in_use_stay() {
        let cache = tempfile::tempdir().unwrap();
        let directory = |name: &str| {
            let directory = cache.path().join(name);
            fs::create_dir(&directory).unwrap();
            directory
        };
        let (wanted, used) = (directory("image-trixie-1"), directory("image-trixie-2"));
        let (old, run) = (directory("image-3"), directory("run-4"));
        let in_use = File::open(&used).unwrap();
        in_use.lock_shared().unwrap();

        let wanted = [wanted];
        remove_unused(cache.path(), &wanted).unwrap();
        assert!(wanted[0].is_dir() && used.is_dir() && run.is_dir());
        assert!(!old.exists());

        drop(in_use);
        // Another test may be starting a program: until that runs, it has a copy of each open file of this one, locks
        // included.
        let gone = poll(Duration::from_secs(30), || {
            remove_unused(cache.path(), &wanted)?;
            Ok((!used.exists()).then_some(()))
        });
        assert_eq!(gone.unwrap(), Some(()));
        assert!(wanted[0].is_dir() && run.is_dir());
    }
}
