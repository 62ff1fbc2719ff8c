//! `genbackup explain`: who runs what when, who holds which secret, and what an old host does without.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use askama::Template;
use clap::Args;

use super::load;
use crate::emit::capabilities;
use crate::model::{
    CatchUp, Creation, DiskShare, Fleet, HostName, MinimumVersions, Network, Power, Sleep, Source, TimeSpan,
    UnitPath,
};
use crate::plan::HostPlan;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Only this host
    #[arg(long, value_name = "NAME")]
    host: Option<String>,
}

#[derive(Template)]
#[template(path = "cli/explain.txt", escape = "none")]
struct Explanation<'f> {
    fleet: &'f Fleet,
    backed_up: usize,
    hosts: Vec<Host<'f>>,
}

/// One host that is backed up.
struct Host<'f> {
    name: &'f HostName,
    source: &'f Source,
    repository: &'f UnitPath,
    mounts: bool,
    capabilities: &'static str,
    may_be_absent: Option<TimeSpan>,
    power: Power,
    versions: MinimumVersions,
}

pub(super) fn run(file: &Path, arguments: &Arguments) -> Result<ExitCode> {
    let Some(fleet) = load::load_or_show(file)? else {
        return Ok(ExitCode::FAILURE);
    };
    let mut hosts = Vec::new();
    for name in fleet.host_names() {
        hosts.extend(host(&fleet, name)?);
    }
    let backed_up = hosts.len();
    if let Some(wanted) = &arguments.host {
        let wanted = load::host(&fleet, Some(wanted))?;
        hosts.retain(|host| host.name == wanted);
        if hosts.is_empty() {
            bail!("`{wanted}` only keeps the snapshots of others; leave out `--host` to see it");
        }
    }
    let explanation = Explanation {
        fleet: &fleet,
        backed_up,
        hosts,
    };
    print!("{}", explanation.render()?);
    Ok(ExitCode::SUCCESS)
}

/// What is said of a host; `None` when nothing of it is backed up.
fn host<'f>(fleet: &'f Fleet, name: &'f HostName) -> Result<Option<Host<'f>>> {
    let plan = HostPlan::of(fleet, name).context("the fleet does not know its own host")?;
    Ok(plan.client.map(|client| Host {
        name: client.name,
        source: client.source,
        repository: client.repository,
        mounts: client.connection.is_some(),
        capabilities: capabilities(client.source),
        may_be_absent: fleet.may_be_absent(client.name),
        power: plan.power,
        versions: plan.versions,
    }))
}
