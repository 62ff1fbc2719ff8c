//! The package: the files that it is built from are those that the build reads.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use rnix::{Root, SyntaxKind, SyntaxNode};

use crate::command::{Outcome, run};

/// The root of the repository.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// What is the package's own in this checkout.
fn checkout() -> Result<SyntaxNode> {
    let text = std::fs::read_to_string(root().join("nix/checkout.nix"))?;
    Ok(Root::parse(&text).syntax())
}

/// The paths, below the repository, of a list that has a name.
fn paths(list: &str) -> Result<Vec<String>> {
    let mut entries = checkout()?
        .descendants()
        .filter(|node| node.kind() == SyntaxKind::NODE_ATTRPATH_VALUE);
    let value = entries.find_map(|entry| {
        let path = entry.first_child()?;
        entry.last_child().filter(|_| path.text() == list)
    });
    let value = value.with_context(|| format!("the package has no `{list}`"))?;
    let path = |node: SyntaxNode| node.to_string().strip_prefix("../").map(str::to_owned);
    value
        .children()
        .map(|node| path(node.clone()).with_context(|| format!("`{list}`: {node}")))
        .collect()
}

/// What the package and its checks are made of.
pub(crate) fn sources() -> Result<Vec<String>> {
    Ok([paths("sources")?, paths("checkedSources")?].concat())
}

/// Puts files and folders of the repository into a folder.
pub(crate) fn copy_of(paths: &[String], folder: &Path) -> Result<()> {
    for path in paths {
        let copied = run(Command::new("cp")
            .args(["--recursive", "--"])
            .arg(root().join(path))
            .arg(folder))?;
        ensure!(copied.status.success(), "{}", copied.stderr);
    }
    Ok(())
}

/// Cargo, with the target directory of this test program. What cargo sets for a test program is taken away: build
/// scripts that read it would run again, and everything behind them would be compiled again, each time.
pub(super) fn cargo() -> Result<Command> {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent();
    let mut cargo = Command::new(env!("CARGO"));
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if ["CARGO_BIN_EXE_", "CARGO_MANIFEST_", "CARGO_PKG_"]
            .iter()
            .any(|start| text.starts_with(start))
        {
            cargo.env_remove(name);
        }
    }
    cargo.env(
        "CARGO_TARGET_DIR",
        target.context("it is in the target directory")?,
    );
    Ok(cargo)
}

/// Compiles a tree, as far as it takes to read all that the build reads. There is no network in a build.
fn compile(tree: &Path) -> Result<Outcome> {
    // Clippy has checked the dependencies, with the features that tests and the programs for fuzzing add to them: so
    // these are checked too, and nothing is compiled twice.
    run(cargo()?
        .args([
            "check",
            "--package=genbackup",
            "--package=genbackup-fuzz",
            "--lib",
            "--bins",
            "--profile=test",
        ])
        .args(["--offline", "--locked", "--quiet"])
        .current_dir(tree))
}

/// Without this, a build from the store lacks a file that the build from the checkout has.
#[test]
fn the_package_is_built_from_what_it_says_and_nothing_else() -> Result<()> {
    // A place that is the same in each run: what was compiled for another would stay there.
    let tree = Path::new(env!("CARGO_TARGET_TMPDIR")).join("package");
    if tree.exists() {
        std::fs::remove_dir_all(&tree)?;
    }
    std::fs::create_dir_all(&tree)?;
    copy_of(&paths("sources")?, &tree)?;
    let built = compile(&tree)?;
    assert!(built.status.success(), "{}", built.stderr);

    std::fs::remove_file(tree.join("askama.toml"))?;
    let built = compile(&tree)?;
    assert!(!built.status.success(), "a file that lacks is not missed");
    Ok(())
}
