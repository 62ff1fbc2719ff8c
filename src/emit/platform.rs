//! The paths of the programs that emitted files start. The rest of the files is the same everywhere.

use serde::Deserialize;

use super::LIBEXEC;
use super::package::LIBEXEC as PACKAGE_LIBEXEC;
use crate::emit::escape::nix_string;

/// Where the programs are that emitted files start, ours included.
#[derive(Debug, Clone)]
pub(crate) struct Platform {
    /// bash(1), which runs our scripts.
    pub(super) bash: String,
    /// sshd(8).
    pub(super) sshd: String,
    /// socat(1).
    pub(super) socat: String,
    /// genbackup(1) itself, on a storage host. It is a name without a directory, which systemd and the
    /// scripts look for in the usual directories for programs. So a package may put it into /usr/bin and a
    /// person into /usr/local/bin.
    pub(super) genbackup: String,
    /// The `PATH` that our scripts set themselves. Without it, they use the one of the service manager: it is the same for
    /// all units, and no other tool replaces it.
    pub(super) path: Option<String>,
    /// True on NixOS: units state what happens to them when it switches to another generation.
    pub(super) switches: bool,
    scripts: Scripts,
}

/// Where NixOS has the programs of `environment.systemPackages`. An emitted module does not know the package of the
/// command, since nixpkgs has none.
const OF_THE_SYSTEM: &str = "/run/current-system/sw/bin/genbackup";

/// The script that sets `PATH` for other programs.
pub(super) const WITH_PATH: &str = "run-with-path";

#[derive(Debug, Clone)]
enum Scripts {
    Directory(String),
    Expressions,
}

/// Where programs are on a system that keeps them elsewhere than in the usual directories.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Programs {
    /// The path of bash(1).
    pub bash: StorePath,
    /// The path of genbackup(1), as units and scripts start it.
    pub genbackup: StorePath,
    /// The path of socat(1).
    pub socat: StorePath,
    /// The path of sshd(8).
    pub sshd: StorePath,
    /// The directories in which our scripts find all other programs.
    pub path: Vec<StorePath>,
}

/// An absolute path of the characters that a Nix store knows. None of them means anything to systemd, a shell
/// or ssh, so it needs no quoting.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct StorePath(String);

impl TryFrom<String> for StorePath {
    type Error = String;

    fn try_from(path: String) -> Result<Self, String> {
        let plain = |c: char| c.is_ascii_alphanumeric() || "+-._?=/".contains(c);
        if path.starts_with('/') && path.chars().all(plain) {
            Ok(Self(path))
        } else {
            Err(format!(
                "`{path}` is not an absolute path of only letters, digits and `+-._?=/`"
            ))
        }
    }
}

impl Platform {
    /// A system with programs and directories at their usual places (file-hierarchy(7)).
    #[must_use]
    pub(crate) fn usual() -> Self {
        Self {
            bash: "/bin/bash".to_owned(),
            sshd: "/usr/sbin/sshd".to_owned(),
            socat: "/usr/bin/socat".to_owned(),
            genbackup: "genbackup".to_owned(),
            path: None,
            switches: false,
            scripts: Scripts::Directory(LIBEXEC.to_owned()),
        }
    }

    /// NixOS, with our own files in a store path of theirs.
    #[must_use]
    pub(crate) fn package(programs: &Programs, package: &StorePath) -> Self {
        let Programs {
            bash,
            genbackup,
            socat,
            sshd,
            path,
        } = programs;
        let libexec = format!("{}{PACKAGE_LIBEXEC}", package.0);
        let path: Vec<&str> = path.iter().map(|directory| directory.0.as_str()).collect();
        Self {
            bash: bash.0.clone(),
            sshd: sshd.0.clone(),
            socat: socat.0.clone(),
            genbackup: genbackup.0.clone(),
            path: Some(path.join(":")),
            switches: true,
            scripts: Scripts::Directory(libexec),
        }
    }

    /// NixOS, before Nix has been asked where things are: references to Nix expressions, which
    /// [`super::nix_module`] knows.
    pub(super) fn expressions() -> Self {
        Self {
            bash: format!("{}/bin/bash", reference("pkgs.bash")),
            sshd: format!("{}/bin/sshd", reference("config.services.openssh.package")),
            socat: format!("{}/bin/socat", reference("pkgs.socat")),
            genbackup: OF_THE_SYSTEM.to_owned(),
            path: Some(reference("path")),
            switches: true,
            scripts: Scripts::Expressions,
        }
    }

    /// What a unit writes before a program that is no script of ours, and that may start others. This is
    /// nothing, or the script that sets `PATH` and a space.
    pub(super) fn with_path(&self) -> String {
        match self.path {
            Some(_) => format!("{} ", self.script(WITH_PATH)),
            None => String::new(),
        }
    }

    /// The path of one of our scripts.
    pub(super) fn script(&self, name: &str) -> String {
        match &self.scripts {
            Scripts::Directory(directory) => format!("{directory}/{name}"),
            Scripts::Expressions => reference(name),
        }
    }
}

/// A Nix expression inside a text, between characters that no value of a fleet can hold: control characters.
fn reference(expression: &str) -> String {
    format!("{}{expression}{}", nix_string::OPEN, nix_string::CLOSE)
}
