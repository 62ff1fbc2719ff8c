//! The Debian package, and machines that have it. A machine finds the dependencies in its image, for it has no way out.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, ensure};
use tempfile::TempDir;

use crate::agent::Output;
use crate::cache;
use crate::machine::Machine;
use crate::process::{command, output_of};

/// The environment variable with the package, if it is already made.
pub const VARIABLE: &str = "GENBACKUP_PACKAGE";
/// Where the package puts the command.
pub const COMMAND: &str = "/usr/bin/genbackup";

/// Where `cargo xtask dist` leaves the package of the tests' own build, below the target directory.
pub const DIRECTORY: &str = "dist-dev";

/// Where a machine gets the package from.
const ON_MACHINE: &str = "/var/tmp/genbackup.deb";
/// For apt, which has nothing to download.
const LIMIT: Duration = Duration::from_secs(600);

/// The package of the binary that the tests have built: that of [`VARIABLE`], or made now.
///
/// # Errors
/// When it cannot be made.
pub fn package() -> anyhow::Result<PathBuf> {
    static MADE: Mutex<Option<PathBuf>> = Mutex::new(None);
    if let Some(path) = std::env::var_os(VARIABLE) {
        return Ok(path.into());
    }
    // Stories run at the same time, and one package is enough.
    let mut made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(path) = &*made {
        return Ok(path.clone());
    }
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    output_of(command(&cargo).current_dir(cache::workspace()).args([
        "run",
        "--quiet",
        "--package",
        "xtask",
        "--",
        "dist",
        "--profile=dev",
        "--only=package",
    ]))?;
    let path = package_in(&cache::target_directory().join(DIRECTORY))?;
    *made = Some(path.clone());
    Ok(path)
}

/// The one package in a directory.
///
/// # Errors
/// When there is none, or more than one.
pub fn package_in(directory: &Path) -> anyhow::Result<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).with_context(|| directory.display().to_string())? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "deb") {
            found.push(path);
        }
    }
    ensure!(
        found.len() == 1,
        "{} packages in {}, and not one",
        found.len(),
        directory.display()
    );
    found.pop().context("no package")
}

/// The same package as that of a version before, `0.0.1-1`. It is removed with the value.
#[derive(Debug)]
pub struct Older(TempDir);

impl Older {
    /// Makes it of a package.
    ///
    /// # Errors
    /// When dpkg-deb refuses.
    pub fn of(package: &Path) -> anyhow::Result<Self> {
        let older = Self(tempfile::tempdir()?);
        let tree = older.0.path().join("tree");
        output_of(command("dpkg-deb").arg("--raw-extract").arg(package).arg(&tree))?;
        let control = tree.join("DEBIAN/control");
        let text = with_version(&std::fs::read_to_string(&control)?, "0.0.1-1")?;
        std::fs::write(&control, text)?;
        output_of(
            command("dpkg-deb")
                .args(["--root-owner-group", "-Zgzip", "--build"])
                .arg(&tree)
                .arg(older.path()),
        )?;
        Ok(older)
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.0.path().join("older.deb")
    }
}

/// The fields of a package with another version.
fn with_version(control: &str, version: &str) -> anyhow::Result<String> {
    let lines: Vec<_> = control.lines().collect();
    ensure!(
        lines.iter().filter(|line| line.starts_with("Version: ")).count() == 1,
        "not one version: {control}"
    );
    let lines = lines.into_iter().map(|line| {
        let line = if line.starts_with("Version: ") {
            format!("Version: {version}")
        } else {
            line.to_owned()
        };
        line + "\n"
    });
    Ok(lines.collect())
}

/// Installs a package on a machine, as its administrator does it; what apt and the package print.
///
/// # Errors
/// When apt refuses.
pub fn install(machine: &Machine, package: &Path) -> anyhow::Result<String> {
    let bytes = std::fs::read(package).with_context(|| package.display().to_string())?;
    machine.write_file(ON_MACHINE, &bytes, 0o644)?;
    apt_get(machine, &format!("install --yes {ON_MACHINE}"))
}

/// Removes the package from a machine; what apt and the package print.
///
/// # Errors
/// When apt refuses.
pub fn remove(machine: &Machine) -> anyhow::Result<String> {
    apt_get(machine, "remove --yes genbackup")
}

fn apt_get(machine: &Machine, arguments: &str) -> anyhow::Result<String> {
    let apt_get = format!("DEBIAN_FRONTEND=noninteractive apt-get -o Dpkg::Use-Pty=0 {arguments}");
    let output = machine.run_within(&apt_get, b"", LIMIT)?;
    let printed = printed(&output);
    ensure!(output.status == 0, "{}: {arguments}: {printed}", machine.name());
    Ok(printed)
}

fn printed(output: &Output) -> String {
    format!("{}\n{}", output.text(), output.error_text())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_version_of_an_older_package_differs() {
        let control = "Package: genbackup\nVersion: 0.2.0-1\nDepends: restic (>= 0.14)\n";
        assert_eq!(
            with_version(control, "0.0.1-1").unwrap(),
            "Package: genbackup\nVersion: 0.0.1-1\nDepends: restic (>= 0.14)\n"
        );
        assert!(with_version("Package: genbackup\n", "0.0.1-1").is_err());
    }
}
