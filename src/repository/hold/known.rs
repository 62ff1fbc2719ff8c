//! Whether a host is known at all: a hold on a misspelled name would keep nothing.

use std::path::Path;

use anyhow::Result;

use super::Store;
use crate::config::problem::{did_you_mean, likely};
use crate::error::fail;
use crate::model::{Fleet, HostName};
use crate::repository::open::{Errand, open};
use crate::repository::restic::Snapshot;
use crate::runs::record::{self, About, Run};
use crate::text::harmless;

/// Checks that a host is backed up, or has records or snapshots.
///
/// # Errors
/// When it does not, with the name that was probably meant.
pub(crate) fn known(fleet: &Fleet, host: &str, store: &Store, runs: &Path, errand: Errand) -> Result<()> {
    let backed_up: Vec<&str> = fleet.backed_up().map(HostName::as_str).collect();
    let has_records = || runs.is_dir() && is_recorded(runs, host).unwrap_or_default();
    if backed_up.contains(&host) || store.get(host).is_some() || has_records() {
        return Ok(());
    }
    // A host that left the fleet may have snapshots and no records.
    let listed = open(fleet, errand).and_then(|restic| restic.snapshots(None));
    let (listed, unasked): (Vec<Snapshot>, _) = match listed {
        Ok(listed) => (listed, String::new()),
        Err(error) => (
            Vec::new(),
            format!("; cannot list the snapshots: {}", first_line(&error)),
        ),
    };
    if listed.iter().any(|snapshot| snapshot.host == host) {
        return Ok(());
    }
    let candidates = backed_up.iter().copied();
    let candidates = candidates.chain(listed.iter().map(|snapshot| snapshot.host.as_str()));
    let hint = likely(host, candidates).map_or_else(
        || format!("name a host of the fleet: {}", backed_up.join(", ")),
        did_you_mean,
    );
    fail!(
        what(
            "no host of the fleet, its records or its snapshots is named `{}`{unasked}",
            harmless(host)
        ),
        hint("{}", harmless(&hint))
    )
}

fn first_line(error: &anyhow::Error) -> String {
    let text = format!("{error:#}");
    text.lines().next().unwrap_or_default().to_owned()
}

/// True if a record of a run names a host.
fn is_recorded(runs: &Path, host: &str) -> Result<bool> {
    for run in record::list(runs)?.into_iter().rev() {
        let read = Run::read_about(run, record::open(runs, run)?, About::new([host], []))?;
        if read.hosts.contains_key(host) {
            return Ok(true);
        }
    }
    Ok(false)
}
