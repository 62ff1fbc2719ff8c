//! Nix as people read it: it parses, is laid out in the official style of several versions, and has no name that nothing
//! uses.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, anyhow, ensure};
use rnix::Root;
use serde_json::Value;

use crate::command::{Outcome, genbackup, run};
use crate::tools::tool;

/// What is wrong with texts of Nix, which have a path each: a line for each error.
pub(crate) fn complaints(texts: &BTreeMap<PathBuf, String>) -> Result<Vec<String>> {
    ensure!(!texts.is_empty(), "there is nothing to read");
    let mut complaints = Vec::new();
    let mut parsed = texts.clone();
    for (path, text) in texts {
        let name = path.display();
        let errors = Root::parse(text).errors().to_vec();
        complaints
            .extend(disputed(text).map(|line| format!("{name}:{line}: nixfmt 1.3 changed this layout")));
        if errors.is_empty() {
            let formatted = nixfmt_rs::format(text).map_err(|error| anyhow!("{name}: {error}"))?;
            if formatted != *text {
                complaints.push(format!("{name}: not in the style of `nixfmt`"));
            }
        } else {
            complaints.extend(errors.iter().map(|error| format!("{name}: {error}")));
            // deadnix would skip it and report success.
            parsed.remove(path);
        }
    }
    complaints.extend(dead_code(&parsed)?);
    Ok(complaints)
}

/// The lines whose layout depends on the version of nixfmt: a function of named attributes that is on one line. The
/// versions of `nix flake check` and of this test differ, and both have to accept a file.
fn disputed(text: &str) -> impl Iterator<Item = usize> {
    let lines = (1..).zip(text.lines());
    let disputed = lines.filter(|(_, line)| line.contains("({ ") && line.contains(" }: {"));
    disputed.map(|(number, _)| number)
}

/// What deadnix finds.
fn dead_code(texts: &BTreeMap<PathBuf, String>) -> Result<Vec<String>> {
    let directory = tempfile::tempdir()?;
    for (path, text) in texts {
        let place = directory.path().join(path);
        std::fs::create_dir_all(place.parent().context("a file is in a directory")?)?;
        std::fs::write(place, text)?;
    }
    let Outcome {
        status,
        stdout,
        stderr,
    } = run(Command::new(tool("deadnix")?)
        .args(["--fail", "--output-format=json", "."])
        .current_dir(&directory))?;
    ensure!(stderr.is_empty(), "deadnix: {stderr}");
    let mut complaints = Vec::new();
    for line in stdout.lines() {
        let file: Value = serde_json::from_str(line)?;
        let path = file["file"].as_str().context("deadnix names no file")?;
        let path = path.trim_start_matches("./");
        for result in file["results"].as_array().into_iter().flatten() {
            let message = result["message"].as_str().unwrap_or_default();
            complaints.push(format!("{path}:{}: {message}", result["line"]));
        }
    }
    ensure!(complaints.is_empty() == status.success(), "deadnix: {status}");
    Ok(complaints)
}

/// The files of a directory and below that end in `.nix`, with paths below `root`.
fn nix_files(root: &Path, directory: &Path, found: &mut BTreeMap<PathBuf, String>) -> Result<()> {
    for entry in std::fs::read_dir(directory)? {
        let path = entry?.path();
        if path.is_dir() {
            nix_files(root, &path, found)?;
        } else if path.extension().is_some_and(|extension| extension == "nix") {
            let text = std::fs::read_to_string(&path)?;
            found.insert(path.strip_prefix(root)?.to_path_buf(), text);
        }
    }
    Ok(())
}

#[test]
fn the_repository_s_nix_has_nothing_wrong() -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut texts = BTreeMap::new();
    nix_files(root, &root.join("nix"), &mut texts)?;
    texts.insert(
        "flake.nix".into(),
        std::fs::read_to_string(root.join("flake.nix"))?,
    );
    for file in ["nix/module.nix", "nix/examples/flake.nix", "nix/stub/pkgs.nix"] {
        assert!(texts.contains_key(Path::new(file)), "{file} is not looked at");
    }
    assert_eq!(complaints(&texts)?, [""; 0]);
    Ok(())
}

#[test]
fn the_emitted_modules_have_nothing_wrong() -> Result<()> {
    let fleets = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/fleets");
    let emitted = tempfile::tempdir()?;
    let mut modules = BTreeMap::new();
    for fleet in std::fs::read_dir(fleets)? {
        let fleet = fleet?;
        let out = emitted.path().join(fleet.file_name());
        let emit = run(genbackup()
            .arg("--fleet")
            .arg(fleet.path().join("fleet.toml"))
            .args(["emit", "--format=nix", "--out"])
            .arg(&out))?;
        ensure!(emit.status.success(), "{}", emit.stderr);
        nix_files(emitted.path(), &out, &mut modules)?;
    }
    ensure!(modules.len() > 5, "only {:?}", modules.keys());
    assert_eq!(complaints(&modules)?, [""; 0]);
    Ok(())
}

#[test]
fn each_kind_of_error_is_found_and_its_place_named() -> Result<()> {
    for (text, expected) in [
        ("{ lib }: { a = ; }\n", "sub/a.nix: unexpected TOKEN_SEMICOLON"),
        ("{ a = 1;   b = 2; }\n", "sub/a.nix: not in the style of `nixfmt`"),
        (
            "map ({ a }: { b = a; }) [ ]\n",
            "sub/a.nix:1: nixfmt 1.3 changed this layout",
        ),
        (
            "{ lib }:\n{\n  a = 1;\n}\n",
            "sub/a.nix:1: Unused lambda pattern: lib",
        ),
    ] {
        let texts = BTreeMap::from([
            (PathBuf::from("fine.nix"), "{ }\n".to_owned()),
            (PathBuf::from("sub/a.nix"), text.to_owned()),
        ]);
        let found = complaints(&texts)?;
        let is_expected = found.first().is_some_and(|first| first.starts_with(expected));
        assert!(is_expected, "{expected:?}: {found:?}");
    }
    Ok(())
}
