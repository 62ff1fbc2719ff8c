//! What restic prints as JSON, read leniently: its versions differ, and only what is needed has to be there.

use anyhow::{Context, Result};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

/// A snapshot as `restic snapshots` lists it.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// Its whole id.
    pub id: String,
    /// When it was made, by the clock of its host.
    pub time: Timestamp,
    /// Whose files it has.
    pub host: String,
    /// What was asked for.
    pub paths: Vec<String>,
    /// Its tags.
    pub tags: Vec<String>,
    /// The id that it had before its tags or its host were changed.
    pub original: Option<String>,
    /// The program that made it, such as `restic 0.18.0`; restic writes it since 0.16, and shows it since then.
    pub program: String,
    /// All bytes of it, and those that it added; since restic 0.17.
    pub bytes: Option<(u64, u64)>,
    /// All that restic lists of it.
    pub whole: Value,
}

impl Snapshot {
    /// As much of its id as restic shows.
    #[must_use]
    pub fn short_id(&self) -> &str {
        self.id.get(..8).unwrap_or(&self.id)
    }
}

#[derive(Deserialize)]
struct Listed {
    id: String,
    time: Timestamp,
    #[serde(default)]
    hostname: String,
    #[serde(default)]
    paths: Vec<String>,
    #[serde(default)]
    tags: Option<Vec<String>>,
    #[serde(default)]
    original: Option<String>,
    #[serde(default)]
    program_version: String,
    #[serde(default)]
    summary: Option<Summary>,
}

#[derive(Deserialize)]
struct Summary {
    #[serde(default)]
    total_bytes_processed: u64,
    #[serde(default)]
    data_added: u64,
}

/// One file or directory of a snapshot.
#[derive(Debug, Clone, Deserialize)]
pub struct Node {
    /// Where it was.
    pub path: String,
    /// What it is: `file`, `dir`, `symlink` …
    #[serde(rename = "type")]
    pub kind: String,
    /// The bytes of a file.
    #[serde(default)]
    pub size: u64,
    /// Its mode in letters, since restic 0.14.
    #[serde(default)]
    pub permissions: String,
    /// When it was changed last.
    pub mtime: Option<Timestamp>,
}

/// The list of `restic snapshots --json`, the oldest first.
pub(super) fn snapshots(text: &str) -> Result<Vec<Snapshot>> {
    let list: Vec<Value> =
        serde_json::from_str(text).context("cannot read the list of snapshots that restic printed")?;
    let snapshot = |whole: Value| {
        let Listed {
            id,
            time,
            hostname: host,
            paths,
            tags,
            original,
            program_version: program,
            summary,
        } = Listed::deserialize(&whole).context("cannot read a snapshot that restic printed")?;
        let bytes = summary.map(|summary| (summary.total_bytes_processed, summary.data_added));
        anyhow::Ok(Snapshot {
            id,
            time,
            host,
            paths,
            tags: tags.unwrap_or_default(),
            original,
            program,
            bytes,
            whole,
        })
    };
    let mut snapshots: Vec<Snapshot> = list.into_iter().map(snapshot).collect::<Result<_>>()?;
    snapshots.sort_by_key(|snapshot| snapshot.time);
    Ok(snapshots)
}

/// A line of `restic ls --json`; nothing for the line about the snapshot itself.
pub(super) fn node(line: &str) -> Result<Option<Node>> {
    let value: Value = serde_json::from_str(line).context("cannot read a file that restic listed")?;
    if value.get("struct_type").and_then(Value::as_str) != Some("node") {
        return Ok(None);
    }
    Ok(Some(
        Node::deserialize(&value).context("cannot read a file that restic listed")?,
    ))
}

/// The snapshots of `restic find --json`.
pub(super) fn found(text: &str) -> Result<Vec<String>> {
    #[derive(Deserialize)]
    struct Found {
        snapshot: String,
    }
    let found: Vec<Found> =
        serde_json::from_str(text).context("cannot read the list of files that restic printed")?;
    Ok(found.into_iter().map(|found| found.snapshot).collect())
}

/// The message in a line of restic's standard error; since 0.18 some are JSON.
pub(super) fn message(line: &str) -> String {
    let value: Value = serde_json::from_str(line).unwrap_or_default();
    let text = value.pointer("/error/message").or_else(|| value.get("message"));
    let item = value.get("item").and_then(Value::as_str);
    match (text.and_then(Value::as_str), item) {
        (Some(text), Some(item)) => format!("{item}: {text}"),
        (Some(text), None) => text.to_owned(),
        (None, _) => line.to_owned(),
    }
}
