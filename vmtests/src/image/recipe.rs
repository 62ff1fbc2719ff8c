//! How an image is made. One recipe for all releases: what differs is what a package is in each of them.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use sha2::{Digest, Sha256};

use crate::apt;
use crate::process::{command, output_of};
use crate::release::Release;

/// What an image consists of; without the first it is none, and the others are made when they are first needed.
pub(super) const TREE: &str = "tree";
pub(super) const DISK: &str = "disk.raw";
pub(super) const KERNEL: &str = "kernel";
pub(super) const INITIAL_FILE_SYSTEM: &str = "initial-file-system";

const PACKAGES: &str = include_str!("../../image/packages");
/// What Debian testing does not have at times, while a new version of it waits in unstable. No story needs it there.
const MISSING_IN_TESTING: [&str; 1] = ["rclone"];
/// Files that `image/finish` puts into the tree, and itself.
const FILES: [(&str, &str); 3] = [
    ("finish", include_str!("../../image/finish")),
    ("agent", include_str!("../../image/agent")),
    ("agent.service", include_str!("../../image/agent.service")),
];
/// A mirror of Debian testing may be older than its own index allows.
const OF_TESTING: [&str; 1] = ["--aptopt=Acquire::Check-Valid-Until \"false\""];
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

/// A name for the recipe: changes with each byte that decides what the image holds, but for the mirror's packages.
pub(super) fn hash(release: Release) -> String {
    let mut hash = Sha256::new();
    let packages = packages(release).join("\n") + "\n";
    let parts = [release.codename(), TREE, &packages]
        .into_iter()
        .chain(MMDEBSTRAP)
        .chain(OF_TESTING)
        .chain(MKE2FS);
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

/// The packages of an image.
fn packages(release: Release) -> Vec<&'static str> {
    let is_missing = |package: &&str| release.moves() && MISSING_IN_TESTING.contains(package);
    PACKAGES.lines().filter(|package| !is_missing(package)).collect()
}

/// Builds into a temporary directory next to `directory`, and renames: the directory is whole or absent.
pub(super) fn build_tree(release: Release, directory: &Path) -> anyhow::Result<()> {
    let parent = directory.parent().context("the cache directory has no parent")?;
    let work = tempfile::Builder::new()
        .prefix("building-image-")
        .tempdir_in(parent)?;
    let (recipe, result) = (work.path().join("recipe"), work.path().join("result"));
    let tree = result.join(TREE);
    fs::create_dir(&recipe)?;
    fs::create_dir(&result)?;
    for (name, text) in FILES {
        let path = recipe.join(name);
        fs::write(&path, text)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
    }

    if output_of(command("id").arg("-u"))?.trim() != "0" {
        bail!(
            "it takes root: the files on the disk belong to root\n\nhint: run the stories as root, or once, to fill the cache"
        );
    }
    let include = packages(release).join(",");
    let finish = recipe.join("finish");
    output_of(
        command("mmdebstrap")
            .args(MMDEBSTRAP)
            .args(OF_TESTING.iter().filter(|_| release.moves()))
            .arg(format!("--include={include}"))
            .arg(format!(
                "--customize-hook='{}' \"$1\" '{}'",
                finish.display(),
                recipe.display()
            ))
            .arg(release.codename())
            .arg(&tree)
            .arg(apt::mirror()?),
    )?;

    fs::rename(&result, directory)?;
    Ok(())
}

/// Makes the disk, the kernel and the initial file system of the tree in `directory`. The disk is there last.
pub(super) fn build_disk(directory: &Path) -> anyhow::Result<()> {
    let (tree, disk) = (directory.join(TREE), directory.join("disk.new"));
    fs::copy(only_file(&tree.join("boot"), "vmlinuz-")?, directory.join(KERNEL))?;
    fs::copy(
        only_file(&tree.join("boot"), "initrd.img-")?,
        directory.join(INITIAL_FILE_SYSTEM),
    )?;
    File::create(&disk)?.set_len(DISK_BYTES)?;
    output_of(command("mke2fs").args(MKE2FS).arg("-d").arg(&tree).arg(&disk))?;
    fs::rename(disk, directory.join(DISK))?;
    Ok(())
}

fn only_file(directory: &Path, prefix: &str) -> anyhow::Result<PathBuf> {
    let paths = fs::read_dir(directory)?
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
            directory.display()
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
    fn packages_that_testing_lacks_are_in_the_list() {
        for package in MISSING_IN_TESTING {
            assert!(PACKAGES.lines().any(|line| line == package), "{package}");
        }
    }

    #[test]
    fn each_release_has_its_own_recipe() {
        let hashes = Release::ALL.map(hash);
        assert_eq!(
            std::collections::BTreeSet::from(hashes.clone()).len(),
            hashes.len()
        );
        for hash in hashes {
            assert!(hash.len() == 16 && hash.chars().all(|letter| letter.is_ascii_hexdigit()));
        }
    }
}
