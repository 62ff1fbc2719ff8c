//! The threat model names what shows its claims; a name that is none would be a claim without a proof.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Result, ensure};

const THREAT_MODEL: &str = "docs/src/explanation/threat-model.md";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Words in backticks that look like a name of a test or a story: lower case, with several underscores.
fn names(text: &str) -> BTreeSet<&str> {
    text.split('`')
        .skip(1)
        .step_by(2)
        .filter(|word| word.matches('_').count() > 2)
        .filter(|word| word.chars().all(|c| c == '_' || c.is_ascii_lowercase()))
        .collect()
}

/// Adds the stories and the functions marked as tests in `directory` and below.
fn collect(directory: &Path, found: &mut BTreeSet<String>) -> Result<()> {
    for entry in std::fs::read_dir(directory)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, found)?;
            continue;
        }
        let text = std::fs::read_to_string(&path)?;
        let mut lines = text.lines().map(str::trim);
        while let Some(line) = lines.next() {
            if line == "#[test]"
                && let Some(name) = lines.next().and_then(|line| line.strip_prefix("fn "))
            {
                found.extend(name.split_once('(').map(|(name, _)| name.to_owned()));
            }
        }
    }
    Ok(())
}

/// The stories that run: those in the list of `main.rs`.
fn stories() -> Result<BTreeSet<String>> {
    let directory = root().join("vmtests/tests/stories");
    let list = std::fs::read_to_string(directory.join("main.rs"))?;
    let entries = list.lines().filter_map(|line| line.trim().strip_suffix(','));
    let names = entries.filter_map(|entry| {
        // Behind the name comes what the story needs.
        let (name, _) = entry.split_once(' ').unwrap_or((entry, ""));
        directory.join(format!("{name}.rs")).is_file().then_some(name)
    });
    Ok(names.map(str::to_owned).collect())
}

#[test]
fn every_test_and_story_that_the_threat_model_names_exists() -> Result<()> {
    let text = std::fs::read_to_string(root().join(THREAT_MODEL))?;
    let named = names(&text);
    ensure!(named.len() > 8, "the threat model names only {named:?}");
    let mut there = stories()?;
    ensure!(there.len() > 8, "only these stories: {there:?}");
    collect(&root().join("tests"), &mut there)?;
    let missing: Vec<_> = named.iter().filter(|name| !there.contains(**name)).collect();
    assert!(
        missing.is_empty(),
        "the threat model names missing tests or stories: {missing:#?}"
    );
    Ok(())
}
