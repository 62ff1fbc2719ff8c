//! A container that has power: a systemd-nspawn in the world, and the machine's first process in it.

use std::fs::{self, File};
use std::process::Stdio;
use std::time::Duration;

use anyhow::Context;

use super::cgroup::Cgroup;
use super::disks::Disks;
use super::world::{NFS_IS_REAL, World};
use crate::deadline::poll;
use crate::process::{Ended, command, output_of, start};

/// How systemd-nspawn is started, in the machine's own cgroup: $1 is that, the rest is the command.
const IN_CGROUP: &str = "echo 0 >\"$1/cgroup.procs\" && shift && exec \"$@\"";

/// A running systemd-nspawn.
#[derive(Debug)]
pub(super) struct Nspawn {
    process: Ended,
    leader: Option<u32>,
}

impl Nspawn {
    pub(super) fn start(
        name: &str,
        number: u8,
        world: &World,
        cgroup: &Cgroup,
        disks: &Disks,
    ) -> anyhow::Result<Self> {
        let console = File::options().create(true).append(true).open(disks.console())?;
        let mut nspawn = world.command("bash");
        nspawn.args(["-c", IN_CGROUP, "nspawn"]).arg(cgroup.path());
        nspawn.args(["env", "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1", "systemd-nspawn"]);
        nspawn.args([
            "--quiet",
            "--boot",
            "--register=no",
            "--keep-unit",
            "--console=pipe",
        ]);
        nspawn.args([
            "--link-journal=no",
            "--resolv-conf=off",
            "--timezone=off",
            "--settings=no",
        ]);
        // With a network that others have made, systemd-nspawn leaves this out, and without it systemd drops
        // PrivateNetwork= with one line in the journal.
        nspawn.arg("--capability=CAP_NET_ADMIN");
        nspawn.arg(format!("--network-namespace-path=/run/netns/{name}"));
        nspawn.arg(format!("--machine={name}"));
        nspawn.arg(format!("--uuid={:032x}", 0x7e57_0000_u32 + u32::from(number)));
        nspawn.arg("--directory").arg(disks.root());
        if *NFS_IS_REAL {
            // Of what is shared it has its own disk alone.
            if let Some(second) = disks.second(world) {
                let at = second.file_name().unwrap_or_default().display().to_string();
                nspawn.arg(format!("--bind={}:/lab/{at}", second.display()));
            }
        } else {
            nspawn.arg(format!("--bind={}:/lab", world.shared().display()));
        }
        nspawn
            .stdout(console.try_clone()?)
            .stderr(console)
            .stdin(Stdio::null());
        Ok(Self {
            process: Ended(start(&mut nspawn)?),
            leader: None,
        })
    }

    /// The machine's first process, by its number here; `None` before it starts, and when it is gone.
    pub(super) fn leader(&mut self, cgroup: &Cgroup) -> anyhow::Result<Option<u32>> {
        if self.process.0.try_wait()?.is_some() {
            return Ok(None);
        }
        if self.leader.is_none() {
            self.leader = cgroup.processes().into_iter().find(|&process| is_first(process));
        }
        Ok(self.leader)
    }

    /// Asks its systemd to power off, and waits for that. Returns whether it did.
    pub(super) fn shut_down(&mut self, cgroup: &Cgroup, limit: Duration) -> anyhow::Result<bool> {
        let leader = self.leader(cgroup)?.context("it has not booted")?;
        // SIGRTMIN+4: see systemd(1), "SIGNALS".
        output_of(command("kill").args(["--signal", "RTMIN+4", &leader.to_string()]))?;
        let gone = poll(limit, || Ok((!is_first(leader)).then_some(())))?;
        Ok(gone.is_some())
    }

    /// Ends all of the machine's processes, and systemd-nspawn.
    pub(super) fn kill(mut self, cgroup: &Cgroup) -> anyhow::Result<()> {
        cgroup.kill()?;
        self.process.0.wait()?;
        Ok(())
    }
}

/// Whether a process is the first one of a namespace within the world's.
fn is_first(process: u32) -> bool {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let numbers = status.lines().find_map(|line| line.strip_prefix("NSpid:"));
    let numbers: Vec<&str> = numbers.unwrap_or_default().split_whitespace().collect();
    let zombie = status.lines().any(|line| line.starts_with("State:\tZ"));
    numbers.len() >= 3 && numbers.last() == Some(&"1") && !zombie
}
