//! The reference of the book and of the manual page is true: of the fleet file, of the commands and of the units.

mod chapters;
mod keys;
mod releases;
mod values;

use std::collections::BTreeMap;

use anyhow::{Result, ensure};
use genbackup::reference::{Key, tables};

use crate::command::{genbackup, run};

/// The chapters that `genbackup reference --out` writes, by their names.
fn chapters() -> Result<BTreeMap<String, String>> {
    let directory = tempfile::tempdir()?;
    let outcome = run(genbackup().args(["reference", "--out"]).arg(directory.path()))?;
    ensure!(
        outcome.status.success() && outcome.stderr.is_empty(),
        "{}",
        outcome.stderr
    );
    let mut chapters = BTreeMap::new();
    for entry in std::fs::read_dir(directory.path())? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        chapters.insert(name, std::fs::read_to_string(entry.path())?);
    }
    Ok(chapters)
}

/// All keys that are no tables.
fn keys() -> Vec<Key> {
    tables().into_iter().flat_map(|table| table.keys).collect()
}
