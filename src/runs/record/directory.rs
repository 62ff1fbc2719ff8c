//! The records of a storage host.

use std::fs::{self, File};
use std::io::BufReader;
use std::path::Path;

use anyhow::{Context, Result};

use super::run::RunId;

/// Where a storage host keeps them.
pub const DIRECTORY: &str = "/var/lib/genbackup/runs";
/// A record of a hundred hosts has a hundred thousand bytes, of which often only the first line is read.
const BUFFER: usize = 32 * 1024;
const EXTENSION: &str = ".jsonl";

/// The runs that have a record in a directory, oldest first. What is no record is skipped.
///
/// # Errors
/// When the directory cannot be read.
pub fn list(directory: &Path) -> Result<Vec<RunId>> {
    let unreadable = || {
        format!(
            "cannot read the directory of the records, {}",
            directory.display()
        )
    };
    let mut runs = Vec::new();
    for entry in fs::read_dir(directory).with_context(unreadable)? {
        let entry = entry.with_context(unreadable)?;
        let name = entry.file_name();
        let id = name.to_str().and_then(|name| name.strip_suffix(EXTENSION));
        if let Some(id) = id.and_then(|id| id.parse().ok())
            && entry.file_type().with_context(unreadable)?.is_file()
        {
            runs.push(id);
        }
    }
    runs.sort();
    Ok(runs)
}

/// The name of a record's file.
#[must_use]
pub fn file_name(run: RunId) -> String {
    format!("{run}{EXTENSION}")
}

/// Opens the record of a run.
///
/// # Errors
/// When it cannot be opened.
pub fn open(directory: &Path, run: RunId) -> Result<BufReader<File>> {
    let path = directory.join(file_name(run));
    let file = File::open(&path).with_context(|| format!("cannot open the record {}", path.display()))?;
    Ok(BufReader::with_capacity(BUFFER, file))
}
