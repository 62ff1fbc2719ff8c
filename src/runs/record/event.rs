//! One event of a record, as a type that is both written and read.
//!
//! Reading is lenient, because a newer genbackup may have written the event, and because a part of it comes
//! from a client. An unknown event is [`What::Other`], unknown fields are kept in [`Event::unknown`], and a field of an
//! unexpected type counts as absent. A status that is absent or unknown is never [`Status::Ok`].

mod line;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::lenient::{lenient, texts};
use super::status::Status;
use crate::model::Phase;

/// One event.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// When it was written.
    pub time: Timestamp,
    /// What happened.
    pub what: What,
    /// The fields that this program does not know, by their names. They are written again with the event.
    pub unknown: BTreeMap<String, Value>,
}

/// What happened.
#[derive(Debug, Clone, PartialEq)]
pub enum What {
    /// `run-started`
    RunStarted(RunStarted),
    /// `host-started`
    HostStarted(HostStarted),
    /// `restic`
    Restic(Restic),
    /// `host-finished`
    HostFinished(Box<HostFinished>),
    /// `forget-started` and the like
    PhaseStarted(Phase, PhaseStarted),
    /// `forget-finished` and the like
    PhaseFinished(Phase, PhaseFinished),
    /// `warning`
    Warning(Warning),
    /// `run-finished`
    RunFinished,
    /// `run-stopped`
    RunStopped(RunStopped),
    /// An event that this program does not know, by its name.
    Other(String),
}

/// A run begins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunStarted {
    /// Its name.
    pub run: String,
    /// The hosts that it is to back up.
    pub hosts: Vec<String>,
    /// Versions of the programs on the storage host.
    #[serde(default, deserialize_with = "texts")]
    pub versions: BTreeMap<String, String>,
    /// Whether somebody chose these hosts, and excluded the others on purpose.
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "is_false")]
    pub chosen: bool,
    /// Whether it is no run at all, but an ad hoc record of `genbackup record`.
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "is_false")]
    pub beside: bool,
    /// systemd's name for this time of the unit (`InvocationID`, in hexadecimal digits).
    #[serde(
        default,
        deserialize_with = "lenient",
        skip_serializing_if = "Option::is_none"
    )]
    pub invocation: Option<String>,
}

/// A host's turn begins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostStarted {
    /// The host.
    pub host: String,
}

/// restic's summary of a snapshot.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Restic {
    /// The host.
    pub host: String,
    /// The message of restic, untouched: a client sent it, so any of it may be missing, or of another kind.
    pub message: Value,
}

/// A host's turn is over. Of each list only the first hundred are spelled out.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct HostFinished {
    /// The host.
    pub host: String,
    /// How it ended.
    #[serde(default, deserialize_with = "lenient")]
    pub status: Status,
    /// Why it did not succeed. A client may have sent it: any character may be in it.
    #[serde(default, deserialize_with = "lenient")]
    pub why: Option<String>,
    /// restic's exit status.
    #[serde(default, deserialize_with = "lenient")]
    pub exit_code: Option<i64>,
    /// The client's restic, as it names itself.
    #[serde(default, deserialize_with = "lenient")]
    pub restic_version: Option<String>,
    /// The client's systemd, as it names itself.
    #[serde(default, deserialize_with = "lenient")]
    pub systemd_version: Option<String>,
    /// How long it took.
    #[serde(default, deserialize_with = "lenient")]
    pub seconds: Option<f64>,
    /// Included paths that are missing.
    #[serde(default, deserialize_with = "lenient")]
    pub missing: Vec<String>,
    /// How many there are.
    #[serde(default, deserialize_with = "lenient")]
    pub missing_count: u64,
    /// Files that could not be read.
    #[serde(default, deserialize_with = "lenient")]
    pub unreadable: Vec<String>,
    /// How many there are.
    #[serde(default, deserialize_with = "lenient")]
    pub unreadable_count: u64,
    /// Included directories with nothing in them.
    #[serde(default, deserialize_with = "lenient")]
    pub empty: Vec<String>,
    /// How many there are.
    #[serde(default, deserialize_with = "lenient")]
    pub empty_count: u64,
    /// Included paths that are not the mount that they should be.
    #[serde(default, deserialize_with = "lenient")]
    pub unmounted: Vec<String>,
    /// How many there are.
    #[serde(default, deserialize_with = "lenient")]
    pub unmounted_count: u64,
    /// Included paths that are symbolic links, of which only the link is saved, as `PATH -> TARGET`.
    #[serde(default, deserialize_with = "lenient")]
    pub links: Vec<String>,
    /// How many there are.
    #[serde(default, deserialize_with = "lenient")]
    pub links_count: u64,
    /// Commands before this backup, or after the last one, that failed, and why.
    #[serde(default, deserialize_with = "texts")]
    pub hooks: BTreeMap<String, String>,
    /// By how many seconds the host's clock is off; absent when it is right.
    #[serde(default, deserialize_with = "lenient")]
    pub clock_off: Option<f64>,
}

/// A phase begins.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PhaseStarted {
    /// The copy that it is about, by its name in the fleet file.
    #[serde(
        default,
        deserialize_with = "lenient",
        skip_serializing_if = "Option::is_none"
    )]
    pub copy: Option<String>,
}

/// What a copy of the repository got and lost.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct CopyFigures {
    /// How many files it got.
    #[serde(default, deserialize_with = "lenient")]
    pub files: u64,
    /// How many bytes these have.
    #[serde(default, deserialize_with = "lenient")]
    pub bytes: u64,
    /// How many files left it.
    #[serde(default, deserialize_with = "lenient")]
    pub deleted: u64,
    /// How many of its files the repository no longer has.
    #[serde(default, deserialize_with = "lenient")]
    pub waiting: u64,
    /// How many of the files that it got it had before: the remote lost them.
    #[serde(default, deserialize_with = "lenient")]
    pub lost: u64,
    /// How many snapshots it has of those in the repository.
    #[serde(default, deserialize_with = "lenient")]
    pub snapshots: u64,
    /// Whether nothing was copied: it was only tried whether the copy can be destroyed.
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "is_false")]
    pub only_tried: bool,
    /// The result of an attempt to destroy something in the copy, where one was made: `refused`, `accepted`
    /// or `inconclusive`.
    #[serde(
        default,
        deserialize_with = "lenient",
        skip_serializing_if = "Option::is_none"
    )]
    pub tampering: Option<String>,
    /// Of a copy in a directory: whether it is on the file system of the repository.
    #[serde(
        default,
        deserialize_with = "lenient",
        skip_serializing_if = "Option::is_none"
    )]
    pub same_file_system: Option<bool>,
}

/// A phase is over.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct PhaseFinished {
    /// How it ended.
    #[serde(default, deserialize_with = "lenient")]
    pub status: Status,
    /// Why it did not succeed.
    #[serde(default, deserialize_with = "lenient")]
    pub why: Option<String>,
    /// restic's exit status.
    #[serde(default, deserialize_with = "lenient")]
    pub exit_code: Option<i64>,
    /// How long it took.
    #[serde(default, deserialize_with = "lenient")]
    pub seconds: Option<f64>,
    /// Snapshots that stay; of forget alone.
    #[serde(
        default,
        deserialize_with = "lenient",
        skip_serializing_if = "Option::is_none"
    )]
    pub kept: Option<u64>,
    /// Snapshots that went; of forget alone.
    #[serde(
        default,
        deserialize_with = "lenient",
        skip_serializing_if = "Option::is_none"
    )]
    pub removed: Option<u64>,
    /// Hosts that were left alone, and why; of forget alone.
    #[serde(
        default,
        deserialize_with = "texts",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    pub held: BTreeMap<String, String>,
    /// The copy that it is about, by its name in the fleet file; of offsite alone.
    #[serde(
        default,
        deserialize_with = "lenient",
        skip_serializing_if = "Option::is_none"
    )]
    pub copy: Option<String>,
    /// What that copy got and lost; of offsite alone. Read by [`Event::parse`].
    #[serde(flatten, skip_deserializing)]
    pub figures: Option<Box<CopyFigures>>,
}

/// Something that an admin should know, and that did not stop the run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Warning {
    /// What it is.
    pub why: String,
}

/// A run was stopped before it was done: nothing more of it follows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunStopped {
    /// What stopped it.
    #[serde(default, deserialize_with = "lenient")]
    pub why: Option<String>,
}

/// A number of seconds, rounded to milliseconds, as a record has it.
#[must_use]
pub(crate) fn in_milliseconds(seconds: f64) -> f64 {
    (seconds * 1000.0).round() / 1000.0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
const fn is_false(value: &bool) -> bool {
    !*value
}
