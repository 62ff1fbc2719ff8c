//! The guests' disks, kernels and initial file systems: one image for each Debian release, built once for each recipe.

mod recipe;

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::cache;
use crate::progress::timed;
use crate::release::Release;
use crate::side_by_side::side_by_side;

const PREFIX: &str = "image-";

/// What a guest boots from. Never changed once made: guests write to overlays.
#[derive(Debug)]
pub struct Image {
    folder: PathBuf,
    /// The folder, locked: others do not remove it while this value lives.
    _in_use: File,
}

impl Image {
    /// The root file system, raw.
    #[must_use]
    pub fn disk(&self) -> PathBuf {
        self.folder.join(recipe::DISK)
    }

    /// The kernel, for QEMU's `-kernel`.
    #[must_use]
    pub fn kernel(&self) -> PathBuf {
        self.folder.join(recipe::KERNEL)
    }

    /// The initial file system, for QEMU's `-initrd`.
    #[must_use]
    pub fn initial_file_system(&self) -> PathBuf {
        self.folder.join(recipe::INITIAL_FILE_SYSTEM)
    }
}

/// An image of each release. They stay in the cache at least as long as the value lives.
#[derive(Debug)]
pub struct Images {
    bookworm: Image,
    trixie: Image,
}

impl Images {
    /// The images of the present recipe, from the cache or built now, side by side (some 80 s).
    ///
    /// # Errors
    /// When one has to be built and that fails, for one because it takes root.
    pub fn ready() -> anyhow::Result<Self> {
        let cache = cache::folder()?;
        // Until both are marked as in use: another process may build them, or remove others, at this moment.
        let held = cache::hold("image.lock")?;
        let [bookworm, trixie] = side_by_side(Release::ALL, |release| {
            image(release, &cache).with_context(|| format!("cannot build the image of {release}"))
        })?;
        remove_unused(&cache, &[&bookworm.folder, &trixie.folder])?;
        drop(held);
        Ok(Self { bookworm, trixie })
    }

    /// The image of a release.
    #[must_use]
    pub fn of(&self, release: Release) -> &Image {
        match release {
            Release::Bookworm => &self.bookworm,
            Release::Trixie => &self.trixie,
        }
    }
}

fn image(release: Release, cache: &Path) -> anyhow::Result<Image> {
    let folder = cache.join(format!(
        "{PREFIX}{}-{}",
        release.codename(),
        recipe::hash(release)
    ));
    if !folder.is_dir() {
        timed(&format!("image of {release}"), || recipe::build(release, &folder))?;
    }
    let in_use = File::open(&folder)?;
    in_use.lock_shared()?;
    Ok(Image {
        folder,
        _in_use: in_use,
    })
}

/// Removes the images of recipes that are no more, up to 500 MB each, unless a process has guests that run from them.
fn remove_unused(cache: &Path, wanted: &[&Path]) -> anyhow::Result<()> {
    for entry in fs::read_dir(cache)? {
        let path = entry?.path();
        if !cache::is_named(&path, PREFIX) || wanted.contains(&path.as_path()) {
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
    use super::*;

    #[test]
    fn images_of_old_recipes_go_and_those_in_use_stay() {
        let cache = tempfile::tempdir().unwrap();
        let folder = |name: &str| {
            let folder = cache.path().join(name);
            fs::create_dir(&folder).unwrap();
            folder
        };
        let (wanted, used) = (folder("image-trixie-1"), folder("image-trixie-2"));
        let (old, run) = (folder("image-3"), folder("run-4"));
        let in_use = File::open(&used).unwrap();
        in_use.lock_shared().unwrap();

        remove_unused(cache.path(), &[&wanted]).unwrap();
        assert!(wanted.is_dir() && used.is_dir() && run.is_dir());
        assert!(!old.exists());

        drop(in_use);
        remove_unused(cache.path(), &[&wanted]).unwrap();
        assert!(wanted.is_dir() && run.is_dir());
        assert!(!used.exists());
    }
}
