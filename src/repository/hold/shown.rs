//! What to print about the hosts that forget leaves alone: the holds as they are now, and the hosts that the
//! last forget left alone by itself.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use super::store::Store;
use crate::runs::record::{About, Phase, Run, RunId, Status};

/// What the last forget left alone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct LeftAlone {
    /// When it ended.
    pub time: Timestamp,
    /// The hosts, and why.
    pub hosts: BTreeMap<String, String>,
}

/// One host that forget leaves alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Shown {
    /// The host.
    pub host: String,
    /// Why. The text may come from a host: any character may be in it.
    pub why: String,
    /// When the hold ends by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// When the hold was placed; nothing if it follows from the records.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
}

/// The hosts that the last forget skipped. `read` gives the part of a record about forget.
///
/// # Errors
/// The errors of `read`.
pub(crate) fn left_alone<E>(
    newest_first: impl IntoIterator<Item = RunId>,
    mut read: impl FnMut(RunId, Option<About>) -> Result<Run, E>,
) -> Result<LeftAlone, E> {
    for run in newest_first {
        let about = About::new(std::iter::empty::<String>(), [Phase::Forget]);
        let read = read(run, Some(about))?;
        if let Some(forget) = read.phases.get(&Phase::Forget)
            && let Some((finished, end)) = forget.finished.clone().zip(forget.end)
            && (finished.status == Status::Ok || !finished.held.is_empty())
        {
            let hosts = finished.held;
            return Ok(LeftAlone { time: end, hosts });
        }
    }
    Ok(LeftAlone::default())
}

/// The hosts that forget leaves alone, by their names.
#[must_use]
pub(crate) fn shown(store: &Store, left_alone: &LeftAlone, now: Timestamp) -> Vec<Shown> {
    let mut all = BTreeMap::new();
    for (host, why) in &left_alone.hosts {
        // A decision of the administrator since then is newer.
        let entry = store.get(host);
        let accepted = entry.and_then(|entry| entry.accepted.as_ref());
        let was_placed = why.starts_with(super::decision::PLACED);
        if was_placed || accepted.is_some_and(|accepted| accepted.time >= left_alone.time) {
            continue;
        }
        let shown = Shown {
            host: host.clone(),
            why: why.clone(),
            until: None,
            since: None,
        };
        all.insert(host.clone(), shown);
    }
    for entry in store.iter() {
        if let Some(hold) = entry.hold_at(now) {
            let shown = Shown {
                host: entry.host.clone(),
                why: hold.why.clone(),
                until: hold.until,
                since: Some(hold.since),
            };
            all.insert(entry.host.clone(), shown);
        }
    }
    all.into_values().collect()
}
