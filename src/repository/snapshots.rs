//! Lists of snapshots: whether they name a host, and how a message names one of them.

use anyhow::Result;

use super::restic::Snapshot;
use crate::config::problem::{did_you_mean, likely};
use crate::error::fail;
use crate::text::{harmless, local};

/// Checks that a host has snapshots. It may have left the fleet.
///
/// # Errors
/// When it has none.
pub(crate) fn known(host: &str, all: &[Snapshot]) -> Result<()> {
    if all.iter().any(|snapshot| snapshot.host == host) {
        return Ok(());
    }
    let mut hosts: Vec<&str> = all.iter().map(|snapshot| snapshot.host.as_str()).collect();
    hosts.sort_unstable();
    hosts.dedup();
    let hint = likely(host, hosts.iter().copied()).map_or_else(
        || match &hosts[..] {
            [] => "the repository has no snapshots; see `genbackup status`".to_owned(),
            hosts => format!("name a host that has snapshots: {}", hosts.join(", ")),
        },
        did_you_mean,
    );
    fail!(
        what("there is no snapshot of `{host}`"),
        hint("{}", harmless(&hint))
    )
}

/// The remark of `restore` about a snapshot that no run made.
pub(crate) fn remark(snapshot: &Snapshot) -> &'static str {
    if snapshot.is_foreign() {
        ", which no run of genbackup made"
    } else {
        ""
    }
}

/// A snapshot as it is named in messages: its id, host and time.
pub(crate) fn described(snapshot: &Snapshot) -> String {
    format!(
        "{} of {}, {}",
        harmless(snapshot.short_id()),
        harmless(&snapshot.host),
        local(snapshot.time)
    )
}
