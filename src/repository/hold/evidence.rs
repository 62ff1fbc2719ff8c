//! What the records hold of each host's newest snapshot.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Result;
use jiff::Timestamp;
use serde_json::Value;

use super::listing::{Listing, Snapshot};
use crate::runs::record::{self, About, HostRun, Run, Status};
use crate::status::Figures;
use crate::status::anomaly::{Anomaly, Kind, Usual, WINDOW};

/// What one host's records hold of its newest snapshot.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Recorded {
    /// How the turn ended that made it.
    pub(super) status: Status,
    /// Why it did not succeed.
    pub(super) why: Option<String>,
    /// What changed so much that the administrator should check it first.
    pub(super) changes: Vec<Anomaly>,
}

/// Collects what the records hold, from the newest back.
#[derive(Debug)]
pub(crate) struct Evidence<'l> {
    hosts: BTreeMap<&'l str, Trail<'l>>,
}

/// What is known of one host so far.
#[derive(Debug)]
struct Trail<'l> {
    newest: &'l Snapshot,
    /// The turn that made its newest snapshot.
    made: Option<(Status, Option<String>)>,
    /// The figures of that and of the turns before it that left a snapshot, the newest first.
    figures: Vec<Figures>,
}

impl<'l> Evidence<'l> {
    /// About the hosts of a listing.
    #[must_use]
    pub(crate) fn about(listing: &'l Listing) -> Self {
        let trail = |newest| Trail {
            newest,
            made: None,
            figures: Vec::new(),
        };
        let hosts = listing.newest.iter();
        Self {
            hosts: hosts
                .map(|(host, newest)| (host.as_str(), trail(newest)))
                .collect(),
        }
    }

    /// What the records of a directory contain about the newest snapshot of each host.
    ///
    /// # Errors
    /// When a record cannot be read.
    pub(crate) fn read(listing: &'l Listing, runs: &Path) -> Result<Self> {
        let mut evidence = Self::about(listing);
        for run in record::list(runs)?.into_iter().rev() {
            let Some(about) = evidence.sought() else {
                break;
            };
            evidence.note(&Run::read_about(run, record::open(runs, run)?, about)?);
        }
        Ok(evidence)
    }

    /// What the next record is to be read for; `None` when no older one can add anything.
    #[must_use]
    pub(crate) fn sought(&self) -> Option<About> {
        let hosts = self.hosts.iter().filter(|(_, trail)| !trail.is_known());
        let hosts: Vec<&str> = hosts.map(|(host, _)| *host).collect();
        (!hosts.is_empty()).then(|| About::new(hosts, []))
    }

    /// Notes a run; all that were noted before are later.
    pub(crate) fn note(&mut self, run: &Run) {
        for (host, recorded) in &run.hosts {
            if let Some(trail) = self.hosts.get_mut(host.as_str()) {
                trail.note(recorded);
            }
        }
    }

    /// What is known of a host; nothing where no record is about its newest snapshot.
    pub(super) fn of(&self, host: &str) -> Option<Recorded> {
        let trail = self.hosts.get(host)?;
        let (status, why) = trail.made.clone()?;
        Some(Recorded {
            status,
            why,
            changes: trail.changes(),
        })
    }
}

impl Trail<'_> {
    fn is_known(&self) -> bool {
        self.figures.len() > WINDOW
            || self
                .made
                .as_ref()
                .is_some_and(|(status, _)| *status != Status::Ok)
    }

    fn note(&mut self, recorded: &HostRun) {
        if self.is_known() {
            return;
        }
        if self.made.is_none() && is_of(self.newest, recorded.summary.as_ref()) {
            let why = recorded
                .finished
                .as_ref()
                .and_then(|finished| finished.why.clone());
            self.made = Some((recorded.status().clone(), why));
        }
        // As in `report`: only an attempt that left a snapshot counts for what is usual.
        if self.made.is_some() && recorded.status().is_good() {
            self.figures.push(Figures::of(recorded.summary.as_ref()));
        }
    }

    /// What the newest snapshot changed, compared with those before it.
    fn changes(&self) -> Vec<Anomaly> {
        let mut usual = Usual::default();
        let mut found = Vec::new();
        // No duration: it shows nothing about the files.
        for figures in self.figures.iter().rev() {
            found = usual.note(None, *figures);
        }
        let files_before = self.figures.get(1).and_then(|figures| figures.files);
        found.retain(|anomaly| match anomaly.kind {
            Kind::Files => anomaly.usual.is_some() || files_before.is_some_and(|files| files > 0),
            Kind::Size | Kind::Added => true,
            Kind::Duration => false,
        });
        found
    }
}

/// Whether restic's summary is about that snapshot: restic 0.14 names it by the first eight digits of its id.
fn is_of(snapshot: &Snapshot, summary: Option<&Value>) -> bool {
    let id = summary.and_then(|summary| summary.get("snapshot_id")?.as_str());
    id.is_some_and(|id| id.len() >= 8 && snapshot.id.starts_with(id))
}

/// Seconds by which a snapshot may be later than the storage host's clock.
const CLOCK_TOLERANCE: jiff::SignedDuration = jiff::SignedDuration::from_hours(1);

/// Why nothing may be forgotten at all. The keep policy counts back from the newest snapshot, so a snapshot
/// with a wrong time pushes good ones out.
pub(super) fn objection(listing: &Listing, run: &Run, now: Timestamp) -> Option<String> {
    let is_off = |host: &HostRun| host.finished.as_ref().is_some_and(|end| end.clock_off.is_some());
    let off = run.hosts.iter().filter(|(_, host)| is_off(host));
    let off: Vec<&str> = off.map(|(name, _)| name.as_str()).collect();
    let mut why = Vec::new();
    if !off.is_empty() {
        why.push(format!(
            "the clock of {} is wrong: nothing is forgotten in this run",
            off.join(", ")
        ));
    }
    let limit = now.saturating_add(CLOCK_TOLERANCE).unwrap_or(Timestamp::MAX);
    if let Some(latest) = listing.latest().filter(|latest| latest.time > limit) {
        let id = latest.short_id();
        why.push(format!(
            "the snapshot {id} of {} is from the future ({}): a clock is or was wrong; correct the clocks, and if only \
             that snapshot is wrong, run `restic forget {id}`",
            latest.hostname,
            latest.time.strftime("%Y-%m-%dT%H:%M:%SZ")
        ));
    }
    (!why.is_empty()).then(|| why.join("; "))
}
