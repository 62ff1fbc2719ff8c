//! The quarantine: files that failed, each with the reason. Nothing in it is ever deleted.
//!
//! `.genbackup/quarantine/<begin of the turn>-<host>/` has the files at their paths in the repository, and
//! `reasons.json`. The reasons are on the disk before a file is moved, so a move that was cut off can be completed.

mod encoded;

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fmt;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use self::encoded::{decode, encode};
use super::disk::{self, Before};
use super::found::path_of_pack;
use super::turn::Turn;
use crate::apply;
use crate::error::hinted;

const REASONS: &str = "reasons.json";

/// What failed in one turn.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The name of its directory.
    #[serde(skip)]
    pub name: String,
    /// The host.
    pub host: String,
    /// When the turn began.
    pub begin: Timestamp,
    /// The files.
    pub findings: Vec<Finding>,
    /// When an administrator accepted that these files are gone.
    #[serde(default)]
    pub accepted: Option<Timestamp>,
}

/// One file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Its path in the repository; `%` and two digits stand for an unusual byte.
    pub file: String,
    /// Why it failed.
    pub why: String,
    /// False of a file that is missing.
    pub is_moved: bool,
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.file, self.why)
    }
}

/// All of a repository, the oldest first.
///
/// # Errors
/// When one cannot be read: no reason must get lost.
pub fn entries(repository: &Path) -> Result<Vec<Entry>> {
    let directory = disk::own(repository, "quarantine");
    let unreadable = || format!("cannot read the quarantine `{}`", directory.display());
    let found = match fs::read_dir(&directory) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        found => found.with_context(unreadable)?,
    };
    let mut entries = Vec::new();
    for entry in found {
        entries.extend(read(&entry.with_context(unreadable)?.path())?);
    }
    entries.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(entries)
}

/// Accepts that files are gone, by the name of their entry: forget and prune may run again.
///
/// # Errors
/// When there is no such entry, or it cannot be written.
pub fn accept(repository: &Path, name: &str, now: Timestamp) -> Result<()> {
    let _lock = disk::lock(repository)?;
    let entry = entries(repository)?.into_iter().find(|entry| entry.name == name);
    let mut entry = entry.ok_or_else(|| {
        hinted!(
            what("the quarantine has no entry `{name}`"),
            hint("`genbackup settle` shows its entries")
        )
    })?;
    entry.accepted.get_or_insert(now);
    entry.put(&entry.directory(repository))
}

fn read(directory: &Path) -> Result<Option<Entry>> {
    let path = directory.join(REASONS);
    let unreadable = || format!("cannot read `{}`", path.display());
    let text = match fs::read(&path) {
        // A power cut came before the first reason was written, so nothing was moved here.
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        text => text.with_context(unreadable)?,
    };
    let entry: Entry = serde_json::from_slice(&text).with_context(unreadable)?;
    let name = directory.file_name().map(OsStr::to_string_lossy);
    let name = name.unwrap_or_default().into_owned();
    Ok(Some(Entry { name, ..entry }))
}

impl Entry {
    /// Where its files are.
    #[must_use]
    pub fn directory(&self, repository: &Path) -> PathBuf {
        disk::own(repository, "quarantine").join(&self.name)
    }

    fn put(&self, directory: &Path) -> Result<()> {
        let text = serde_json::to_string_pretty(self)? + "\n";
        apply::replace(&directory.join(REASONS), text.as_bytes())
    }
}

/// The entry of one turn.
pub(super) struct Quarantine<'q> {
    repository: &'q Path,
    turn: &'q Turn,
    before: Before<'q>,
    directory: PathBuf,
    name: String,
}

impl<'q> Quarantine<'q> {
    pub(super) fn of(repository: &'q Path, turn: &'q Turn, before: Before<'q>) -> Self {
        let host = encode(Path::new(&turn.host)).replace('/', "%2F");
        let name = format!("{}-{host}", turn.begin.strftime("%Y%m%dT%H%M%S%.3fZ"));
        let directory = disk::own(repository, "quarantine").join(&name);
        Self {
            repository,
            turn,
            before,
            directory,
            name,
        }
    }

    /// The name of the entry.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    fn entry(&self) -> Result<Entry> {
        Ok(read(&self.directory)?.unwrap_or_else(|| Entry {
            name: self.name.clone(),
            host: self.turn.host.clone(),
            begin: self.turn.begin,
            findings: Vec::new(),
            accepted: None,
        }))
    }

    /// The reasons of this turn, a line each.
    pub(super) fn reasons(&self) -> Result<Vec<String>> {
        Ok(self.entry()?.findings.iter().map(ToString::to_string).collect())
    }

    /// The paths of what was moved away in this turn.
    pub(super) fn files(&self) -> Result<BTreeSet<PathBuf>> {
        let findings = self.entry()?.findings;
        let moved = findings.iter().filter(|finding| finding.is_moved);
        Ok(moved.map(|finding| decode(&finding.file)).collect())
    }

    /// Completes the moves that a power cut interrupted.
    pub(super) fn resume(&self) -> Result<()> {
        let files: Vec<PathBuf> = self.files()?.into_iter().collect();
        disk::move_all(self.repository, &files, &self.directory, self.before)
    }

    /// Moves files away, after their reasons are on the disk.
    pub(super) fn put(&self, files: impl IntoIterator<Item = (PathBuf, String)>) -> Result<()> {
        let (files, findings): (Vec<PathBuf>, Vec<Finding>) = files
            .into_iter()
            .map(|(path, why)| {
                let file = encode(&path);
                let is_moved = true;
                (path, Finding { file, why, is_moved })
            })
            .unzip();
        self.note(findings)?;
        disk::move_all(self.repository, &files, &self.directory, self.before)
    }

    /// Notes settled packs that are missing.
    pub(super) fn note_missing(&self, packs: &[String]) -> Result<()> {
        let finding = |pack: &String| Finding {
            file: encode(&path_of_pack(pack)),
            why: "it is missing, although it was settled".to_owned(),
            is_moved: false,
        };
        self.note(packs.iter().map(finding).collect())
    }

    fn note(&self, findings: Vec<Finding>) -> Result<()> {
        let mut entry = self.entry()?;
        let before = entry.findings.len();
        let new = findings.into_iter().filter(|new| !entry.findings.contains(new));
        let new: Vec<Finding> = new.collect();
        entry.findings.extend(new);
        if entry.findings.len() == before {
            return Ok(());
        }
        entry.accepted = None;
        (self.before)()?;
        disk::make(self.repository, &self.directory)?;
        entry.put(&self.directory)
    }
}
