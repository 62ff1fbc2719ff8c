//! The first version of each key is the release that first knew it.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context, Result, anyhow, ensure};
use genbackup::model::Release;
use genbackup::reference::tables;

use super::keys;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The releases whose keys are known, the oldest first, each with its keys.
fn releases() -> Result<Vec<(Release, BTreeSet<String>)>> {
    let directory = root().join("fixtures/releases");
    let mut releases = Vec::new();
    for entry in std::fs::read_dir(directory)? {
        let directory = entry?.path();
        let Ok(text) = std::fs::read_to_string(directory.join("keys")) else {
            continue;
        };
        let name = directory
            .file_name()
            .context("a release has a name")?
            .to_string_lossy();
        let keys = text
            .lines()
            .filter(|line| !line.starts_with('#'))
            .map(str::to_owned);
        releases.push((release(&name)?, keys.collect()));
    }
    releases.sort_by_key(|(release, _)| *release);
    ensure!(!releases.is_empty(), "no release has a list of its keys");
    Ok(releases)
}

fn release(text: &str) -> Result<Release> {
    Release::try_from(text.to_owned()).map_err(|refusal| anyhow!("{refusal:?}"))
}

#[test]
fn the_keys_of_a_release_are_known_since_it() -> Result<()> {
    let releases = releases()?;
    let (newest, _) = releases.last().context("no release")?;
    let mut since: Vec<(String, Option<String>)> = Vec::new();
    for table in tables() {
        since.extend(table.keys.into_iter().map(|key| (key.name, key.since)));
        if !table.name.is_empty() {
            since.push((table.name, table.since));
        }
    }
    for (name, since) in &since {
        let since = release(
            since
                .as_deref()
                .with_context(|| format!("{name} has no version"))?,
        )?;
        match releases.iter().find(|(_, keys)| keys.contains(name)) {
            Some((first, _)) => assert_eq!(since, *first, "{name}"),
            None => assert!(since > *newest, "{name} is not in {newest}"),
        }
    }
    let known: BTreeSet<&String> = since.iter().map(|(name, _)| name).collect();
    for (release, keys) in &releases {
        for key in keys {
            assert!(known.contains(key), "{key} of {release} is gone");
        }
    }
    Ok(())
}

#[test]
fn each_version_of_a_key_is_in_the_changelog() -> Result<()> {
    let changelog = std::fs::read_to_string(root().join("CHANGELOG.md"))?;
    let versions: BTreeSet<String> = keys().into_iter().filter_map(|key| key.since).collect();
    ensure!(versions.len() > 1, "{versions:?}");
    for version in versions {
        assert!(changelog.contains(&format!("\n## {version} - ")), "{version}");
    }
    Ok(())
}
