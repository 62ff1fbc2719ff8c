//! Whether the units of the storage host find genbackup itself, and which one.

use std::path::{Path, PathBuf};

use nix::unistd::{AccessFlags, access};

use super::finding::{Finding, State};
use super::secrets::quoted;
use crate::error::Hinted;
use crate::model::Release;
use crate::system::command::ask;
use crate::system::nixos::System;

/// Where systemd, and the scripts that it starts, look for programs, in this order (systemd.exec(5), `ExecSearchPath=`).
const DIRECTORIES: [&str; 4] = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin"];

/// A genbackup that is installed where units find it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Installed {
    path: PathBuf,
    /// None where it does not report one.
    version: Option<Release>,
}

pub(super) fn check() -> Vec<Finding> {
    if System::here().is_nixos() {
        return Vec::new();
    }
    vec![judge(&installed(), Release::this(), &this())]
}

/// Why the units of a storage host do not find this genbackup, with a hint; none where they do.
pub(crate) fn unreachable() -> Option<Hinted> {
    if System::here().is_nixos() {
        return None;
    }
    let finding = judge(&installed(), Release::this(), &this());
    let hint = finding.hint.filter(|_| finding.state == State::Failed)?;
    Some(Hinted::new(finding.what, hint))
}

/// The path of this program.
fn this() -> PathBuf {
    std::env::current_exe().unwrap_or_else(|_| PathBuf::from("genbackup"))
}

fn installed() -> Vec<Installed> {
    let mut found: Vec<Installed> = Vec::new();
    let mut seen = Vec::new();
    for directory in DIRECTORIES {
        let path = Path::new(directory).join("genbackup");
        let is_program = path.is_file() && access(&path, AccessFlags::X_OK).is_ok();
        let Ok(real) = path.canonicalize() else { continue };
        // One directory may be a link to another.
        if !is_program || seen.contains(&real) {
            continue;
        }
        seen.push(real);
        let version = version(&path);
        found.push(Installed { path, version });
    }
    found
}

/// The version that a program prints, as `genbackup 0.2.0`.
fn version(program: &Path) -> Option<Release> {
    let answer = ask(program.to_str()?, &["--version"]);
    let number = answer.output()?.strip_prefix("genbackup ")?.trim();
    Release::try_from(number.split('-').next()?.to_owned()).ok()
}

/// The first of them is the one that units start.
fn judge(installed: &[Installed], own: Release, this: &Path) -> Finding {
    let name = "genbackup";
    let Some(first) = installed.first() else {
        return Finding::failed(
            name,
            format!(
                "it is not in {}, where the units of this host look for it",
                DIRECTORIES.join(", ")
            ),
            format!(
                "run `install -m 0755 {} /usr/local/bin/genbackup`",
                quoted(this.to_str().unwrap_or("genbackup"))
            ),
        );
    };
    let path = first.path.display();
    let known = first
        .version
        .map_or_else(|| "unknown".to_owned(), |version| version.to_string());
    if first.version != Some(own) {
        let newer = installed.iter().skip(1).find(|other| other.version == Some(own));
        let hint = match newer {
            Some(other) => format!("run `rm {path}`: units then start {}", other.path.display()),
            None => format!(
                "run `install -m 0755 {} {path}`, or install one version everywhere",
                quoted(this.to_str().unwrap_or("genbackup"))
            ),
        };
        let what = format!("units start {path}, whose version is {known}; this one is {own}");
        return Finding::failed(name, what, hint);
    }
    match installed.get(1) {
        None => Finding::ok(name, format!("units start {path}, {own}")),
        Some(other) => Finding::warning(
            name,
            format!(
                "there are two: units start {path}, and {} is never started",
                other.path.display()
            ),
            format!(
                "run `rm {path}`: until then, an update of {} has no effect",
                other.path.display()
            ),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn release(text: &str) -> Release {
        Release::try_from(text.to_owned()).unwrap()
    }

    fn at(path: &str, version: Option<&str>) -> Installed {
        Installed {
            path: PathBuf::from(path),
            version: version.map(release),
        }
    }

    #[test]
    fn an_unreachable_program_is_named_with_a_copy_command() {
        let finding = judge(&[], release("0.2"), Path::new("/root/.cargo/bin/genbackup"));
        assert_eq!(finding.state, State::Failed);
        assert_eq!(
            finding.hint.unwrap(),
            "run `install -m 0755 /root/.cargo/bin/genbackup /usr/local/bin/genbackup`"
        );
    }

    #[test]
    fn an_old_one_that_is_found_first_is_to_be_removed() {
        let both = [
            at("/usr/local/bin/genbackup", Some("0.1.0")),
            at("/usr/bin/genbackup", Some("0.2.0")),
        ];
        let finding = judge(&both, release("0.2"), Path::new("/usr/bin/genbackup"));
        assert_eq!(finding.state, State::Failed);
        assert_eq!(
            finding.what,
            "units start /usr/local/bin/genbackup, whose version is 0.1.0; this one is 0.2.0"
        );
        assert_eq!(
            finding.hint.unwrap(),
            "run `rm /usr/local/bin/genbackup`: units then start /usr/bin/genbackup"
        );
    }

    #[test]
    fn two_of_one_version_are_a_warning_and_one_is_ok() {
        let one = [at("/usr/bin/genbackup", Some("0.2.0"))];
        let finding = judge(&one, release("0.2"), Path::new("/usr/bin/genbackup"));
        assert_eq!((finding.state, finding.hint), (State::Ok, None));
        let two = [at("/usr/local/bin/genbackup", Some("0.2.0")), one[0].clone()];
        let finding = judge(&two, release("0.2"), Path::new("/usr/bin/genbackup"));
        assert_eq!(finding.state, State::Warning);
    }

    #[test]
    fn one_that_reports_no_version_is_another_program() {
        let other = [at("/usr/bin/genbackup", None)];
        let finding = judge(&other, release("0.2"), Path::new("/root/genbackup"));
        assert_eq!(finding.state, State::Failed);
    }
}
