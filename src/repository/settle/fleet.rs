//! The quarantines of all repositories of a fleet: one repository, or one below it for each host.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::quarantine::{Entry, entries};
use crate::error::hinted;

/// All entries, each with its repository.
///
/// # Errors
/// When a directory or a reason cannot be read.
pub(crate) fn quarantined(path: &Path) -> Result<Vec<(PathBuf, Entry)>> {
    let unreadable = || format!("cannot read `{}`", path.display());
    let mut repositories = vec![path.to_owned()];
    for entry in fs::read_dir(path).with_context(unreadable)? {
        let entry = entry.with_context(unreadable)?;
        let is_directory = entry.file_type().with_context(unreadable)?.is_dir();
        if is_directory && entry.path().join("config").is_file() {
            repositories.push(entry.path());
        }
    }
    repositories.sort();
    let mut all = Vec::new();
    for repository in repositories {
        let found = entries(&repository)?.into_iter();
        all.extend(found.map(|entry| (repository.clone(), entry)));
    }
    Ok(all)
}

/// The entry of this name, and its repository.
///
/// # Errors
/// When there is none.
pub(crate) fn find(path: &Path, name: &str) -> Result<(PathBuf, Entry)> {
    let found = quarantined(path)?
        .into_iter()
        .find(|(_, entry)| entry.name == name);
    found.ok_or_else(|| {
        hinted!(
            what("the quarantine has no entry `{name}`"),
            hint("`genbackup settle` shows its entries")
        )
    })
}
