//! `genbackup check`: every problem with its place, and the exposure of each unit.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Args;

use super::{load, terminal};
use crate::emit::{Artifact, emit};
use crate::model::Fleet;
use crate::plan::HostPlan;
use crate::problem::quoted_if_odd;
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
    terminal::say(&format!(
        "{}: no problems, {}\n",
        file.display(),
        terminal::counted(fleet.host_names().count(), "host")
    ))?;
    for warning in roots_hooks(&fleet)? {
        terminal::say(&format!("{warning}\n"))?;
    }
    if arguments.no_exposure {
        return Ok(ExitCode::SUCCESS);
    }
    terminal::say("exposure of the units, from 0.0 (can do nothing) to 10.0 (can do everything):\n")?;
    for (number, host) in fleet.host_names().enumerate() {
        let plan = HostPlan::of(&fleet, host).context("the fleet does not know its own host")?;
        // Every client has the same units but for its hooks: the first of them speaks for all.
        let is_told = |name: &str| number < 2 || is_hook(name);
        let services: Vec<_> = emit(&plan)?
            .into_iter()
            .filter(|artifact| artifact.path.ends_with(".service") && is_told(&artifact.path))
            .collect();
        if services.is_empty() {
            continue;
        }
        let folder = write::throw_away(&services)?;
        for Artifact { path: service, .. } in services {
            let tenths = verify::exposure(&folder.path().join(service.trim_start_matches('/')))?;
            let name = service.rsplit('/').next().unwrap_or(&service);
            terminal::say(&format!("  {:4}.{}  {host}: {name}\n", tenths / 10, tenths % 10))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// True for the path of a hook's unit.
fn is_hook(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.starts_with("genbackup-before-") || name.starts_with("genbackup-after-")
}

/// A warning of each hook that runs as root, and of each that would make a snapshot of a file system.
fn roots_hooks(fleet: &Fleet) -> Result<Vec<String>> {
    let mut warnings = Vec::new();
    for host in fleet.host_names() {
        let plan = HostPlan::of(fleet, host).context("the fleet does not know its own host")?;
        let hooks = plan.client.map(|client| &client.source.hooks);
        let hooks = hooks.into_iter().flat_map(|hooks| {
            let before = hooks.before.iter().map(|hook| ("before", hook));
            before.chain(hooks.after.iter().map(|hook| ("after", hook)))
        });
        for (kind, hook) in hooks {
            if let Some(program) = hook.mounts() {
                warnings.push(format!(
                    "warning: hosts.{}.{kind}.{} runs `{program}`: the backup does not see what a hook mounts, and a hook \
                     has no capability for it. genbackup cannot back up a snapshot of LVM, btrfs or ZFS yet",
                    quoted_if_odd(host.as_str()),
                    hook.name
                ));
            }
            if !hook.is_roots() {
                continue;
            }
            warnings.push(format!(
                "warning: hosts.{}.{kind}.{} runs as root, without a capability: name another user where one will do",
                quoted_if_odd(host.as_str()),
                hook.name
            ));
        }
    }
    Ok(warnings)
}
