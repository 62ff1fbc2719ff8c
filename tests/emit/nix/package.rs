//! The package: the files that it is built from are those that the build reads.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use rnix::{Root, SyntaxKind, SyntaxNode};

use crate::command::run;

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

/// Puts files and directories of the repository into a directory.
pub(crate) fn copy_of(paths: &[String], directory: &Path) -> Result<()> {
    for path in paths {
        let copied = run(Command::new("cp")
            .args(["--recursive", "--"])
            .arg(root().join(path))
            .arg(directory))?;
        ensure!(copied.status.success(), "{}", copied.stderr);
    }
    Ok(())
}

/// Cargo, with the target directory of this test program. It removes the variables that cargo sets for a test
/// program. Otherwise the build scripts that read them would run again each time, and cargo would compile
/// everything behind them again.
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

/// Without this, a build from the store lacks a manifest that the build from the checkout has. cargo reads
/// the manifest of every member of the workspace. `nix::sandbox` has the files that the compiler reads.
#[test]
fn sources_of_the_package_have_every_manifest_that_cargo_reads() -> Result<()> {
    let tree = tempfile::tempdir()?;
    copy_of(&paths("sources")?, tree.path())?;
    let read = || {
        run(cargo()?
            .args(["tree", "--quiet", "--workspace", "--offline", "--locked"])
            .current_dir(tree.path()))
    };
    let all = read()?;
    assert!(all.status.success(), "{}", all.stderr);
    for manifest in ["xtask/Cargo.toml", "workspace-hack/Cargo.toml"] {
        std::fs::rename(tree.path().join(manifest), tree.path().join("kept"))?;
        let missing = read()?;
        assert!(!missing.status.success(), "nobody misses {manifest}");
        assert!(missing.stderr.contains(manifest), "{}", missing.stderr);
        std::fs::rename(tree.path().join("kept"), tree.path().join(manifest))?;
    }
    Ok(())
}
