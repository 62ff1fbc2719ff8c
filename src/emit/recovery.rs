//! What every host gets for the day when something of the fleet is gone: a page to follow, command by command.

use askama::Template;

use super::{Artifact, add};
use crate::model::{AbsolutePath, HostName};
use crate::plan::RecoveryPlan;

/// Where it is on every host.
const FLEET_FILE: &str = "/etc/genbackup/fleet.toml";

#[derive(Template)]
#[template(path = "recovery/RECOVERY.md")]
struct Recovery<'p> {
    plan: &'p RecoveryPlan<'p>,
    wanted: Option<Wanted<'p>>,
    /// A host that backs up its fleet file.
    keeper: Option<&'p HostName>,
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
    // That of the storage host is the newest: it is changed there.
    let keeper = local
        .clone()
        .chain(clients.clone())
        .find(|(_, source)| source.include.iter().any(|path| path.contains(FLEET_FILE)))
        .map(|(host, _)| host);
    let wanted = clients.chain(local).find_map(|(host, source)| {
        let path = source.include.first()?;
        Some(Wanted { host, path })
    });
    add(
        artifacts,
        "/etc/genbackup/RECOVERY.md",
        &Recovery { plan, wanted, keeper },
    )
}
