//! What every host gets for the day when something of the fleet is gone: a page to follow, command by command.

use askama::Template;

use super::{Artifact, add};
use crate::model::{AbsolutePath, HostName};
use crate::plan::RecoveryPlan;

#[derive(Template)]
#[template(path = "recovery/RECOVERY.md")]
struct Recovery<'p> {
    plan: &'p RecoveryPlan<'p>,
    wanted: Option<Wanted<'p>>,
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
        has_own_timers: _,
        clients,
    } = plan;
    let clients = clients.iter().map(|(name, client)| (*name, &client.source));
    let local = source.iter().map(|source| (*storage, *source));
    let wanted = clients.chain(local).find_map(|(host, source)| {
        let path = source.include.first()?;
        Some(Wanted { host, path })
    });
    add(
        artifacts,
        "/etc/genbackup/RECOVERY.md",
        &Recovery { plan, wanted },
    )
}
