//! Compares the running system with the fleet file. On the storage host, it also checks the connection to each client.
//!
//! Each subject has a module, which queries the system and judges the answer in a pure function. All subjects are
//! checked in parallel. Each query has a time limit, and a failed check does not hide the others.

mod account;
mod apply;
mod clock;
mod command;
mod export;
mod finding;
mod hooks;
mod immutable;
mod offsite;
mod ownership;
mod records;
mod repository;
mod rustic;
mod secrets;
mod sources;
mod ssh;
mod units;
mod versions;

use anyhow::Result;

use crate::emit::plan::HostPlan;
use crate::emit::{Artifact, emit};
use crate::model::Fleet;
use crate::status::Report;
use crate::system::nixos::System;

use apply::Apply;
pub(crate) use command::unreachable as unreachable_command;
pub(crate) use finding::{Finding, State};
pub(crate) use versions::{missing_packages, needed_programs};

/// All findings about a host of the fleet, which is this machine.
///
/// # Errors
/// When the files of the host cannot be computed.
pub(crate) fn examine(
    fleet: &Fleet,
    plan: &HostPlan<'_>,
    report: Option<&Result<Report>>,
) -> Result<Vec<Finding>> {
    let artifacts: Vec<Artifact> = emit(plan)?;
    let artifacts = &artifacts;
    let apply = Apply::of(plan);
    let mut subjects: Vec<Subject<'_>> = vec![
        // First, because most other failures follow from missing files.
        Box::new(|| units::check_files(artifacts, apply)),
        Box::new(|| account::check(plan, apply)),
        Box::new(|| versions::check(plan, apply)),
        Box::new(|| units::check(artifacts, plan, apply)),
        Box::new(clock::check),
    ];
    if let Some(coordinator) = &plan.coordinator {
        subjects.push(Box::new(command::check));
        subjects.push(Box::new(|| secrets::check_storage(coordinator, apply)));
        subjects.push(Box::new(|| repository::check(coordinator, apply)));
        subjects.push(Box::new(|| ownership::check(coordinator)));
        subjects.push(Box::new(|| rustic::check(coordinator)));
        subjects.push(Box::new(|| offsite::check(fleet, report)));
        if let Some(remote) = coordinator.remote {
            subjects.push(Box::new(|| export::check(coordinator, remote)));
            subjects.push(Box::new(|| ssh::check_all(coordinator.name, remote, apply)));
        }
    }
    if let Some(client) = &plan.client {
        subjects.push(Box::new(|| hooks::check(client, System::here())));
        subjects.push(Box::new(|| sources::check(client, apply)));
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

/// The check of one subject.
type Subject<'s> = Box<dyn Fn() -> Vec<Finding> + Send + Sync + 's>;

/// Checks all subjects in parallel. The findings are in the order of the subjects.
fn side_by_side(subjects: &[Subject<'_>]) -> Vec<Finding> {
    std::thread::scope(|scope| {
        let asked: Vec<_> = subjects.iter().map(|subject| scope.spawn(subject)).collect();
        let lost = || {
            let what = "a check panicked: this is a bug in genbackup; see the message above";
            vec![Finding::unknown("doctor", what)]
        };
        asked
            .into_iter()
            .flat_map(|thread| thread.join().unwrap_or_else(|_| lost()))
            .collect()
    })
}
