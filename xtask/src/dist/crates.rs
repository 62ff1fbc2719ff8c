//! The crates that the command consists of.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use anyhow::{Context, ensure};
use serde_json::Value;
use vmtests::process::output_of;

use super::build::{Build, target_of_this_system};
use crate::{cargo, project};

/// A crate's name and version.
pub(super) type Name = (String, String);

/// What is known of a crate.
#[derive(Debug)]
pub(super) struct Crate {
    /// Its licence, an expression of SPDX.
    pub(super) licence: String,
    /// Its authors, as it names them.
    pub(super) authors: Vec<String>,
    /// The directory of its source.
    pub(super) directory: PathBuf,
    /// Where its source is developed.
    pub(super) repository: Option<String>,
    /// SHA-256 of what the registry has of it. Our own has none.
    pub(super) checksum: Option<String>,
    /// What it is built from.
    pub(super) needs: BTreeSet<Name>,
}

/// All that is linked into the command, itself included.
#[derive(Debug)]
pub(super) struct Crates {
    /// The command.
    pub(super) command: Name,
    /// All of them.
    pub(super) all: BTreeMap<Name, Crate>,
}

impl Crates {
    /// Asks cargo.
    ///
    /// # Errors
    /// When cargo does not know one of them.
    pub(super) fn of(build: &Build) -> anyhow::Result<Self> {
        // `cargo metadata` has the features of the whole workspace; `cargo tree` those of a build of this package.
        let mut tree = cargo::cargo("tree");
        tree.args([
            "--locked",
            "--package",
            "genbackup",
            "--edges",
            "normal,no-proc-macro",
        ])
        .args([
            "--target",
            &target_of_this_system(),
            "--prefix",
            "none",
            "--format",
            "{p}",
        ]);
        let linked = named_in_tree(&output_of(&mut tree)?);
        let mut metadata = cargo::cargo("metadata");
        metadata.args(["--format-version=1", "--locked"]);
        metadata.args(["--filter-platform", &target_of_this_system()]);
        let metadata = serde_json::from_str(&output_of(&mut metadata)?)?;
        let checksums = checksums(&project::read("Cargo.lock")?)?;
        let all = described(&metadata, &linked, &checksums)?;
        let command = ("genbackup".to_owned(), build.version.clone());
        ensure!(
            all.contains_key(&command),
            "cargo tree has no genbackup {}",
            build.version
        );
        Ok(Self { command, all })
    }

    /// All but the command.
    pub(super) fn dependencies(&self) -> impl Iterator<Item = (&Name, &Crate)> {
        self.all.iter().filter(move |(name, _)| **name != self.command)
    }
}

/// The names and versions in the output of `cargo tree`: lines such as `memchr v2.7.4 (*)`.
fn named_in_tree(tree: &str) -> BTreeSet<Name> {
    let lines = tree.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        let name = words.next()?;
        let version = words.next()?.strip_prefix('v')?;
        Some((name.to_owned(), version.to_owned()))
    });
    lines.collect()
}

/// The checksums in Cargo.lock.
fn checksums(lock: &str) -> anyhow::Result<BTreeMap<Name, String>> {
    let lock: toml::Table = lock.parse().context("Cargo.lock")?;
    let packages = lock.get("package").and_then(toml::Value::as_array);
    let packages = packages.context("Cargo.lock has no packages")?;
    let known = packages.iter().filter_map(|package| {
        let field = |field: &str| package.get(field)?.as_str().map(str::to_owned);
        Some(((field("name")?, field("version")?), field("checksum")?))
    });
    Ok(known.collect())
}

/// What `cargo metadata` and Cargo.lock know of some crates.
fn described(
    metadata: &Value,
    linked: &BTreeSet<Name>,
    checksums: &BTreeMap<Name, String>,
) -> anyhow::Result<BTreeMap<Name, Crate>> {
    let packages = metadata["packages"]
        .as_array()
        .context("cargo metadata has no packages")?;
    let nodes = metadata["resolve"]["nodes"]
        .as_array()
        .context("cargo metadata has no nodes")?;
    let mut names: BTreeMap<&str, Name> = BTreeMap::new();
    for package in packages {
        let field = |field: &str| {
            package[field]
                .as_str()
                .with_context(|| format!("a package has no {field}"))
        };
        names.insert(
            field("id")?,
            (field("name")?.to_owned(), field("version")?.to_owned()),
        );
    }
    let mut all = BTreeMap::new();
    for package in packages {
        let id = package["id"].as_str().unwrap_or_default();
        let Some(name) = names.get(id).filter(|name| linked.contains(*name)) else {
            continue;
        };
        let node = nodes.iter().find(|node| node["id"] == id);
        let needs = needs(node.unwrap_or(&Value::Null), &names)
            .filter(|name| linked.contains(name))
            .collect();
        let text = |field: &str| package[field].as_str().map(str::to_owned);
        let manifest = PathBuf::from(text("manifest_path").unwrap_or_default());
        let authors = package["authors"].as_array().into_iter().flatten();
        all.insert(
            name.clone(),
            Crate {
                licence: text("license").with_context(|| format!("{} names no licence", name.0))?,
                authors: authors
                    .filter_map(|author| author.as_str().map(str::to_owned))
                    .collect(),
                directory: manifest
                    .parent()
                    .context("a package without a directory")?
                    .to_owned(),
                repository: text("repository"),
                checksum: checksums.get(name).cloned(),
                needs,
            },
        );
    }
    for (name, version) in linked {
        ensure!(
            all.contains_key(&(name.clone(), version.clone())),
            "cargo metadata does not know {name} {version}"
        );
    }
    Ok(all)
}

/// What a node of the graph needs when it runs: neither to build it nor to test it.
fn needs(node: &Value, names: &BTreeMap<&str, Name>) -> impl Iterator<Item = Name> {
    let edges = node["deps"].as_array().into_iter().flatten();
    let linked = edges.filter(|edge| {
        let kinds = edge["dep_kinds"].as_array();
        kinds.is_some_and(|kinds| kinds.iter().any(|kind| kind["kind"].is_null()))
    });
    linked.filter_map(move |edge| names.get(edge["pkg"].as_str()?).cloned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn name(name: &str) -> Name {
        (name.to_owned(), "1.0.0".to_owned())
    }

    #[test]
    fn each_line_of_the_tree_names_a_crate_once() {
        let tree = "a v1.0.0 (/srv/a)\nb v1.0.0\n\nb v1.0.0 (*)\n";
        assert_eq!(named_in_tree(tree), BTreeSet::from([name("a"), name("b")]));
    }

    #[test]
    fn a_crate_needs_only_what_is_linked_into_it() {
        let package = |name: &str| {
            json!({"id": format!("id-of-{name}"), "name": name, "version": "1.0.0", "license": "MIT",
                   "manifest_path": format!("/registry/{name}/Cargo.toml"), "authors": ["Kim"], "repository": null})
        };
        let edge =
            |name: &str, kind: Value| json!({"pkg": format!("id-of-{name}"), "dep_kinds": [{"kind": kind}]});
        let metadata = json!({
            "packages": [package("a"), package("b"), package("c"), package("d")],
            "resolve": {"nodes": [
                {"id": "id-of-a", "deps": [edge("b", Value::Null), edge("c", json!("build")), edge("d", Value::Null)]},
                {"id": "id-of-b", "deps": []},
            ]},
        });
        let linked = BTreeSet::from([name("a"), name("b")]);
        let all = described(&metadata, &linked, &BTreeMap::new()).unwrap();
        assert_eq!(all.keys().cloned().collect::<BTreeSet<_>>(), linked);
        assert_eq!(all[&name("a")].needs, BTreeSet::from([name("b")]));
        assert_eq!(all[&name("a")].directory, PathBuf::from("/registry/a"));
    }

    #[test]
    fn a_crate_that_cargo_does_not_know_is_an_error() {
        let metadata = json!({"packages": [], "resolve": {"nodes": []}});
        let error = described(&metadata, &BTreeSet::from([name("a")]), &BTreeMap::new()).unwrap_err();
        assert!(error.to_string().contains("a 1.0.0"), "{error}");
    }

    #[test]
    fn checksums_are_those_of_the_lock_file() {
        let lock = "[[package]]\nname = \"a\"\nversion = \"1.0.0\"\nchecksum = \"12ab\"\n\
                    [[package]]\nname = \"own\"\nversion = \"1.0.0\"\n";
        let checksums = checksums(lock).unwrap();
        assert_eq!(checksums, BTreeMap::from([(name("a"), "12ab".to_owned())]));
    }
}
