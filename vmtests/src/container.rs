//! One machine of the lab as a container: the same tree as a virtual machine, booted by systemd-nspawn in a second.
//!
//! ```text
//! tree, layers ─▶ overlay ─▶ nspawn in the world's namespaces ─▶ leader ◀─ commands, by nsenter
//! ```
//! It has its own systemd, network interface, host name and cgroup. Its kernel and its clock are this
//! machine's. Taking its power ends all of its processes at once; what they had written is on its disk.

mod cgroup;
mod disks;
mod nspawn;
mod possible;
mod prepare;
mod shell;
mod world;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use anyhow::{Context, bail, ensure};

pub use possible::{enough_inotify_instances, possible};
pub use world::{NFS_IS_REAL, World};

use self::cgroup::Cgroup;
use self::disks::Disks;
use self::nspawn::Nspawn;
use crate::agent::Output;
use crate::body::Body;
use crate::deadline::poll;
use crate::hardware::Hardware;

/// A machine in a world. Its processes end when the value goes away.
#[derive(Debug)]
pub struct Container {
    name: String,
    number: u8,
    world: Arc<World>,
    cgroup: Cgroup,
    disks: Disks,
    power: Mutex<Option<Nspawn>>,
    plugged: AtomicBool,
    tokens: AtomicU64,
}

impl Container {
    /// Makes a machine from the tree of a release, for the network of a world. It has no power yet.
    ///
    /// # Errors
    /// When its files cannot be made.
    pub fn new(hardware: &Hardware, tree: &Path, world: &Arc<World>) -> anyhow::Result<Self> {
        let cgroup = world.cgroup().child(&hardware.name)?;
        let disks = Disks::new(hardware, tree, world)?;
        disks.mount(world)?;
        Ok(Self {
            name: hardware.name.clone(),
            number: hardware.number,
            world: Arc::clone(world),
            cgroup,
            disks,
            power: Mutex::new(None),
            plugged: AtomicBool::new(true),
            tokens: AtomicU64::new(0),
        })
    }

    /// Makes what is particular to containers part of its files, and boots it.
    ///
    /// # Errors
    /// When its files cannot be written, or systemd-nspawn does not start.
    pub fn boot_for_the_first_time(&self) -> anyhow::Result<()> {
        prepare::prepare(&self.disks.root(), &self.world)?;
        self.boot()
    }

    /// From now on it has the snapshots of the machine of the same name that has its files below `directory`.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn take_snapshots_of(&self, directory: &Path) -> anyhow::Result<()> {
        self.disks.take_snapshots_of(&directory.join(&self.name))
    }

    fn run_in(&self, leader: u32, command: &str, input: &[u8], limit: Duration) -> anyhow::Result<Output> {
        let token = self.tokens.fetch_add(1, Ordering::Relaxed);
        shell::run(&self.cgroup, leader, token, command, input, limit)
    }

    /// The first process of the machine, by its number here; `None` while there is none.
    fn leader(&self) -> anyhow::Result<Option<u32>> {
        match self.power().as_mut() {
            Some(nspawn) => nspawn.leader(&self.cgroup),
            None => Ok(None),
        }
    }

    fn power(&self) -> MutexGuard<'_, Option<Nspawn>> {
        self.power.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Body for Container {
    fn run(&self, command: &str, input: &[u8], limit: Duration) -> anyhow::Result<Output> {
        let leader = self.leader()?.context("it has no power");
        leader
            .and_then(|leader| self.run_in(leader, command, input, limit))
            .with_context(|| format!("container `{}`, command `{command}`", self.name))
    }

    fn wait_until_answers(&self, limit: Duration) -> anyhow::Result<()> {
        let answer = poll(limit, || {
            ensure!(self.power().is_some(), "container `{}` has no power", self.name);
            let Some(leader) = self.leader()? else {
                return Ok(None);
            };
            // While it boots, there may be no directory for a request yet, or no systemd to ask.
            let asked = self.run_in(leader, "systemctl is-system-running || true", b"", limit);
            let states = ["initializing", "starting", "running", "degraded"];
            Ok(asked
                .ok()
                .filter(|output| states.contains(&output.text().as_str())))
        })?;
        answer.map(drop).with_context(|| {
            format!(
                "container `{}` does not answer within {} s",
                self.name,
                limit.as_secs()
            )
        })
    }

    fn boot(&self) -> anyhow::Result<()> {
        self.power_off_hard()?;
        let mut power = self.power();
        self.world
            .plug_in(&self.name, self.number, self.plugged.load(Ordering::Relaxed))?;
        *power = Some(Nspawn::start(
            &self.name,
            self.number,
            &self.world,
            &self.cgroup,
            &self.disks,
        )?);
        Ok(())
    }

    fn power_off_hard(&self) -> anyhow::Result<()> {
        let Some(nspawn) = self.power().take() else {
            return Ok(());
        };
        // As others see it: silence, and no end of a connection.
        self.world.plug(self.number, false)?;
        nspawn.kill(&self.cgroup)
    }

    fn power_off(&self, limit: Duration) -> anyhow::Result<()> {
        let Some(mut nspawn) = self.power().take() else {
            return Ok(());
        };
        let ended = nspawn.shut_down(&self.cgroup, limit)?;
        self.world.plug(self.number, false)?;
        nspawn.kill(&self.cgroup)?;
        ensure!(ended, "{}: not shut down after {} s", self.name, limit.as_secs());
        Ok(())
    }

    fn plug_network(&self, plugged: bool) -> anyhow::Result<()> {
        self.plugged.store(plugged, Ordering::Relaxed);
        if self.power().is_some() {
            self.world.plug(self.number, plugged)?;
        }
        Ok(())
    }

    fn freeze(&self, frozen: bool) -> anyhow::Result<()> {
        self.cgroup.freeze(frozen)
    }

    fn stand_still(&self, limit: Duration) -> anyhow::Result<()> {
        self.power_off(limit)
    }

    fn save(&self, name: &str) -> anyhow::Result<()> {
        self.disks.save(name, &self.world)
    }

    fn load(&self, name: &str) -> anyhow::Result<()> {
        self.power_off_hard()?;
        self.plugged.store(true, Ordering::Relaxed);
        self.disks.become_like(&self.disks.snapshot(name)?, &self.world)
    }

    fn go_on(&self) -> anyhow::Result<()> {
        if self.power().is_none() {
            self.boot()?;
        }
        Ok(())
    }

    fn set_clock(&self, _when: SystemTime) -> anyhow::Result<()> {
        bail!(
            "{} is a container: its clock is this machine's\n\nhint: --lab vm",
            self.name
        )
    }

    fn console(&self) -> PathBuf {
        self.disks.console()
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        if let Some(nspawn) = self.power().take()
            && let Err(error) = nspawn.kill(&self.cgroup)
        {
            eprintln!("container `{}` does not end: {error:#}", self.name);
        }
    }
}
