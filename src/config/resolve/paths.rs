//! Paths that are well-formed and still wrong: hidden by the sandbox, inside each other, in a public place.

mod include;

use crate::config::file::Spanned;

use crate::model::UnitPath;

use super::fields::Fields;

pub(super) use include::check_include;

/// The bytes that a unit's name may have: 255 (systemd's `UNIT_NAME_MAX`), of which [`crate::apply`] needs
/// some for the staged text next to it.
const LONGEST_UNIT_NAME: usize = 240;

/// What the unit that reads files does not see, and the setting of systemd.exec(5) that hides it.
pub(super) const HIDDEN: [(&str, &str); 6] = [
    ("/tmp", "PrivateTmp="),
    ("/var/tmp", "PrivateTmp="),
    ("/dev", "PrivateDevices="),
    ("/proc", "ProcSubset="),
    ("/sys", "ProtectKernelTunables="),
    ("/usr/lib/modules", "ProtectKernelModules="),
];

/// What `ProtectHome=yes` hides.
const HOMES: [&str; 3] = ["/home", "/root", "/run/user"];

/// A secret is no secret in the Nix store.
pub(super) fn check_credential(fields: &mut Fields<'_>, file: &Spanned<UnitPath>) {
    if is_within(file.get_ref(), "/nix/store") {
        fields.problem(
            file.span(),
            format!(
                "`{}` is in the Nix store, which every user can read",
                file.get_ref()
            ),
            "move the file to a directory that only root can read, and write its path as a string",
        );
    }
}

/// A secret on the storage host is no secret in the repository's directory, which clients mount.
pub(super) fn check_outside(fields: &mut Fields<'_>, secret: &Spanned<UnitPath>, repository: &UnitPath) {
    if repository.as_str() != "/" && repository.contains(secret.get_ref().as_str()) {
        fields.problem(
            secret.span(),
            format!(
                "`{}` is in the repository's directory, which clients mount",
                secret.get_ref()
            ),
            format!("move the file out of `{repository}`"),
        );
    }
}

/// The repository's directory and the file system it lies on.
pub(super) fn check_repository(
    fields: &mut Fields<'_>,
    path: &Spanned<UnitPath>,
    file_system: Option<&Spanned<UnitPath>>,
) {
    check_place(fields, path, "the repository");
    check_not_a_home(fields, path);
    check_octal(fields, path);
    let Some(file_system) = file_system else {
        return;
    };
    if !file_system.get_ref().contains(path.get_ref().as_str()) {
        fields.problem(
            file_system.span(),
            format!(
                "the repository `{}` is not below the mount point `{}`",
                path.get_ref(),
                file_system.get_ref()
            ),
            "write the mount point of the file system that holds the repository",
        );
    }
    // exports(5) splits the options of a host at these, and knows no escape for them. It escapes a space in
    // what it reads, but not in the table that it writes and reads again.
    if file_system
        .get_ref()
        .as_str()
        .contains([',', '(', ')', '"', '\\', ' '])
    {
        fields.problem(
            file_system.span(),
            format!("an NFS export cannot hold the path `{}`", file_system.get_ref()),
            "use a mount point without spaces, `,`, `(`, `)`, `\"` and `\\`",
        );
    }
}

/// The units that make and maintain the repository do not see anybody's home.
fn check_not_a_home(fields: &mut Fields<'_>, path: &Spanned<UnitPath>) {
    if let Some(home) = HOMES.iter().find(|home| is_within(path.get_ref(), home)) {
        fields.problem(
            path.span(),
            format!("the repository is in `{home}`, which the sandbox hides (`ProtectHome=`)"),
            "use another directory, such as one below `/srv` or `/mnt`; a bind mount (mount(8)) gives a directory in \
             `/home` another path",
        );
    }
}

/// nfs-utils takes a backslash and three octal digits for one character, also in text that it has unescaped
/// before.
fn check_octal(fields: &mut Fields<'_>, path: &Spanned<UnitPath>) {
    let bytes = path.get_ref().as_str().as_bytes();
    let is_octal = |bytes: &[u8]| matches!(bytes, [b'\\', b'0'..=b'3', b'0'..=b'7', b'0'..=b'7']);
    if bytes.windows(4).any(is_octal) {
        fields.problem(
            path.span(),
            format!("an NFS export cannot hold the path `{}`", path.get_ref()),
            "use a directory without a backslash before three octal digits",
        );
    }
}

/// Where clients mount the repository.
pub(super) fn check_mount(fields: &mut Fields<'_>, mount: &Spanned<UnitPath>) {
    check_place(fields, mount, "the mount point of the repository");
    let length = mount.get_ref().mount_unit_name().len();
    if length > LONGEST_UNIT_NAME {
        fields.problem(
            mount.span(),
            format!(
                "the name of the mount unit would have {length} bytes, but can have at most {LONGEST_UNIT_NAME}"
            ),
            "use a shorter path; in the name of the unit, a space or a `-` takes 4 bytes, and a letter such as `ö` 8",
        );
    }
}

/// In these directories systemd, cron, shells and others find what they run as root, with every capability.
/// `/root/.ssh` decides who may log in as root.
const OBEYED: [&str; 14] = [
    "/bin",
    "/boot",
    "/etc",
    "/lib",
    "/lib32",
    "/lib64",
    "/root/.ssh",
    "/run/genbackup",
    "/run/systemd",
    "/run/udev",
    "/sbin",
    "/usr",
    "/var/lib/dpkg",
    "/var/spool/cron",
];

/// What a hook of root's writes. Its sandbox has no capability, but a process that can write a unit gets all
/// of them.
pub(super) fn check_roots_writes(fields: &mut Fields<'_>, path: &Spanned<UnitPath>) {
    let written = path.get_ref();
    let obeyed = OBEYED
        .iter()
        .find(|obeyed| is_within(written, obeyed) || written.contains(obeyed));
    if let Some(obeyed) = obeyed
        && written.as_str() != "/"
    {
        fields.problem(
            path.span(),
            format!(
                "a hook of root that writes `{written}` could take over the host: root runs or trusts files in `{obeyed}`"
            ),
            "use a separate directory, such as one below `/var/backups`, or another user",
        );
    }
}

/// What a hook writes: neither hidden from the backup, nor the repository, nor everything.
pub(super) fn check_hook_writes(
    fields: &mut Fields<'_>,
    path: &Spanned<UnitPath>,
    repository: Option<&UnitPath>,
) {
    check_place(fields, path, "a path that a hook writes");
    let repository = repository.filter(|repository| repository.as_str() != "/");
    if let Some(repository) = repository
        && path.get_ref().as_str() != "/"
        && (repository.contains(path.get_ref().as_str()) || path.get_ref().contains(repository.as_str()))
    {
        fields.problem(
            path.span(),
            format!(
                "a hook that writes `{}` could change the repository `{repository}`",
                path.get_ref()
            ),
            "use a directory outside the repository",
        );
    }
}

fn check_place(fields: &mut Fields<'_>, path: &Spanned<UnitPath>, what: &str) {
    if path.get_ref().as_str() == "/" {
        fields.problem(
            path.span(),
            format!("{what} cannot be the root directory"),
            "use a separate directory",
        );
    }
    if let Some((hidden, setting)) = HIDDEN
        .iter()
        .find(|(hidden, _)| is_within(path.get_ref(), hidden))
    {
        fields.problem(
            path.span(),
            format!("{what} is in `{hidden}`, which the sandbox hides (`{setting}`)"),
            "use another directory, such as one below `/srv` or `/mnt`",
        );
    }
}

fn is_within(path: &UnitPath, outer: &str) -> bool {
    path.as_str()
        .strip_prefix(outer)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// A file that a unit of ours writes for others to read.
pub(super) fn check_written(
    fields: &mut Fields<'_>,
    file: &Spanned<UnitPath>,
    repository: Option<&UnitPath>,
) {
    let hidden = HIDDEN.into_iter().chain(HOMES.map(|home| (home, "ProtectHome=")));
    for (place, setting) in hidden {
        if is_within(file.get_ref(), place) {
            fields.problem(
                file.span(),
                format!(
                    "`{}` is in `{place}`, which the sandbox hides (`{setting}`)",
                    file.get_ref()
                ),
                "use another directory, such as one below `/var` or `/srv`",
            );
        }
    }
    if file.get_ref().as_str().rfind('/') == Some(0) {
        fields.problem(
            file.span(),
            format!(
                "`{}` is in the root directory, where user restic cannot write",
                file.get_ref()
            ),
            "use a directory that user restic can write to",
        );
    }
    if let Some(repository) = repository
        && repository.as_str() != "/"
        && repository.contains(file.get_ref().as_str())
    {
        fields.problem(
            file.span(),
            format!("`{}` is in the repository `{repository}`", file.get_ref()),
            "use another directory: only restic writes to the repository",
        );
    }
}
