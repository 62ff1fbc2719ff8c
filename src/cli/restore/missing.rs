//! A path that a snapshot does not have: what is near, and which snapshots do have it.

use anyhow::{Result, bail};

use crate::cli::{repository, terminal};
use crate::model::AbsolutePath;
use crate::problem::likely;
use crate::restic::{Restic, Snapshot};

/// Names that are listed of a folder.
const NAMES: usize = 20;
/// Snapshots that are named.
const SNAPSHOTS: usize = 5;

/// Looks for a path in a snapshot.
///
/// # Errors
/// When it is not there; the message says what is.
pub(super) fn is_there(
    restic: &Restic<'_>,
    snapshots: &[Snapshot],
    snapshot: &Snapshot,
    path: &AbsolutePath,
) -> Result<()> {
    if path.as_str() == "/" || has(restic, snapshot, path)? {
        return Ok(());
    }
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
            .map(|snapshot| repository::described(snapshot))
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
    bail!(
        "there is no {} in snapshot {}\n\nhint: {}",
        terminal::harmless(path.as_str()),
        repository::described(snapshot),
        hints.join("\n      ")
    )
}

fn has(restic: &Restic<'_>, snapshot: &Snapshot, path: &AbsolutePath) -> Result<bool> {
    let mut is_there = false;
    restic.list(&snapshot.id, std::slice::from_ref(path), false, |node| {
        is_there |= node.path == path.as_str();
        Ok(())
    })?;
    Ok(is_there)
}

/// What the closest folder above it has.
fn near(restic: &Restic<'_>, snapshot: &Snapshot, path: &AbsolutePath) -> Result<String> {
    let mut below = path.clone();
    while let Some(folder) = below.parent() {
        let mut names = Vec::new();
        restic.list(&snapshot.id, std::slice::from_ref(&folder), false, |node| {
            if node.path != folder.as_str() {
                names.push(node.path);
            }
            Ok(())
        })?;
        if !names.is_empty() {
            names.sort_unstable();
            let similar = likely(below.as_str(), names.iter().map(String::as_str));
            let similar = similar.map_or_else(String::new, |name| format!("; did you mean `{name}`?"));
            let more = if names.len() > NAMES { ", …" } else { "" };
            let shown: Vec<&str> = names.iter().take(NAMES).map(String::as_str).collect();
            return Ok(terminal::harmless(&format!(
                "there is {}{more}{similar}",
                shown.join(", ")
            )));
        }
        below = folder;
    }
    Ok("there is nothing in it".to_owned())
}
