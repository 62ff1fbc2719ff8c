//! Whether this machine can have containers, and what helps where it cannot.

use std::fs;

use anyhow::bail;

use super::cgroup;
use crate::process::{command, output_of};

/// Reports all obstacles at once.
///
/// # Errors
/// When something is.
pub fn possible() -> anyhow::Result<()> {
    let mut reasons = Vec::new();
    let mut needs = |fact: bool, reason: &str, hint: &str| {
        if !fact {
            reasons.push(format!("{reason}\n  hint: {hint}"));
        }
    };
    let is_root = output_of(command("id").arg("-u")).is_ok_and(|text| text.trim() == "0");
    needs(is_root, "this is not root", "run it with sudo");
    for (program, package) in [
        ("systemd-nspawn", "systemd-container"),
        ("nsenter", "util-linux"),
        ("ip", "iproute2"),
        ("mke2fs", "e2fsprogs"),
    ] {
        let is_there = output_of(command(program).arg(version_of(program))).is_ok();
        let hint = format!("apt-get install {package}, or `cargo xtask setup`");
        needs(is_there, &format!("`{program}` is missing"), &hint);
    }
    let cgroup = cgroup::mount_point();
    needs(
        cgroup.is_ok(),
        "cgroup v2 is not mounted",
        "boot without systemd.unified_cgroup_hierarchy=0, or mount -t cgroup2 none DIRECTORY",
    );
    if is_root && cgroup.is_ok() {
        let own = cgroup::own_can_be_killed();
        needs(
            own.is_ok(),
            &own.map_or_else(|error| format!("{error:#}"), |()| String::new()),
            "containers need a kernel of version 5.14 or newer, and leave to make a cgroup",
        );
        let namespaces = output_of(command("unshare").args(["--mount", "--net", "--pid", "--fork", "true"]));
        needs(
            namespaces.is_ok(),
            &namespaces.map_or_else(|error| format!("{error:#}"), |_| String::new()),
            "in a container, start that one with leave to make namespaces (docker run --privileged)",
        );
    }
    if reasons.is_empty() {
        return Ok(());
    }
    bail!(
        "this machine cannot have containers:\n- {}\n\nhint: `--lab vm` runs the stories on virtual machines",
        reasons.join("\n- ")
    )
}

fn version_of(program: &str) -> &'static str {
    match program {
        "ip" | "mke2fs" => "-V",
        _ => "--version",
    }
}

/// What each machine takes of `fs.inotify.max_user_instances`, which all of them share: systemd, journald, dbus, udev.
const INSTANCES: usize = 6;

/// Makes sure that this number of machines can watch their files at the same time. Prints a line if that
/// changes a setting of this machine.
///
/// # Errors
/// When they cannot.
pub fn enough_inotify_instances(machines: usize) -> anyhow::Result<()> {
    const FILE: &str = "/proc/sys/fs/inotify/max_user_instances";
    let allowed: usize = fs::read_to_string(FILE)?.trim().parse()?;
    if allowed >= machines * INSTANCES {
        return Ok(());
    }
    let wanted = (machines * INSTANCES).next_power_of_two().max(1024);
    if fs::write(FILE, wanted.to_string()).is_err() {
        bail!(
            "{machines} machines need more inotify instances than fs.inotify.max_user_instances allows, {allowed}\n\n\
             hint: sysctl fs.inotify.max_user_instances={wanted}"
        );
    }
    println!("fs.inotify.max_user_instances is {wanted} until the next boot, and was {allowed}");
    Ok(())
}
