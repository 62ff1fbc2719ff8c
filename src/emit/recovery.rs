//! The recovery page of every host: the commands for the day when a part of the fleet is lost.

use askama::Template;

use super::{Artifact, add};
use crate::model::{AbsolutePath, HostName};
use crate::plan::RecoveryPlan;

/// Where it is on the storage host. Clients have none.
const FLEET_FILE: &str = "/etc/genbackup/fleet.toml";

#[derive(Template)]
#[template(path = "recovery/RECOVERY.md")]
struct Recovery<'p> {
    plan: &'p RecoveryPlan<'p>,
    wanted: Option<Wanted<'p>>,
    /// Whether the storage host's snapshots have the fleet file.
    backs_up_fleet_file: bool,
}

/// What stands for the one file that is wanted back.
struct Wanted<'p> {
    host: &'p HostName,
    path: &'p AbsolutePath,
}

pub(super) fn emit(plan: &RecoveryPlan<'_>, artifacts: &mut Vec<Artifact>) -> askama::Result<()> {
    let RecoveryPlan {
        repository: _,
        storage,
        source,
        address: _,
        remote: _,
        clients,
        addresses: _,
    } = plan;
    let clients = clients.iter().map(|(name, client)| (*name, &client.source));
    let local = source.iter().map(|source| (*storage, *source));
    let backs_up_fleet_file =
        source.is_some_and(|source| source.include.iter().any(|path| path.contains(FLEET_FILE)));
    let wanted = clients.chain(local).find_map(|(host, source)| {
        let path = source.include.first()?;
        Some(Wanted { host, path })
    });
    add(
        artifacts,
        "/etc/genbackup/RECOVERY.md",
        &Recovery {
            plan,
            wanted,
            backs_up_fleet_file,
        },
    )
}
