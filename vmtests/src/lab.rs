//! The lab: a storage host and two clients on a private network, and snapshots of all three. One client is of an older
//! Debian than the others. They are containers or virtual machines, and stories need not know which.

use anyhow::Context;

use crate::ground::Ground;
use crate::hardware::{Disk, Hardware};
use crate::machine::Machine;
use crate::progress::timed;
use crate::provision::provision;
use crate::release::Release;
use crate::side_by_side::on_all;

/// The snapshot of machines that have their names and nothing of ours.
pub(crate) const FRESH: &str = "fresh";

/// What the machines of a lab are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Containers of systemd-nspawn: they boot in a second, on the kernel of the machine that the tests run on.
    Container,
    /// Virtual machines of QEMU: each has its own kernel and clock.
    Virtual,
}

impl Kind {
    /// As in `--lab`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Container => "container",
            Self::Virtual => "vm",
        }
    }
}

/// Three machines. Everything about them ends and is removed when the value goes away.
#[derive(Debug)]
pub struct Lab {
    // In this order they are dropped: the machines before what they stand on.
    /// The storage host.
    pub jak: Machine,
    /// A client.
    pub ziz: Machine,
    /// Another client, of the release before.
    pub kai: Machine,
    ground: Ground,
}

/// The storage host's disk for the repository.
#[must_use]
pub fn disk_of_storage() -> Disk {
    Disk {
        label: "storage".to_owned(),
        size: 2 << 30,
        mount_point: "/mnt/storage".to_owned(),
    }
}

fn hardware_of_all() -> [Hardware; 3] {
    [
        Hardware::new("jak", 1, Release::Trixie, Some(disk_of_storage())),
        Hardware::new("ziz", 2, Release::Trixie, None),
        Hardware::new("kai", 3, Release::Bookworm, None),
    ]
}

impl Lab {
    /// Boots and provisions the three machines; prints the times of its steps.
    ///
    /// Call it from the thread that keeps the lab: the machines end with that thread, also when it is killed.
    ///
    /// # Errors
    /// When an image cannot be built, or a machine does not come up.
    pub fn boot(kind: Kind) -> anyhow::Result<Self> {
        let machines = hardware_of_all();
        let ground = Ground::new(kind, &machines.each_ref().map(|machine| machine.release))?;
        let lab = timed(&format!("boot, {}", ground.runs()), || {
            let [jak, ziz, kai] = machines;
            let (jak, ziz, kai) = (ground.machine(jak)?, ground.machine(ziz)?, ground.machine(kai)?);
            let lab = Self {
                jak,
                ziz,
                kai,
                ground,
            };
            lab.on_all(Machine::wait_until_booted)?;
            Ok(lab)
        })?;
        timed("provision", || {
            lab.on_all(|machine| provision(machine, &lab.machines()))
        })?;
        Ok(lab)
    }

    /// Another lab, of machines that are copies of these, with a separate network, as these were at the
    /// snapshot `name`. These stand still while they are copied.
    ///
    /// Call it from the thread that keeps the lab, like [`boot`](Self::boot).
    ///
    /// # Errors
    /// When there is no such snapshot, or a machine does not wake up.
    pub fn twin(&self, name: &str) -> anyhow::Result<Self> {
        timed("another lab like it", || {
            let ground = self.ground.another()?;
            // What stands still has written to its disks all that it had to.
            self.on_all(Machine::stand_still)?;
            let twin = |machine: &Machine| ground.twin(machine.hardware().clone(), &self.ground);
            let twins = (twin(&self.jak), twin(&self.ziz), twin(&self.kai));
            self.on_all(Machine::go_on)?;
            let (jak, ziz, kai) = (twins.0?, twins.1?, twins.2?);
            let lab = Self {
                jak,
                ziz,
                kai,
                ground,
            };
            lab.restore(name)?;
            Ok(lab)
        })
    }

    /// What its machines are.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.ground.kind()
    }

    /// How many times longer a machine may take than with a processor for itself; for bounds in seconds.
    #[must_use]
    pub fn patience(&self) -> f64 {
        f64::from(self.ground.patience())
    }

    /// All machines, the storage host first.
    #[must_use]
    pub fn machines(&self) -> [&Machine; 3] {
        [&self.jak, &self.ziz, &self.kai]
    }

    /// Saves all machines as they are under `name`. Do it while nothing runs and no connection is open.
    ///
    /// # Errors
    /// When QEMU cannot save one.
    pub fn snapshot(&self, name: &str) -> anyhow::Result<()> {
        timed(&format!("snapshot `{name}`"), || {
            self.on_all(|machine| machine.succeeds("sync").map(drop))?;
            // All stand still before the first is saved: no message is on its way.
            self.on_all(Machine::stand_still)?;
            self.on_all(|machine| machine.save(name))?;
            self.on_all(Machine::go_on)
        })
    }

    /// Puts all machines back to where they were at the snapshot `name`; their clocks show the present.
    ///
    /// # Errors
    /// When there is no such snapshot, or a machine does not wake up.
    pub fn restore(&self, name: &str) -> anyhow::Result<()> {
        self.on_all(Machine::power_off_hard)?;
        self.on_all(|machine| machine.load(name))?;
        self.on_all(Machine::go_on)
            .with_context(|| format!("after the snapshot `{name}` was put back"))
    }

    /// Replaces a machine by a new one with the same name and address. It has new host keys, and nothing that
    /// genbackup or a backup knows of. Its second disk is empty.
    ///
    /// # Errors
    /// When there is no snapshot of new machines, or it does not wake up.
    pub fn replace(&self, machine: &Machine) -> anyhow::Result<()> {
        timed(&format!("a new {}", machine.name()), || {
            machine.power_off_hard()?;
            machine.load(FRESH)?;
            machine.go_on()?;
            machine
                .succeeds("rm /etc/ssh/ssh_host_* && ssh-keygen -A >/dev/null")
                .map(drop)
        })
    }

    /// Does the same with each machine at the same time.
    ///
    /// # Errors
    /// All that failed, in one.
    pub fn on_all(&self, act: impl Fn(&Machine) -> anyhow::Result<()> + Sync) -> anyhow::Result<()> {
        on_all(&self.machines(), act)
    }
}
