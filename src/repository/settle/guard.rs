//! Whether forget and prune may run: only while everything is settled, and nothing waits in the quarantine.

use std::path::Path;

use anyhow::Result;

use super::disk;
use super::found::Found;
use super::quarantine::entries;
use super::state::State;

use super::state::Unsettled;
use crate::text::counted;

/// The files of a repository that are not settled.
///
/// # Errors
/// When the repository or the state cannot be read.
pub fn unsettled(repository: &Path, state: &Path) -> Result<Unsettled> {
    Ok(State::read(state)?.unsettled(&Found::read(repository)?))
}

/// Why nothing of a repository may be forgotten or pruned; `None` if both may run.
///
/// # Errors
/// When the repository, the state or the quarantine cannot be read. Then nothing may be forgotten or pruned either.
pub fn objection(repository: &Path, state: &Path) -> Result<Option<String>> {
    let waiting = entries(repository)?
        .into_iter()
        .find(|entry| entry.accepted.is_none());
    if let Some(entry) = waiting {
        return Ok(Some(format!(
            "{} of {} wait in the quarantine: {}; see `genbackup settle`",
            counted(entry.findings.len(), "file"),
            entry.host,
            entry
                .findings
                .first()
                .map_or_else(String::new, ToString::to_string),
        )));
    }
    let found = Found::read(repository)?;
    if let Some((path, why)) = found.strange.first() {
        return Ok(Some(format!("`{}` is not settled: {why}", path.display())));
    }
    let state = State::read(state)?;
    if let Some(pack) = state.missing_packs(&found).first() {
        return Ok(Some(format!("pack {pack} is missing, although it was settled")));
    }
    let unsettled = state.unsettled(&found);
    Ok((!unsettled.is_empty()).then(|| {
        format!(
            "not settled: {}, {}, {}",
            counted(unsettled.packs.len(), "pack"),
            counted(unsettled.indexes.len(), "index file"),
            counted(unsettled.snapshots.len(), "snapshot"),
        )
    }))
}

/// Notes that forget and prune begin. If they are cut off, their new index files are not taken for those of a client.
///
/// # Errors
/// When the state cannot be written.
pub fn begin_maintenance(state: &Path) -> Result<()> {
    let mut known = State::read(state)?;
    known.maintaining = true;
    known.put(state)
}

/// Records all files of a repository as settled. Only forget and prune may have changed it since [`objection`] found
/// nothing, or a person vouches for it, for example after `restic copy`. Also call it after a prune that failed.
///
/// # Errors
/// When the repository cannot be read, or the state cannot be written.
pub fn record_all(repository: &Path, state: &Path) -> Result<()> {
    let _lock = disk::lock(repository)?;
    State::of_all(&Found::read(repository)?).put(state)
}
