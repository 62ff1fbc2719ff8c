//! What a Nix evaluator would read.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};
use rnix::Root;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All `.nix` files below `nix`.
fn files() -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(root().join("nix"))? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "nix") {
            files.push(path);
        }
    }
    ensure!(!files.is_empty(), "there is no file below nix");
    Ok(files)
}

#[test]
fn every_nix_file_is_nix() -> Result<()> {
    for file in files()? {
        let parsed = Root::parse(&std::fs::read_to_string(&file)?);
        assert_eq!(parsed.errors(), [], "{}", file.display());
    }
    let broken = Root::parse("{ lib }: { a = ; }");
    assert!(!broken.errors().is_empty(), "a mistake is noticed");
    Ok(())
}

/// Without this, a build from the store lacks a file that the build from the checkout has.
#[test]
fn the_package_has_every_file_that_the_build_reads() -> Result<()> {
    let text = std::fs::read_to_string(root().join("nix/package.nix"))?;
    let tokens = Root::parse(&text).syntax().descendants_with_tokens();
    let named: BTreeSet<String> = tokens
        .filter_map(|token| token.to_string().strip_prefix("../").map(str::to_owned))
        .collect();
    for path in &named {
        assert!(root().join(path).exists(), "`{path}` is not there");
    }
    // Cargo reads every member of a workspace, also to build one of them.
    for needed in [
        "Cargo.lock",
        "Cargo.toml",
        "askama.toml",
        "src",
        "templates",
        "vmtests",
        "xtask",
    ] {
        assert!(
            named.contains(needed),
            "`{needed}` is not in the package's sources"
        );
    }
    Ok(())
}
