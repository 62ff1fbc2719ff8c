//! The mounts in `/proc/self/mounts` (proc(5), fstab(5)).

/// One mount.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mount {
    /// The device or the name of the file system.
    pub source: String,
    /// Where it is mounted.
    pub target: String,
    /// The file system's type.
    pub kind: String,
    /// Whether it is mounted read-only.
    pub is_read_only: bool,
}

/// File systems that do not record owners, are read-only images, or mount other file systems on demand.
const NO_REPOSITORY: [&str; 9] = [
    "autofs", "exfat", "fuseblk", "iso9660", "msdos", "ntfs3", "squashfs", "udf", "vfat",
];
/// Directories that belong to the system or to a container manager, or that our sandbox hides.
const NOT_FOR_DATA: [&str; 16] = [
    "/boot",
    "/dev",
    "/efi",
    "/etc",
    "/home",
    "/nix",
    "/proc",
    "/root",
    "/run",
    "/snap",
    "/sys",
    "/tmp",
    "/usr",
    "/var/lib/containers",
    "/var/lib/docker",
    "/var/tmp",
];

impl Mount {
    /// True if it may hold a repository: a writable file system of a disk, which is still there after the next boot.
    /// The mount point may still be a file: the list does not show that.
    #[must_use]
    pub(crate) fn is_of_a_disk(&self) -> bool {
        let is_of_a_device = self.source.starts_with("/dev/") && !self.source.starts_with("/dev/loop");
        let is_a_dataset = matches!(self.kind.as_str(), "zfs" | "bcachefs");
        let is_the_system_s = NOT_FOR_DATA.iter().any(|place| {
            let rest = self.target.strip_prefix(place);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        });
        let holds_files = !NO_REPOSITORY.contains(&self.kind.as_str());
        holds_files && !self.is_read_only && (is_of_a_device || is_a_dataset) && !is_the_system_s
    }
}

/// The mounts of such a list, in its order. Of two mounts at one mount point, only the later one, which hides the
/// other.
#[must_use]
pub(crate) fn parse(list: &str) -> Vec<Mount> {
    let mut mounts: Vec<Mount> = Vec::new();
    for line in list.lines() {
        let mut words = line.split(' ').map(unescaped);
        let (Some(source), Some(target), Some(kind)) = (words.next(), words.next(), words.next()) else {
            continue;
        };
        let is_read_only = words
            .next()
            .is_some_and(|options| options.split(',').any(|option| option == "ro"));
        mounts.retain(|mount| mount.target != target);
        mounts.push(Mount {
            source,
            target,
            kind,
            is_read_only,
        });
    }
    mounts
}

/// The mount that holds a path.
#[must_use]
pub(crate) fn below<'m>(mounts: &'m [Mount], path: &str) -> Option<&'m Mount> {
    let holds = |mount: &&Mount| {
        let rest = path.strip_prefix(mount.target.trim_end_matches('/'));
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    mounts.iter().filter(holds).max_by_key(|mount| mount.target.len())
}

/// A word with octal escapes such as `\040` decoded.
fn unescaped(word: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = word.as_bytes();
    while let [first, tail @ ..] = rest {
        let code = tail.get(..3).filter(|_| *first == b'\\');
        let code = code.and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 8).ok());
        bytes.push(code.unwrap_or(*first));
        rest = match code {
            Some(_) => tail.get(3..).unwrap_or_default(),
            None => tail,
        };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str = "sysfs /sys sysfs rw 0 0\n/dev/vda1 / ext4 rw 0 0\n/dev/vda15 /boot/efi vfat rw 0 0\n\
                        /dev/sda1 /mnt/my\\040disk ext4 rw 0 0\n/dev/sdb1 /mnt/storage ext4 rw 0 0\n\
                        tank/backup /tank/backup zfs rw 0 0\ntmpfs /mnt/storage tmpfs rw 0 0\nodd\n\
                        /dev/vda1 /run/host/os-release ext4 rw 0 0\n/dev/vda1 /etc/hosts ext4 rw 0 0\n\
                        /dev/sdc1 /mnt/archive ext4 nosuid,ro,relatime 0 0\n/dev/sdd1 /media/stick vfat rw 0 0\n\
                        /dev/sde1 /home ext4 rw 0 0\n/dev/sdf1 /homes ext4 rw 0 0\n";

    #[test]
    fn disks_are_those_that_can_hold_a_repository() {
        let mounts = parse(LIST);
        let disks: Vec<_> = mounts.iter().filter(|mount| mount.is_of_a_disk()).collect();
        let targets: Vec<_> = disks.iter().map(|mount| mount.target.as_str()).collect();
        assert_eq!(targets, ["/", "/mnt/my disk", "/tank/backup", "/homes"]);
    }

    #[test]
    fn a_path_lies_on_the_innermost_mount() {
        let mounts = parse(LIST);
        for (path, target) in [
            ("/mnt/my disk/restic", "/mnt/my disk"),
            ("/mnt/my disks", "/"),
            ("/mnt/storage", "/mnt/storage"),
            ("/", "/"),
        ] {
            assert_eq!(below(&mounts, path).unwrap().target, target, "{path}");
        }
        assert_eq!(below(&mounts, "/mnt/storage").unwrap().kind, "tmpfs");
    }
}
