//! Reports a path that is missing in a snapshot: similar paths, and the snapshots that have it.

use std::collections::BTreeMap;

use anyhow::Result;

use crate::config::problem::likely;
use crate::error::hinted;
use crate::repository::restic::{Restic, Snapshot, SnapshotPath};
use crate::repository::snapshots::described;
use crate::text::harmless;

use super::twice::{Fault, refuse};

/// The number of names that are listed of a directory.
const NAMES: usize = 20;
/// The number of snapshots that are named.
const SNAPSHOTS: usize = 5;

/// Checks that each path, and each directory above it, is in a snapshot exactly once.
///
/// # Errors
/// When a path is missing, with what is there instead; or when a path is there twice.
pub(crate) fn are_there(
    restic: &Restic<'_>,
    snapshots: &[Snapshot],
    snapshot: &Snapshot,
    paths: &[SnapshotPath],
) -> Result<()> {
    let mut above: Vec<SnapshotPath> = paths.iter().flat_map(SnapshotPath::ancestors).collect();
    above.sort_unstable();
    above.dedup();
    if above.is_empty() {
        return Ok(());
    }
    let mut wanted: BTreeMap<String, Vec<bool>> = paths
        .iter()
        .chain(&above)
        .map(|path| (path.lossy().into_owned(), Vec::new()))
        .collect();
    restic.list(&snapshot.id, &above, false, |node| {
        if let Some(seen) = wanted.get_mut(&node.path) {
            let is_link = node.kind == "symlink";
            // Different names that are not UTF-8 may look alike. Then only a link is refused.
            let is_twice = seen
                .iter()
                .any(|before| !node.path.contains('\u{fffd}') || *before != is_link);
            if is_twice {
                return refuse(snapshot, &node.path, &Fault::Twice);
            }
            seen.push(is_link);
        }
        Ok(())
    })?;
    for path in paths {
        let is_seen = wanted.get(&*path.lossy()).is_some_and(|seen| !seen.is_empty());
        let is_there = path.is_root() || is_seen && has_bytes(restic, snapshot, path)?;
        if !is_there {
            return Err(missing(restic, snapshots, snapshot, path)?);
        }
    }
    Ok(())
}

/// Lists a name that is not UTF-8 once more, because another name may look alike in JSON.
fn has_bytes(restic: &Restic<'_>, snapshot: &Snapshot, path: &SnapshotPath) -> Result<bool> {
    let mut is_there = path.as_os_str().to_str().is_some();
    if !is_there {
        restic.list(&snapshot.id, std::slice::from_ref(path), false, |_| {
            is_there = true;
            Ok(())
        })?;
    }
    Ok(is_there)
}

/// The error for a path that is missing in a snapshot.
fn missing(
    restic: &Restic<'_>,
    snapshots: &[Snapshot],
    snapshot: &Snapshot,
    path: &SnapshotPath,
) -> Result<anyhow::Error> {
    let mut hints = Vec::new();
    let elsewhere = restic.find(&snapshot.host, path)?;
    let mut elsewhere: Vec<&Snapshot> = snapshots
        .iter()
        .filter(|snapshot| elsewhere.contains(&snapshot.id))
        .collect();
    elsewhere.reverse();
    if let Some(newest) = elsewhere.first() {
        let named: Vec<String> = elsewhere
            .iter()
            .take(SNAPSHOTS)
            .map(|snapshot| described(snapshot))
            .collect();
        let more = if elsewhere.len() > SNAPSHOTS { " …" } else { "" };
        let have = if elsewhere.len() == 1 { "has" } else { "have" };
        hints.push(format!(
            "{}{more} {have} it: `--snapshot {}`",
            named.join("; "),
            newest.short_id()
        ));
    }
    hints.push(near(restic, snapshot, path)?);
    Ok(hinted!(
        what(
            "there is no {} in snapshot {}",
            harmless(&path.lossy()),
            described(snapshot)
        ),
        hint("{}", hints.join("\n      "))
    ))
}

/// What the closest existing directory above the path contains.
fn near(restic: &Restic<'_>, snapshot: &Snapshot, path: &SnapshotPath) -> Result<String> {
    let mut below = path.clone();
    while let Some(directory) = below.parent() {
        let mut names = Vec::new();
        restic.list(&snapshot.id, std::slice::from_ref(&directory), false, |node| {
            if node.path != directory.lossy() {
                names.push(node.path);
            }
            Ok(())
        })?;
        if !names.is_empty() {
            names.sort_unstable();
            let similar = likely(&below.lossy(), names.iter().map(String::as_str));
            let similar = similar.map_or_else(String::new, |name| format!("; did you mean `{name}`?"));
            let more = if names.len() > NAMES { ", …" } else { "" };
            let shown: Vec<&str> = names.iter().take(NAMES).map(String::as_str).collect();
            return Ok(harmless(&format!(
                "the snapshot has {}{more}{similar}",
                shown.join(", ")
            )));
        }
        below = directory;
    }
    Ok("the snapshot is empty".to_owned())
}
