//! One attempt: what a record holds of one host, or of one phase, in one run.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use crate::runs::record::{CopyFigures, HostFinished, HostRun, PhaseFinished, PhaseRun, Run, RunId, Status};

/// How one attempt to back up a host, or to do a phase, ended.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Attempt {
    /// The run.
    pub run: RunId,
    /// When it was over; of an interrupted one, when it began, or else its run.
    pub time: Timestamp,
    /// How it ended.
    pub status: Status,
    /// Why it did not succeed. A host may have sent it: any character may be in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// How long it took.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seconds: Option<f64>,
    /// What restic reports of the snapshot.
    #[serde(flatten)]
    pub figures: Figures,
    /// The host's restic, as it names itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub restic_version: Option<String>,
    /// What the snapshot lacks.
    #[serde(flatten)]
    pub lacks: Lacks,
    /// By how many seconds the host's clock is off.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clock_off: Option<f64>,
    /// Snapshots that stay; of forget alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kept: Option<u64>,
    /// Snapshots that went; of forget alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub removed: Option<u64>,
    /// What a copy got and lost.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub copied: Option<CopyFigures>,
}

/// What restic reports of a snapshot, as far as the host handed it on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Figures {
    /// Bytes that are new in the repository, before compression: the one figure that all versions of restic give.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub added_bytes: Option<u64>,
    /// Files that were looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub files: Option<u64>,
    /// Their size.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub processed_bytes: Option<u64>,
}

/// What a snapshot lacks: the first hundred of each kind.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Lacks {
    /// Included paths that are missing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<String>,
    /// Included directories with nothing in them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub empty: Vec<String>,
    /// Included paths that are not the mount that they should be.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unmounted: Vec<String>,
    /// Included paths that are symbolic links, of which only the link is saved, as `PATH -> TARGET`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<String>,
    /// Files that could not be read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unreadable: Vec<String>,
    /// Commands before this backup, or after the last one, that failed, and why.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub hooks: BTreeMap<String, String>,
}

impl Figures {
    /// Those of restic's summary. A host sent it, so any of them may be missing, or of another kind.
    #[must_use]
    pub fn of(summary: Option<&Value>) -> Self {
        let number = |name: &str| summary?.get(name)?.as_u64();
        Self {
            added_bytes: number("data_added"),
            files: number("total_files_processed"),
            processed_bytes: number("total_bytes_processed"),
        }
    }
}

impl Attempt {
    /// What a run's record holds of one of its hosts.
    #[must_use]
    pub fn of_host(run: &Run, host: &HostRun) -> Self {
        let ended = host.finished.clone().unwrap_or_default();
        let HostFinished {
            host: _,
            status: _,
            why,
            exit_code: _,
            restic_version,
            systemd_version: _,
            seconds,
            missing,
            missing_count: _,
            unreadable,
            unreadable_count: _,
            empty,
            empty_count: _,
            unmounted,
            unmounted_count: _,
            links,
            links_count: _,
            hooks,
            clock_off,
        } = ended;
        Self {
            run: run.id,
            time: ended_at(run, host.end.or(host.start)),
            status: host.status().clone(),
            why: why.or_else(|| stopped(run, host.finished.is_none())),
            seconds,
            figures: Figures::of(host.summary.as_ref()),
            restic_version,
            lacks: Lacks {
                missing,
                empty,
                unmounted,
                links,
                unreadable,
                hooks,
            },
            clock_off,
            kept: None,
            removed: None,
            copied: None,
        }
    }

    /// What a run's record holds of one of its phases.
    #[must_use]
    pub fn of_phase(run: &Run, phase: &PhaseRun) -> Self {
        let PhaseFinished {
            status: _,
            why,
            exit_code: _,
            seconds,
            kept,
            removed,
            held: _,
            copy,
            figures,
        } = phase.finished.clone().unwrap_or_default();
        Self {
            run: run.id,
            time: ended_at(run, phase.end.or(phase.start)),
            status: phase.status().clone(),
            why: why.or_else(|| stopped(run, phase.finished.is_none())),
            seconds,
            figures: Figures::default(),
            restic_version: None,
            lacks: Lacks::default(),
            clock_off: None,
            kept,
            removed,
            copied: copy.map(|_| figures.map(|figures| *figures).unwrap_or_default()),
        }
    }
}

/// Why the record does not show how something ended, where that is because the run was stopped.
fn stopped(run: &Run, has_no_end: bool) -> Option<String> {
    run.stopped.clone().filter(|_| has_no_end)
}

fn ended_at(run: &Run, end: Option<Timestamp>) -> Timestamp {
    end.unwrap_or(run.id.start())
}
