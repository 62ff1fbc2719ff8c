//! As many machines as a story wants: a storage host and its clients, on a ground of their own. The lab is three of them.

use std::fmt::Write as _;

use crate::ground::Ground;
use crate::hardware::Hardware;
use crate::lab::Kind;
use crate::machine::Machine;
use crate::progress::timed;
use crate::provision::provision;
use crate::side_by_side::on_all;

/// Machines that know each other; the first is the storage host. Everything about them ends with the value.
#[derive(Debug)]
pub struct Crowd {
    // In this order they are dropped.
    machines: Vec<Machine>,
    ground: Ground,
}

impl Crowd {
    /// Boots and provisions machines; prints the times of its steps.
    ///
    /// Call it from a thread that lives as long as they are needed: they end with it.
    ///
    /// # Errors
    /// When an image cannot be built, or a machine does not come up.
    pub fn boot(kind: Kind, hardware: Vec<Hardware>) -> anyhow::Result<Self> {
        let releases: Vec<_> = hardware.iter().map(|hardware| hardware.release).collect();
        let ground = Ground::new(kind, &releases)?;
        let crowd = timed(
            &format!("boot of {} machines, {}", hardware.len(), ground.runs()),
            || {
                let machines = hardware.into_iter().map(|hardware| ground.machine(hardware));
                let machines = machines.collect::<anyhow::Result<Vec<_>>>()?;
                let crowd = Self { machines, ground };
                crowd.on_all(Machine::wait_until_booted)?;
                Ok(crowd)
            },
        )?;
        timed("provision", || {
            let all = crowd.machines();
            crowd.on_all(|machine| provision(machine, &all))
        })?;
        Ok(crowd)
    }

    /// The storage host.
    ///
    /// # Panics
    /// Where there is no machine.
    #[must_use]
    pub fn storage(&self) -> &Machine {
        &self.machines[0]
    }

    /// The clients.
    #[must_use]
    pub fn clients(&self) -> &[Machine] {
        self.machines.get(1..).unwrap_or_default()
    }

    /// All of them.
    #[must_use]
    pub fn machines(&self) -> Vec<&Machine> {
        self.machines.iter().collect()
    }

    /// How many times longer than on a processor of its own a machine may take; for bounds of seconds.
    #[must_use]
    pub fn patience(&self) -> u32 {
        self.ground.patience()
    }

    /// Does the same with each machine, some of them at the same time.
    ///
    /// # Errors
    /// All that failed, in one.
    pub fn on_all(&self, act: impl Fn(&Machine) -> anyhow::Result<()> + Sync) -> anyhow::Result<()> {
        on_all(&self.machines(), act)
    }

    /// The part of a fleet file with the hosts: each machine with `keys` of its own; the clients with the host keys that
    /// they have.
    ///
    /// # Errors
    /// When a machine does not tell its key.
    pub fn hosts(&self, keys: impl Fn(&Machine) -> String) -> anyhow::Result<String> {
        let mut text = String::new();
        for machine in &self.machines {
            writeln!(text, "[hosts.{}]\n{}", machine.name(), keys(machine))?;
            if machine.name() != self.storage().name() {
                writeln!(text, "host-key = \"{}\"", machine.host_key()?)?;
            }
        }
        Ok(text)
    }
}
