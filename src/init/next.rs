//! The steps that lead from the fleet file to a first backup, in their order.

use std::path::Path;

use anyhow::Result;

use super::answers::{self, Answers};
use super::clients::SSH_PORT;
use crate::config;
use crate::config::FLEET_FILE;
use crate::config::resolve::resolve;
use crate::doctor;
use crate::emit::plan::HostPlan;
use crate::model::{HostName, RemoteClients};
use crate::system::nixos::System;

/// The port of NFS 4.
const NFS_PORT: u16 = 2049;
/// The command that applies the fleet file to a host with NixOS. The hosts of a fleet usually have the same
/// system.
const REBUILD: &str = "  nixos-rebuild switch    # with the module of genbackup; see the chapter \"NixOS\"";

/// The steps, one for each line.
///
/// # Errors
/// When the public key for the clients cannot be read.
pub(crate) fn steps(file: &Path, answers: &Answers) -> Result<Vec<String>> {
    let mut lines = Vec::new();
    let steps = &mut lines;
    let text = answers.fleet_file("")?;
    // `genbackup check` reports its problems.
    let fleet = resolve(config::file::read("fleet", &text)).ok();
    let fleet = fleet.as_ref();
    let remote = fleet.and_then(|fleet| fleet.remote.as_ref());
    let is_here = answers::is_this_machine(&answers.host);
    let place = if is_here && remote.is_none() {
        String::new()
    } else {
        format!(", on {}", answers.host)
    };
    steps.push(format!("\nnext steps{place}:"));
    let plan = fleet.and_then(|fleet| HostPlan::of(fleet, &answers.host));
    if is_here {
        install(
            &plan.map_or_else(Vec::new, |plan| doctor::missing_packages(&plan)),
            steps,
        );
    } else if let Some(plan) = plan.filter(|_| remote.is_some()) {
        install(&packages(&plan), steps);
    }
    if let Some(remote) = remote {
        let plan = fleet.zip(remote.clients.keys().next());
        let plan = plan.and_then(|(fleet, client)| HostPlan::of(fleet, client));
        for_clients(answers, remote, plan.as_ref(), steps);
        steps.push(format!("on {}:", answers.host));
    }
    commands(file, answers, is_here, steps);
    Ok(lines)
}

/// The steps for the clients, and for the firewalls between them and the storage host.
fn for_clients(
    answers: &Answers,
    remote: &RemoteClients,
    plan: Option<&HostPlan<'_>>,
    steps: &mut Vec<String>,
) {
    let storage = &answers.host;
    if !is_on_nixos(answers) {
        steps.push("  systemctl enable --now nfs-server.service".to_owned());
    }
    let names: Vec<&str> = remote.clients.keys().map(HostName::as_str).collect();
    let clients = names.join(", ");
    steps.push(format!("on {clients}:"));
    if is_on_nixos(answers) {
        steps.push(REBUILD.to_owned());
    } else {
        install(&plan.map_or_else(Vec::new, packages), steps);
    }
    steps.push("open these TCP ports if a firewall blocks them:".to_owned());
    steps.push(format!(
        "  from {storage} to {clients}: {} for backups, {SSH_PORT} for `genbackup push`",
        remote.port
    ));
    steps.push(format!("  from {clients} to {storage}: {NFS_PORT} for NFS"));
    compare(answers, steps);
}

/// The fingerprints that the user has not compared yet. Another machine may have answered for the host.
fn compare(answers: &Answers, steps: &mut Vec<String>) {
    let clients = answers.remote.iter().flat_map(|remote| &remote.clients);
    let mut unknown = clients.filter(|client| !client.is_compared).peekable();
    if unknown.peek().is_some() {
        steps.push(format!(
            "compare the host keys, because {} sends the password to these hosts:",
            answers.host
        ));
    }
    for client in unknown {
        steps.push(format!(
            "  on {}, `ssh-keygen -l -f /etc/ssh/ssh_host_ed25519_key.pub` must print {}",
            client.name,
            client.host_key.fingerprint()
        ));
    }
}

/// The commands on the storage host.
fn commands(file: &Path, answers: &Answers, is_here: bool, steps: &mut Vec<String>) {
    let password = answers.password_file.path();
    if !is_here || !Path::new(password).exists() {
        steps.push(format!(
            "  (umask 077; head --bytes=32 /dev/urandom | base64 >{password})    # keep a copy of it elsewhere"
        ));
    }
    let fleet = match file.to_str() {
        Some(FLEET_FILE) => String::new(),
        _ => format!(" --fleet {}", file.display()),
    };
    steps.push(format!("  genbackup{fleet} check"));
    if is_on_nixos(answers) {
        steps.push(REBUILD.to_owned());
    } else {
        steps.push(format!("  genbackup{fleet} emit --now"));
    }
    if answers.remote.is_some() && !is_on_nixos(answers) {
        steps.push(format!(
            "  genbackup{fleet} push    # logs in to each client by ssh, as root or as its `push-to` sets"
        ));
    }
    steps.push(format!("  genbackup{fleet} run"));
}

fn install(packages: &[&str], steps: &mut Vec<String>) {
    if !packages.is_empty() {
        steps.push(format!("  apt install {}", packages.join(" ")));
    }
}

/// The packages that a host needs.
fn packages(plan: &HostPlan<'_>) -> Vec<&'static str> {
    let needed = doctor::needed_programs(plan).into_iter();
    needed.map(|(_, package)| package).collect()
}

/// True if the storage host is this machine, and NixOS builds its files.
fn is_on_nixos(answers: &Answers) -> bool {
    answers::is_this_machine(&answers.host) && System::here().is_nixos()
}
