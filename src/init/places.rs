//! Proposals from this machine: places for a repository, and directories worth a backup.

use std::path::Path;

use nix::sys::statvfs::{FsFlags, statvfs};

use crate::model::{AbsolutePath, UnitPath};
use crate::system::mounts::{self, Mount};

/// The proposed repository on the root file system.
pub(crate) const ON_ROOT: &str = "/srv/backup/restic";
/// Directories that are proposed for a backup. Not /var/lib: a copy of the files of a running database is not usable.
const WORTH_KEEPING: [&str; 6] = ["/etc", "/home", "/root", "/srv", "/var/mail", "/var/www"];
/// Exists on every ext4 file system.
const NO_CONTENT: &str = "lost+found";

/// The mounts of this machine.
pub(crate) fn mounted() -> Vec<Mount> {
    mounts::parse(&std::fs::read_to_string("/proc/self/mounts").unwrap_or_default())
}

/// Directories for a repository, the one with the most free space first.
pub(crate) fn for_a_repository(mounts: &[Mount]) -> Vec<String> {
    by_free_space(mounts, free_space)
}

/// The bytes that users may still write below a mount point; `None` if no directory can be made there.
fn free_space(mount_point: &str) -> Option<u64> {
    if !Path::new(mount_point).is_dir() {
        return None;
    }
    let found = statvfs(mount_point).ok()?;
    let is_writable = !found.flags().contains(FsFlags::ST_RDONLY);
    is_writable.then(|| found.blocks_available().saturating_mul(found.fragment_size()))
}

fn by_free_space(mounts: &[Mount], free_space: impl Fn(&str) -> Option<u64>) -> Vec<String> {
    // The type of the root file system may be unusual, as in a container.
    let is_candidate = |mount: &&Mount| mount.target == "/" || mount.is_of_a_disk();
    let can_be_written_down = |mount: &&Mount| {
        UnitPath::try_from(mount.target.clone()).is_ok()
            && !mount.target.contains([',', '(', ')', '"', '\\', ' '])
    };
    let mut places: Vec<(u64, String)> = mounts
        .iter()
        .filter(is_candidate)
        .filter(can_be_written_down)
        .filter_map(|mount| {
            let path = match mount.target.as_str() {
                "/" => ON_ROOT.to_owned(),
                target => format!("{target}/restic"),
            };
            // If another file system is mounted on or above that directory, the directory belongs to it.
            let is_its_own = mounts::below(mounts, &path).is_some_and(|found| found.target == mount.target);
            Some((free_space(&mount.target)?, path)).filter(|_| is_its_own)
        })
        .collect();
    // The sort is stable: of equal ones, the first mount stays first.
    places.sort_by_key(|(free, _)| std::cmp::Reverse(*free));
    places.into_iter().map(|(_, path)| path).collect()
}

/// The directories of this machine that contain something other than the repository.
pub(crate) fn worth_keeping(repository: &UnitPath) -> Vec<AbsolutePath> {
    worth_keeping_below(Path::new("/"), repository)
}

fn worth_keeping_below(root: &Path, repository: &UnitPath) -> Vec<AbsolutePath> {
    let directories = WORTH_KEEPING
        .iter()
        .filter(|directory| holds_something(root, directory, repository));
    directories
        .filter_map(|directory| AbsolutePath::try_from((*directory).to_owned()).ok())
        .collect()
}

fn holds_something(root: &Path, directory: &str, repository: &UnitPath) -> bool {
    if repository.contains(directory) {
        return false;
    }
    let found = root.join(directory.trim_start_matches('/'));
    // restic saves a symbolic link as a link.
    let is_directory = found.symlink_metadata().is_ok_and(|found| found.is_dir());
    let entries = std::fs::read_dir(&found).into_iter().flatten().flatten();
    let mut names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    is_directory
        && names.any(|name| name != NO_CONTENT && !leads_to(repository, &format!("{directory}/{name}")))
}

/// True for the repository and for each directory above it.
fn leads_to(repository: &UnitPath, path: &str) -> bool {
    let rest = repository.as_str().strip_prefix(path);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
#[expect(
    clippy::disallowed_methods,
    reason = "the directories of a machine are made for the test"
)]
mod tests {
    use super::*;

    fn path(text: &str) -> UnitPath {
        UnitPath::try_from(text.to_owned()).unwrap()
    }

    #[test]
    fn most_free_space_comes_first() {
        let mounts = mounts::parse(
            "overlay / overlay rw 0 0\n/dev/sda1 /mnt/small ext4 rw 0 0\n/dev/sdb1 /mnt/large ext4 rw 0 0\n\
             /dev/sdc1 /run/host/os-release ext4 rw 0 0\n/dev/sdd1 /mnt/file ext4 rw 0 0\n\
             /dev/sde1 /mnt/my\\040disk ext4 rw 0 0\ntmpfs /mnt/ram tmpfs rw 0 0\n",
        );
        let free = |target: &str| match target {
            "/" => Some(20),
            "/mnt/small" => Some(10),
            "/mnt/large" => Some(30),
            "/mnt/file" => None,
            _ => Some(99),
        };
        assert_eq!(
            by_free_space(&mounts, free),
            ["/mnt/large/restic", "/srv/backup/restic", "/mnt/small/restic"]
        );
    }

    #[test]
    fn root_is_no_place_below_another_mount() {
        let mounts = mounts::parse("/dev/sda1 / ext4 rw 0 0\n/dev/sdb1 /srv ext4 rw 0 0\n");
        assert_eq!(by_free_space(&mounts, |_| Some(1)), ["/srv/restic"]);
    }

    #[test]
    fn a_file_is_no_place_for_a_repository() {
        let file = tempfile::NamedTempFile::new().unwrap();
        assert_eq!(free_space(file.path().to_str().unwrap()), None);
        assert!(free_space("/").is_some());
    }

    #[test]
    fn only_directories_that_hold_something_are_proposed() {
        let root = tempfile::tempdir().unwrap();
        for directory in [
            "etc/ssh",
            "home",
            "root",
            "srv/backup/restic",
            "var/www/html",
            "data",
        ] {
            std::fs::create_dir_all(root.path().join(directory)).unwrap();
        }
        std::fs::create_dir(root.path().join("root/lost+found")).unwrap();
        std::os::unix::fs::symlink("/data", root.path().join("var/mail")).unwrap();
        let found = worth_keeping_below(root.path(), &path("/srv/backup/restic"));
        let found: Vec<_> = found.iter().map(AbsolutePath::as_str).collect();
        assert_eq!(found, ["/etc", "/var/www"]);
        // Now there is something else than the repository.
        std::fs::create_dir(root.path().join("srv/data")).unwrap();
        let found = worth_keeping_below(root.path(), &path("/srv/backup/restic"));
        assert!(found.iter().any(|path| path.as_str() == "/srv"), "{found:?}");
    }
}
