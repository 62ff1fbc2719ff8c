//! The version in Cargo.toml and Cargo.lock.

use std::fmt;
use std::str::FromStr;

use anyhow::Context;

use super::Disagreement;
use crate::project;

/// The packages that have the version of the workspace.
const MEMBERS: [&str; 3] = ["genbackup", "vmtests", "xtask"];

/// Three numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Version {
    pub(super) major: u32,
    pub(super) minor: u32,
    pub(super) patch: u32,
}

impl FromStr for Version {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        let numbers: Vec<u32> = text
            .split('.')
            .map(|number| number.parse().ok())
            .collect::<Option<_>>()
            .unwrap_or_default();
        let &[major, minor, patch] = numbers.as_slice() else {
            anyhow::bail!("`{text}` is not a version, such as 0.2.0");
        };
        let version = Self { major, minor, patch };
        anyhow::ensure!(version.to_string() == text, "write `{text}` as {version}");
        Ok(version)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { major, minor, patch } = self;
        write!(formatter, "{major}.{minor}.{patch}")
    }
}

/// Whether both files have the version.
pub(super) fn check(version: Version) -> anyhow::Result<Vec<Disagreement>> {
    let mut found = Vec::new();
    let in_manifest = project::version()?;
    if in_manifest != version.to_string() {
        found.push(Disagreement::to_write(
            version,
            format!("Cargo.toml has version {in_manifest}"),
        ));
    }
    for (name, locked) in locked(&project::read("Cargo.lock")?)? {
        if locked != version.to_string() {
            found.push(Disagreement::to_write(
                version,
                format!("Cargo.lock has {name} {locked}"),
            ));
        }
    }
    Ok(found)
}

/// Writes the version into both.
pub(super) fn write(version: Version) -> anyhow::Result<()> {
    for (path, with) in [
        ("Cargo.toml", manifest_with as fn(&str, Version) -> String),
        ("Cargo.lock", lock_with),
    ] {
        let text = project::read(path)?;
        let changed = with(&text, version);
        if changed != text {
            project::write(path, &changed)?;
        }
    }
    Ok(())
}

/// The versions of the members in the text of Cargo.lock.
fn locked(text: &str) -> anyhow::Result<Vec<(String, String)>> {
    let lock: toml::Table = text.parse().context("Cargo.lock")?;
    let packages = lock.get("package").and_then(toml::Value::as_array);
    let packages = packages.context("Cargo.lock has no packages")?;
    let members = packages.iter().filter_map(|package| {
        let field = |field: &str| package.get(field)?.as_str().map(str::to_owned);
        let name = field("name").filter(|name| MEMBERS.contains(&name.as_str()))?;
        Some((name, field("version")?))
    });
    Ok(members.collect())
}

/// The text of Cargo.toml with another version of the workspace.
fn manifest_with(text: &str, version: Version) -> String {
    let mut is_workspace = false;
    with_lines(text, |line| {
        if line.starts_with('[') {
            is_workspace = line == "[workspace.package]";
        }
        (is_workspace && line.starts_with("version = ")).then(|| format!("version = \"{version}\""))
    })
}

/// The text of Cargo.lock with another version of the members.
fn lock_with(text: &str, version: Version) -> String {
    let mut is_member = false;
    with_lines(text, |line| {
        if let Some(name) = line.strip_prefix("name = ") {
            is_member = MEMBERS.contains(&name.trim_matches('"'));
        }
        (is_member && line.starts_with("version = ")).then(|| format!("version = \"{version}\""))
    })
}

/// A text with other lines, where there are others.
pub(super) fn with_lines(text: &str, mut other: impl FnMut(&str) -> Option<String>) -> String {
    let lines = text
        .lines()
        .map(|line| other(line).unwrap_or_else(|| line.to_owned()) + "\n");
    lines.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(text: &str) -> Version {
        text.parse().unwrap()
    }

    #[test]
    fn a_version_is_three_numbers() {
        assert!(version("0.10.0") > version("0.9.9"));
        for text in ["0.2", "v0.2.0", "0.2.0-rc1", "0.02.0", "0.2.0.0", "+1.0.0", ""] {
            assert!(text.parse::<Version>().is_err(), "{text}");
        }
    }

    #[test]
    fn only_the_workspace_gets_the_version() {
        let text = "[workspace.package]\nversion = \"0.1.0\"\n[package]\nversion = \"0.1.0\"\n";
        assert_eq!(
            manifest_with(text, version("0.2.0")),
            "[workspace.package]\nversion = \"0.2.0\"\n[package]\nversion = \"0.1.0\"\n"
        );
    }

    #[test]
    fn only_members_get_the_version() {
        let text = "version = 4\n\n[[package]]\nname = \"other\"\nversion = \"0.1.0\"\n\n\
                    [[package]]\nname = \"genbackup\"\nversion = \"0.1.0\"\n";
        let written = lock_with(text, version("0.2.0"));
        assert_eq!(
            locked(&written).unwrap(),
            [("genbackup".to_owned(), "0.2.0".to_owned())]
        );
        assert!(written.starts_with("version = 4\n") && written.contains("\"other\"\nversion = \"0.1.0\""));
    }

    /// A member that is missing here would keep its version.
    #[test]
    fn all_packages_of_the_workspace_are_known() {
        let of_workspace = project::files(&["*Cargo.toml"])
            .unwrap()
            .into_iter()
            .filter(|path| {
                let text = project::read(path).unwrap();
                text.contains("\nversion.workspace = true\n")
            });
        assert_eq!(of_workspace.count(), MEMBERS.len());
    }
}
