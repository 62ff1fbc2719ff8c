//! The recovery page of every host: the commands for the day when a part of the fleet is lost.

use askama::Template;

use super::{Artifact, Platform, add};
use crate::emit::plan::RecoveryPlan;
use crate::model::{AbsolutePath, HostName};

/// Where it is on the storage host. Clients have none.
const FLEET_FILE: &str = "/etc/genbackup/fleet.toml";

#[derive(Template)]
#[template(path = "etc/genbackup/RECOVERY.md")]
struct Recovery<'p> {
    plan: &'p RecoveryPlan<'p>,
    wanted: Option<Wanted<'p>>,
    /// Whether the storage host's snapshots have the fleet file.
    backs_up_fleet_file: bool,
}

/// The page of a host with NixOS, whose configuration makes what the commands of the other page make.
#[derive(Template)]
#[template(path = "etc/genbackup/RECOVERY.nixos.md")]
struct RecoveryOnNixos<'p> {
    plan: &'p RecoveryPlan<'p>,
    wanted: Option<Wanted<'p>>,
}

/// What stands for the one file that is wanted back.
struct Wanted<'p> {
    host: &'p HostName,
    path: &'p AbsolutePath,
}

pub(super) fn emit(
    plan: &RecoveryPlan<'_>,
    platform: &Platform,
    artifacts: &mut Vec<Artifact>,
) -> askama::Result<()> {
    let RecoveryPlan {
        repository: _,
        storage,
        source,
        address: _,
        remote: _,
        clients,
        addresses: _,
        offsite: _,
    } = plan;
    let clients = clients.iter().map(|(name, client)| (*name, &client.source));
    let local = source.iter().map(|source| (*storage, *source));
    let backs_up_fleet_file =
        source.is_some_and(|source| source.include.iter().any(|path| path.contains(FLEET_FILE)));
    let wanted = clients.chain(local).find_map(|(host, source)| {
        let path = source.include.first()?;
        Some(Wanted { host, path })
    });
    let page = "/etc/genbackup/RECOVERY.md";
    if platform.switches {
        return add(artifacts, page, &RecoveryOnNixos { plan, wanted });
    }
    add(
        artifacts,
        page,
        &Recovery {
            plan,
            wanted,
            backs_up_fleet_file,
        },
    )
}
