//! Asks the living system whether it is as the fleet file says: on the host where it runs, and on the storage host of
//! each client as well.
//!
//! Every subject has a module: it asks, and a pure function judges the answer. All of them are asked side by side, each
//! question has its time, and one that goes wrong hides no other.

mod account;
mod ask;
mod clock;
mod command;
mod export;
mod finding;
mod hooks;
mod ownership;
mod records;
mod repository;
mod rustic;
mod secrets;
mod sources;
mod ssh;
mod units;
mod versions;

use std::path::Path;

use anyhow::Result;

use crate::emit::{Artifact, emit};
use crate::health::Report;
use crate::model::Fleet;
use crate::plan::HostPlan;

pub use finding::{Finding, State};
pub(crate) use command::unreachable as unreachable_command;
pub(crate) use versions::{missing_packages, needed_programs};

/// All that there is to say of a host of the fleet, which is this machine.
///
/// # Errors
/// When what the host should have can't be told.
pub fn examine(fleet: &Fleet, plan: &HostPlan<'_>, report: Option<&Result<Report>>) -> Result<Vec<Finding>> {
    let artifacts: Vec<Artifact> = emit(plan)?;
    let artifacts = &artifacts;
    let mut subjects: Vec<Subject<'_>> = vec![
        // First, since most of the rest comes of it where nothing was written.
        Box::new(|| units::check_files(artifacts)),
        Box::new(|| account::check(plan)),
        Box::new(|| versions::check(plan)),
        Box::new(|| units::check(artifacts, plan)),
        Box::new(clock::check),
    ];
    if let Some(coordinator) = &plan.coordinator {
        subjects.push(Box::new(command::check));
        subjects.push(Box::new(|| secrets::check_storage(coordinator)));
        subjects.push(Box::new(|| repository::check(coordinator)));
        subjects.push(Box::new(|| ownership::check(coordinator)));
        subjects.push(Box::new(|| rustic::check(coordinator)));
        if let Some(remote) = coordinator.remote {
            subjects.push(Box::new(|| export::check(coordinator, remote)));
            subjects.push(Box::new(|| ssh::check_all(coordinator.name, remote)));
        }
    }
    if let Some(client) = &plan.client {
        subjects.push(Box::new(|| hooks::check(client)));
        subjects.push(Box::new(|| sources::check(client)));
    }
    if let Some(client) = &plan.client
        && client.connection.is_some()
    {
        subjects.push(Box::new(|| secrets::check_client(fleet, client)));
        subjects.push(Box::new(|| vec![export::check_mount(client)]));
    }
    let mut findings = side_by_side(&subjects);
    if let Some(report) = report {
        findings.extend(records::check(report));
    }
    Ok(findings)
}

/// NixOS has programs and files from the Nix store, where nobody else puts them.
fn is_on_nixos() -> bool {
    Path::new("/etc/NIXOS").exists()
}

/// What asks about one subject.
type Subject<'s> = Box<dyn Fn() -> Vec<Finding> + Send + Sync + 's>;

/// Asks about all subjects at once; their findings are in the subjects' order.
fn side_by_side(subjects: &[Subject<'_>]) -> Vec<Finding> {
    std::thread::scope(|scope| {
        let asked: Vec<_> = subjects.iter().map(|subject| scope.spawn(subject)).collect();
        let lost = || vec![Finding::unknown("doctor", "one of its own checks broke off")];
        asked
            .into_iter()
            .flat_map(|thread| thread.join().unwrap_or_else(|_| lost()))
            .collect()
    })
}
