//! What each fleet of `fixtures/fleets` becomes, file by file: `snapshots/fleets` mirrors it, and `snapshots/nix` what
//! NixOS needs of it.
//!
//! Many hosts get the same file. It has one snapshot, at the first of these hosts, and `tree.snap` of the others names
//! that host.

use std::collections::hash_map::{Entry, HashMap};
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use crate::snapshot::{self, Comparison};
use anyhow::{Context, Result, bail};
use genbackup::config::file::read;
use genbackup::config::resolve::resolve;
use genbackup::emit::plan::HostPlan;
use genbackup::emit::{Artifact, emit, nix_module};
use genbackup::model::Fleet;

/// The fleets that are read first: their hosts have a snapshot of each file.
const PLAIN: [&str; 2] = ["smallest", "post"];

/// The fleets by the names of their directories, in the order of their snapshots.
fn fleets() -> Result<Vec<(String, Fleet)>> {
    let mut fleets = Vec::new();
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/fleets");
    for entry in std::fs::read_dir(directory)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(entry.path().join("fleet.toml"))?;
        match resolve(read("fleet.toml", &text)) {
            Ok(fleet) => fleets.push((name, fleet)),
            Err(problems) => bail!("{name} has problems: {problems:?}"),
        }
    }
    if fleets.is_empty() {
        bail!("there is no fleet in fixtures/fleets");
    }
    fleets.sort_by_key(|(name, _)| {
        let place = PLAIN.iter().position(|plain| plain == name);
        (place.unwrap_or(PLAIN.len()), name.clone())
    });
    Ok(fleets)
}

/// The files of every host of a fleet, host by host.
fn emitted(fleet: &Fleet) -> Result<Vec<(&str, Vec<Artifact>)>> {
    fleet
        .host_names()
        .map(|host| {
            let plan = HostPlan::of(fleet, host).context("a fleet knows its hosts")?;
            Ok((host.as_str(), emit(&plan)?))
        })
        .collect()
}

fn compare_all() -> Result<Comparison> {
    let mut comparison = Comparison::default();
    let mut holders: HashMap<(String, String), String> = HashMap::new();
    for (name, fleet) in fleets()? {
        let directory = PathBuf::from("fleets").join(&name);
        let mut tree = String::new();
        for (host, artifacts) in emitted(&fleet)? {
            for artifact in artifacts {
                let path = artifact.path.trim_start_matches('/');
                write!(tree, "{:04o} {host}/{path}", artifact.access.mode())?;
                match holders.entry((path.to_owned(), artifact.content)) {
                    Entry::Occupied(holder) => writeln!(tree, " = {}", holder.get())?,
                    Entry::Vacant(file) => {
                        writeln!(tree)?;
                        comparison.compare(&directory.join(host).join(path), &file.key().1)?;
                        file.insert(format!("{name}/{host}"));
                    }
                }
            }
        }
        comparison.compare(&directory.join("tree"), &tree)?;
        let directory = PathBuf::from("nix").join(name);
        for host in fleet.host_names() {
            let plan = HostPlan::of(&fleet, host).context("a fleet knows its hosts")?;
            let Artifact { path, content, .. } = nix_module(&plan)?;
            comparison.compare(&directory.join(path.trim_start_matches('/')), &content)?;
        }
    }
    Ok(comparison)
}

fn comparison() -> Result<&'static Comparison> {
    static COMPARISON: OnceLock<Result<Comparison>> = OnceLock::new();
    snapshot::once(&COMPARISON, compare_all)
}

#[test]
fn every_host_of_every_fleet_gets_the_expected_files() -> Result<()> {
    assert_eq!(
        comparison()?.different,
        [] as [PathBuf; 0],
        "these differ, see above"
    );
    Ok(())
}

#[test]
fn no_snapshot_of_a_fleet_is_an_orphan_and_none_is_missing() -> Result<()> {
    comparison()?.has_no_orphan_and_misses_none("fleets")?;
    comparison()?.has_no_orphan_and_misses_none("nix")
}

#[test]
fn the_same_fleet_gives_the_same_bytes() -> Result<()> {
    for ((name, fleet), (_, again)) in fleets()?.into_iter().zip(fleets()?) {
        assert_eq!(emitted(&fleet)?, emitted(&again)?, "{name}");
    }
    Ok(())
}

#[test]
fn every_emitted_text_ends_in_one_newline_and_has_no_empty_line_at_its_end() -> Result<()> {
    for (name, fleet) in fleets()? {
        for (host, artifacts) in emitted(&fleet)? {
            for Artifact { path, content, .. } in artifacts {
                assert!(
                    content.ends_with('\n') && !content.ends_with("\n\n"),
                    "{name}, {host}: {path}"
                );
            }
        }
    }
    Ok(())
}

#[test]
fn every_emitted_path_exists_once_and_in_order() -> Result<()> {
    for (name, fleet) in fleets()? {
        for (host, artifacts) in emitted(&fleet)? {
            let paths: Vec<_> = artifacts.iter().map(|artifact| &artifact.path).collect();
            assert!(paths.is_sorted_by(|left, right| left < right), "{name}, {host}");
        }
    }
    Ok(())
}
