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

fn package() -> Result<SyntaxNode> {
    let text = std::fs::read_to_string(root().join("nix/package.nix"))?;
    Ok(Root::parse(&text).syntax())
}

/// The values that a name has, anywhere in the package.
fn values(name: &str) -> Result<impl Iterator<Item = SyntaxNode>> {
    let entries = package()?
        .descendants()
        .filter(|node| node.kind() == SyntaxKind::NODE_ATTRPATH_VALUE);
    Ok(entries.filter_map(move |entry| {
        let path = entry.first_child()?;
        entry.last_child().filter(|_| path.text() == name)
    }))
}

/// The paths, below the repository, of a list that has a name.
fn paths(list: &str) -> Result<Vec<String>> {
    let value = values(list)?
        .next()
        .with_context(|| format!("the package has no `{list}`"))?;
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

/// Compiles a tree, as far as it takes to read all that the build reads. There is no network in a build.
fn compile(tree: &Path) -> Result<Outcome> {
    // Clippy has checked the dependencies, with the features that tests and the programs for fuzzing add to them: so
    // these are checked too, and nothing is compiled twice.
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent();
    let target = target.context("the target folder is above")?;
    run(Command::new(env!("CARGO"))
        .args([
            "check",
            "--package=genbackup",
            "--package=genbackup-fuzz",
            "--lib",
            "--bins",
            "--profile=test",
        ])
        .args(["--offline", "--locked", "--quiet"])
        .env("CARGO_TARGET_DIR", target)
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

#[test]
fn the_package_s_checks_have_what_they_read_and_run_tests_that_are_there() -> Result<()> {
    let sources = paths("checkedSources")?;
    for path in &sources {
        assert!(root().join(path).exists(), "`{path}` is not there");
    }
    // Clippy's rules; the tests themselves; what they read.
    for needed in ["clippy.toml", "fixtures", "snapshots", "tests"] {
        let is_there = sources.iter().any(|path| path == needed);
        assert!(is_there, "`{needed}` is not in the sources of the checks");
    }
    let flags: String = values("cargoTestFlags")?.map(|flags| flags.to_string()).collect();
    let programs: Vec<&str> = flags
        .split('"')
        .filter_map(|flag| flag.strip_prefix("--test="))
        .collect();
    for program in &programs {
        let is_there = ["tests/PROGRAM.rs", "tests/PROGRAM/main.rs"]
            .iter()
            .any(|file| root().join(file.replace("PROGRAM", program)).is_file());
        assert!(is_there, "there is no test program `{program}`");
    }
    // Modules, and tests of programs that have no module. One that is not there would run nothing.
    let flags: String = values("checkFlags")?.map(|flags| flags.to_string()).collect();
    let chosen: Vec<&str> = flags.split('"').skip(1).step_by(2).collect();
    ensure!(chosen.len() > 3, "only {chosen:?}");
    for name in chosen {
        let is_there = |program: &&str| match name.strip_suffix("::") {
            Some(module) => root().join(format!("tests/{program}/{module}.rs")).is_file(),
            None => std::fs::read_to_string(root().join(format!("tests/{program}.rs")))
                .is_ok_and(|text| text.contains(&format!("fn {name}()"))),
        };
        assert!(programs.iter().any(is_there), "no test program has `{name}`");
    }
    Ok(())
}
