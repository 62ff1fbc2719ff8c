//! Paths that are well-formed and still wrong: hidden by the sandbox, inside each other, in a public place.

use toml::Spanned;

use crate::model::{AbsolutePath, ExcludePattern, UnitPath};

use super::fields::Fields;

/// What the unit that reads files does not see, and the setting of systemd.exec(5) that hides it.
const HIDDEN: [(&str, &str); 6] = [
    ("/tmp", "PrivateTmp="),
    ("/var/tmp", "PrivateTmp="),
    ("/dev", "PrivateDevices="),
    ("/proc", "ProcSubset="),
    ("/sys", "ProtectKernelTunables="),
    ("/usr/lib/modules", "ProtectKernelModules="),
];

/// A secret is no secret in the Nix store.
pub(super) fn check_credential(fields: &mut Fields<'_>, file: &Spanned<UnitPath>) {
    if is_within(file.get_ref(), "/nix/store") {
        fields.problem(
            file.span(),
            format!(
                "`{}` is in the Nix store, which everybody can read",
                file.get_ref()
            ),
            "keep it outside, where only root can read it, and write its path as a string",
        );
    }
}

/// The repository's folder and the file system it lies on.
pub(super) fn check_repository(
    fields: &mut Fields<'_>,
    path: &Spanned<UnitPath>,
    file_system: Option<&Spanned<UnitPath>>,
) {
    check_place(fields, path, "the repository");
    let Some(file_system) = file_system else {
        return;
    };
    if !file_system.get_ref().contains(path.get_ref().as_str()) {
        fields.problem(
            file_system.span(),
            format!(
                "the repository `{}` is not on `{}`",
                path.get_ref(),
                file_system.get_ref()
            ),
            "`file-system` is the mount point above the repository",
        );
    }
    // exports(5) splits the options of a host at these, and knows no escape for them.
    if file_system
        .get_ref()
        .as_str()
        .contains([',', '(', ')', '"', '\\'])
    {
        fields.problem(
            file_system.span(),
            format!("`{}` can't stand in an NFS export", file_system.get_ref()),
            "leave out `,`, `(`, `)`, `\"` and `\\`",
        );
    }
}

/// Where clients mount the repository.
pub(super) fn check_mount(fields: &mut Fields<'_>, mount: &Spanned<UnitPath>) {
    check_place(fields, mount, "the repository's mount");
}

fn check_place(fields: &mut Fields<'_>, path: &Spanned<UnitPath>, what: &str) {
    if path.get_ref().as_str() == "/" {
        fields.problem(
            path.span(),
            format!("{what} can't be the root folder"),
            "name a folder of its own",
        );
    }
    if let Some((hidden, setting)) = HIDDEN
        .iter()
        .find(|(hidden, _)| is_within(path.get_ref(), hidden))
    {
        fields.problem(
            path.span(),
            format!("{what} lies in `{hidden}`, which the sandbox hides ({setting})"),
            "choose a folder that stays, such as one below /srv or /mnt",
        );
    }
}

/// An include list against what the sandbox hides and against the repository.
pub(super) fn check_include(
    fields: &mut Fields<'_>,
    include: &[Spanned<AbsolutePath>],
    exclude: &[Spanned<ExcludePattern>],
    repository: Option<&UnitPath>,
) {
    let is_excluded = |path: &str| exclude.iter().any(|pattern| covers(pattern.get_ref(), path));
    for path in include {
        for (hidden, setting) in HIDDEN {
            // Debian and NixOS reach /usr/lib/modules through a link as well.
            let linked = hidden.strip_prefix("/usr").unwrap_or(hidden);
            if path.get_ref().is_within(hidden) || path.get_ref().is_within(linked) {
                fields.problem(
                    path.span(),
                    format!(
                        "`{}` is hidden from the unit that reads files ({setting})",
                        path.get_ref()
                    ),
                    "it would be backed up empty; leave it out, or keep the files elsewhere",
                );
            } else if path.get_ref().contains(hidden) && !is_excluded(hidden) {
                fields.problem(
                    path.span(),
                    format!("`{}` contains `{hidden}`, which is hidden from the unit that reads files ({setting})", path.get_ref()),
                    format!("say that it is left out: exclude = [\"{hidden}\"]"),
                );
            }
        }
        let Some(repository) = repository else {
            continue;
        };
        let inside = path.get_ref().contains(repository.as_str()) && !is_excluded(repository.as_str());
        if inside || repository.contains(path.get_ref().as_str()) {
            fields.problem(
                path.span(),
                format!(
                    "`{}` and the repository at `{repository}` lie in each other",
                    path.get_ref()
                ),
                format!("it would back up itself; say that it is left out: exclude = [\"{repository}\"]"),
            );
        }
    }
}

/// True when a pattern surely leaves out a path: it is that path, or a folder above it, letter by letter.
fn covers(pattern: &ExcludePattern, path: &str) -> bool {
    !pattern.as_str().contains(['*', '?', '[', '\\', '!'])
        && path
            .strip_prefix(pattern.as_str())
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn is_within(path: &UnitPath, outer: &str) -> bool {
    path.as_str()
        .strip_prefix(outer)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}
