//! `genbackup check`: shows every problem with its place in the file, and the exposure of each unit.

mod exposure;

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Args;

use super::{load, terminal};
use crate::apply::now::packages_to_install;
use crate::config::problem::quoted_if_odd;
use crate::doctor;
use crate::emit::plan::HostPlan;
use crate::error::describe;
use crate::model::{Fleet, Hooks};

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
    terminal::print(&format!(
        "{}: no problems, {}\n",
        file.display(),
        terminal::counted(fleet.host_names().count(), "host")
    ))?;
    for warning in roots_hooks(&fleet)? {
        terminal::print(&format!("{warning}\n"))?;
    }
    if let Some(warning) = missing_here(&fleet) {
        terminal::complain(warning);
    }
    if arguments.no_exposure {
        return Ok(ExitCode::SUCCESS);
    }
    terminal::print("exposure of the units, from 0.0 (can do nothing) to 10.0 (can do everything):\n")?;
    terminal::print(&exposure::table(&fleet)?)?;
    Ok(ExitCode::SUCCESS)
}

/// A warning about missing packages, if this host is in the fleet.
fn missing_here(fleet: &Fleet) -> Option<String> {
    let plan = HostPlan::of(fleet, load::host(fleet, None).ok()?)?;
    let packages = doctor::missing_packages(&plan);
    (!packages.is_empty()).then(|| format!("warning: {}", describe(&packages_to_install(&packages))))
}

/// A warning about each hook that runs as root, and about each hook that would make a snapshot of a file system.
fn roots_hooks(fleet: &Fleet) -> Result<Vec<String>> {
    let mut warnings = Vec::new();
    for host in fleet.host_names() {
        let plan =
            HostPlan::of(fleet, host).context("the fleet lacks its own host: this is a bug in genbackup")?;
        let hooks = plan.client.map(|client| &client.source.hooks);
        for (kind, hook) in hooks.into_iter().flat_map(Hooks::all) {
            let kind = kind.word();
            if let Some(program) = hook.mounts() {
                warnings.push(format!(
                    "warning: hosts.{}.{kind}.{} runs `{program}`: the backup does not see what a hook mounts, and a hook \
                     has no capability to mount. genbackup cannot back up a snapshot of LVM, btrfs or ZFS yet",
                    quoted_if_odd(host.as_str()),
                    hook.name
                ));
            }
            if !hook.is_roots() {
                continue;
            }
            warnings.push(format!(
                "warning: hosts.{}.{kind}.{} runs as root, without a capability: name another user if possible",
                quoted_if_odd(host.as_str()),
                hook.name
            ));
        }
    }
    Ok(warnings)
}
