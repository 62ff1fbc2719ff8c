//! `genbackup check`: every problem with its place, and the exposure of each unit.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Args;

use super::load;
use crate::emit::{Artifact, emit};
use crate::plan::HostPlan;
use crate::verify;
use crate::write;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Do not measure the exposure of the units
    #[arg(long)]
    no_exposure: bool,
}

pub(super) fn run(file: &Path, arguments: &Arguments) -> Result<ExitCode> {
    let Some(fleet) = load::load_or_show(file)? else {
        return Ok(ExitCode::FAILURE);
    };
    let hosts = fleet.host_names().count();
    println!(
        "{}: no problems, {hosts} host{}",
        file.display(),
        if hosts == 1 { "" } else { "s" }
    );
    if arguments.no_exposure {
        return Ok(ExitCode::SUCCESS);
    }
    println!("exposure of the units, from 0.0 (can do nothing) to 10.0 (can do everything):");
    // Every client has the same units: one of them speaks for all.
    let client = fleet
        .remote
        .iter()
        .flat_map(|remote| remote.clients.keys())
        .next();
    for host in std::iter::once(&fleet.storage.name).chain(client) {
        let plan = HostPlan::of(&fleet, host).context("the fleet does not know its own host")?;
        let services: Vec<_> = emit(&plan)?
            .into_iter()
            .filter(|artifact| artifact.path.ends_with(".service"))
            .collect();
        let folder = write::throw_away(&services)?;
        for Artifact { path: service, .. } in services {
            let tenths = verify::exposure(&folder.path().join(service.trim_start_matches('/')))?;
            let name = service.rsplit('/').next().unwrap_or(&service);
            println!("  {:4}.{}  {host}: {name}", tenths / 10, tenths % 10);
        }
    }
    Ok(ExitCode::SUCCESS)
}
