//! The guest's disk, kernel and initial file system: Debian 13, built once for each recipe.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use sha2::{Digest, Sha256};

use crate::process::{command, output_of};
use crate::{apt, cache};

const SUITE: &str = "trixie";
const PACKAGES: &str = include_str!("../image/packages");
/// Files that `image/finish` puts into the tree, and itself.
const FILES: [(&str, &str); 3] = [
    ("finish", include_str!("../image/finish")),
    ("agent", include_str!("../image/agent")),
    ("agent.service", include_str!("../image/agent.service")),
];
/// Size of the disk as the guest sees it; on this machine it takes up only what is written.
const DISK_BYTES: u64 = 4 << 30;
const MMDEBSTRAP: [&str; 6] = [
    "--quiet",
    "--variant=minbase",
    "--aptopt=APT::Install-Recommends \"false\"",
    "--dpkgopt=path-exclude=/usr/share/man/*",
    "--dpkgopt=path-exclude=/usr/share/doc/*",
    "--dpkgopt=path-exclude=/usr/share/locale/*",
];
const MKE2FS: [&str; 7] = ["-q", "-t", "ext4", "-L", "root", "-E", "lazy_itable_init=0"];

/// What a guest boots from. Never changed once made: guests write to overlays.
#[derive(Debug, Clone)]
pub struct Image {
    folder: PathBuf,
}

impl Image {
    /// The root file system, raw.
    #[must_use]
    pub fn disk(&self) -> PathBuf {
        self.folder.join("disk.raw")
    }

    /// The kernel, for QEMU's `-kernel`.
    #[must_use]
    pub fn kernel(&self) -> PathBuf {
        self.folder.join("kernel")
    }

    /// The initial file system, for QEMU's `-initrd`.
    #[must_use]
    pub fn initial_file_system(&self) -> PathBuf {
        self.folder.join("initial-file-system")
    }
}

/// The image of the present recipe, from the cache or built now (some 40 s).
///
/// # Errors
/// When it has to be built and that fails, for one because it takes root.
pub fn image() -> anyhow::Result<Image> {
    let folder = cache::folder()?.join(format!("image-{}", recipe_hash()));
    let image = Image { folder };
    if image.folder.is_dir() {
        return Ok(image);
    }
    let held = cache::hold("image.lock")?;
    // Another process may have built it while this one waited.
    if !image.folder.is_dir() {
        build(&image.folder).context("cannot build the guest's image")?;
    }
    drop(held);
    Ok(image)
}

/// A name for the recipe: changes with each byte that decides what the image holds, but for the mirror's packages.
fn recipe_hash() -> String {
    let mut hash = Sha256::new();
    let parts = [SUITE, PACKAGES].into_iter().chain(MMDEBSTRAP).chain(MKE2FS);
    for part in parts.chain(FILES.into_iter().flat_map(|(name, text)| [name, text])) {
        hash.update(part.len().to_le_bytes());
        hash.update(part);
    }
    hash.update(DISK_BYTES.to_le_bytes());
    let digest = hash.finalize();
    digest
        .iter()
        .take(8)
        .fold(String::new(), |name, byte| format!("{name}{byte:02x}"))
}

/// Builds into a temporary folder beside `folder`, and renames: the folder is whole or absent.
fn build(folder: &Path) -> anyhow::Result<()> {
    let parent = folder.parent().context("the cache folder has no parent")?;
    let work = tempfile::Builder::new()
        .prefix("building-image-")
        .tempdir_in(parent)?;
    let (tree, recipe, result) = (
        work.path().join("tree"),
        work.path().join("recipe"),
        work.path().join("result"),
    );
    fs::create_dir(&recipe)?;
    fs::create_dir(&result)?;
    for (name, text) in FILES {
        let path = recipe.join(name);
        fs::write(&path, text)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
    }

    if output_of(command("id").arg("-u"))?.trim() != "0" {
        bail!(
            "it takes root: the files on the disk belong to root\n\nhint: run the VM tests as root, or once, to fill the cache"
        );
    }
    let include = PACKAGES.lines().collect::<Vec<_>>().join(",");
    let finish = recipe.join("finish");
    output_of(
        command("mmdebstrap")
            .args(MMDEBSTRAP)
            .arg(format!("--include={include}"))
            .arg(format!(
                "--customize-hook='{}' \"$1\" '{}'",
                finish.display(),
                recipe.display()
            ))
            .arg(SUITE)
            .arg(&tree)
            .arg(apt::mirror()?),
    )?;

    let image = Image {
        folder: result.clone(),
    };
    File::create(image.disk())?.set_len(DISK_BYTES)?;
    output_of(
        command("mke2fs")
            .args(MKE2FS)
            .arg("-d")
            .arg(&tree)
            .arg(image.disk()),
    )?;
    fs::copy(only_file(&tree.join("boot"), "vmlinuz-")?, image.kernel())?;
    fs::copy(
        only_file(&tree.join("boot"), "initrd.img-")?,
        image.initial_file_system(),
    )?;
    fs::rename(&result, folder)?;
    Ok(())
}

fn only_file(folder: &Path, prefix: &str) -> anyhow::Result<PathBuf> {
    let paths = fs::read_dir(folder)?
        .map(|entry| Ok(entry?.path()))
        .collect::<std::io::Result<Vec<_>>>()?;
    let starts = |path: &&PathBuf| {
        path.file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with(prefix))
    };
    match paths.iter().filter(starts).collect::<Vec<_>>().as_slice() {
        [path] => Ok(PathBuf::clone(path)),
        found => bail!(
            "{} files `{prefix}*` in `{}`, expected one",
            found.len(),
            folder.display()
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_package_list_is_sorted_and_has_no_doubles() {
        let packages = PACKAGES.lines().collect::<Vec<_>>();
        let mut sorted = packages.clone();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(packages, sorted);
    }

    #[test]
    fn the_recipe_names_a_folder() {
        assert!(recipe_hash().len() == 16 && recipe_hash().chars().all(|letter| letter.is_ascii_hexdigit()));
    }
}
