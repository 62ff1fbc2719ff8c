//! The project's own files, below the workspace: how they are read, and the checks that need no build.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, ensure};
use vmtests::cache;
use vmtests::process::{command, output_of};

use crate::process::finds_nothing;
use crate::tools;

/// Files of GitHub, by patterns of git, and the schemas that check-jsonschema brings for them.
const SCHEMAS: [(&str, &str); 4] = [
    ("vendor.github-workflows", ".github/workflows/*.yml"),
    ("vendor.dependabot", ".github/dependabot.yml"),
    ("vendor.github-issue-config", ".github/ISSUE_TEMPLATE/config.yml"),
    ("vendor.github-issue-forms", ".github/ISSUE_TEMPLATE/[!c]*.yml"),
];
/// Asks the library of CycloneDX about an SBOM.
const READ_BOM: &str = "import pathlib, sys
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
error = JsonStrictValidator(SchemaVersion.V1_6).validate_str(pathlib.Path(sys.argv[1]).read_text())
sys.exit(error and repr(error))";

/// The text of a file.
///
/// # Errors
/// When it cannot be read: with its path.
pub(crate) fn read(path: &str) -> anyhow::Result<String> {
    fs::read_to_string(cache::workspace().join(path)).with_context(|| format!("cannot read `{path}`"))
}

/// Writes a file.
///
/// # Errors
/// When it cannot be written: with its path.
pub(crate) fn write(path: &str, text: &str) -> anyhow::Result<()> {
    fs::write(cache::workspace().join(path), text).with_context(|| format!("cannot write `{path}`"))
}

/// The paths of files that git knows, or would know after an `add`, by patterns of git.
///
/// # Errors
/// When git fails, or knows none.
pub(crate) fn files(patterns: &[&str]) -> anyhow::Result<Vec<String>> {
    let mut list = git("ls-files");
    list.args(["--cached", "--others", "--exclude-standard", "--"])
        .args(patterns);
    let list = output_of(&mut list)?;
    // git lists a file that was removed until that is committed.
    let paths = list
        .lines()
        .filter(|path| cache::workspace().join(path).is_file());
    let paths: Vec<String> = paths.map(str::to_owned).collect();
    ensure!(!paths.is_empty(), "there is no file {}", patterns.join(" "));
    Ok(paths)
}

/// One of git's commands, also where another user owns the workspace.
pub(crate) fn git(verb: &str) -> Command {
    let mut git = command("git");
    git.current_dir(cache::workspace())
        .args(["-c", "safe.directory=*", verb]);
    git
}

/// The version of the workspace.
///
/// # Errors
/// When Cargo.toml has none.
pub(crate) fn version() -> anyhow::Result<String> {
    let manifest: toml::Table = read("Cargo.toml")?.parse().context("Cargo.toml")?;
    let version = manifest
        .get("workspace")
        .and_then(|workspace| workspace.get("package")?.get("version")?.as_str());
    Ok(version
        .context("Cargo.toml has no workspace.package.version")?
        .to_owned())
}

/// Looks for misspelled words, and for errors and vulnerabilities in the workflows.
///
/// # Errors
/// When something is found: all of it.
pub(crate) fn check() -> anyhow::Result<()> {
    let tool = |name: &str| {
        let mut tool = command(&tools::program(name).to_string_lossy());
        tool.current_dir(cache::workspace());
        tool
    };
    let mut zizmor = tool("zizmor");
    zizmor.args(["--offline", "--no-progress", ".github"]);
    let mut checks = vec![tool("typos"), zizmor];
    for (schema, pattern) in SCHEMAS {
        let mut check = tool("check-jsonschema");
        check.args(["--builtin-schema", schema]).args(files(&[pattern])?);
        checks.push(check);
    }
    let found = checks.iter_mut().filter_map(|check| finds_nothing(check).err());
    let found: Vec<String> = found.map(|error| format!("{error:#}")).collect();
    ensure!(found.is_empty(), "{}", found.join("\n"));
    Ok(())
}

/// Reads an SBOM by the schema of CycloneDX 1.6.
///
/// # Errors
/// When it does not follow the schema.
pub(crate) fn check_bom(bom: &Path) -> anyhow::Result<()> {
    let mut python = command(&tools::python().to_string_lossy());
    finds_nothing(python.args(["-c", READ_BOM]).arg(bom))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn workflows() -> Vec<(String, String)> {
        let paths = files(&[".github/workflows/*.yml"]).unwrap();
        paths
            .into_iter()
            .map(|path| (path.clone(), read(&path).unwrap()))
            .collect()
    }

    /// A tag can be moved to other code. The tag behind the hash is for people and for dependabot.
    #[test]
    fn actions_are_named_by_their_hash() {
        let mut named = 0;
        for (path, text) in workflows() {
            for line in text.lines() {
                let Some((_, action)) = line.split_once("uses: ") else {
                    continue;
                };
                let pinned = action.split_once('@').is_some_and(|(_, version)| {
                    let (hash, tag) = version.split_once(" # v").unwrap_or_default();
                    hash.len() == 40
                        && hash.bytes().all(|byte| byte.is_ascii_hexdigit())
                        && tag.starts_with(|character: char| character.is_ascii_digit())
                });
                assert!(pinned, "{path}: {line}");
                named += 1;
            }
        }
        assert!(named > 5, "{named}");
    }

    #[test]
    fn workflows_build_with_one_rust_and_the_oldest() {
        let versions = workflows().into_iter().flat_map(|(_, text)| {
            let lines = text
                .lines()
                .filter_map(|line| line.trim().strip_prefix("RUSTUP_TOOLCHAIN: "));
            lines.map(str::to_owned).collect::<Vec<_>>()
        });
        let versions: BTreeSet<String> = versions.collect();
        let manifest: toml::Table = read("Cargo.toml").unwrap().parse().unwrap();
        let oldest = manifest["workspace"]["package"]["rust-version"].as_str().unwrap();
        assert_eq!(versions.len(), 2, "{versions:?}");
        assert!(versions.contains(&format!("{oldest}.0")), "{versions:?}");
    }

    #[test]
    fn each_file_of_github_has_a_schema() {
        let known: BTreeSet<_> = SCHEMAS
            .iter()
            .flat_map(|(_, pattern)| files(&[*pattern]).unwrap())
            .collect();
        let all: BTreeSet<_> = files(&[".github/*.yml"]).unwrap().into_iter().collect();
        assert_eq!(known, all);
    }
}
