//! The lab: a storage host and two clients on a private network, and snapshots of all three. One client is of an older
//! Debian than the others.

use anyhow::Context;

use crate::accelerator::Accelerator;
use crate::cache::RunFolders;
use crate::hardware::{Disk, Hardware};
use crate::image::Images;
use crate::machine::Machine;
use crate::network::Switch;
use crate::progress::timed;
use crate::provision::provision;
use crate::qemu::Surroundings;
use crate::release::Release;
use crate::side_by_side::side_by_side;

/// The snapshot of machines that have their names and nothing of ours.
pub(crate) const FRESH: &str = "fresh";

/// Three machines. Everything about them ends and is removed when the value goes away.
#[derive(Debug)]
pub struct Lab {
    // In this order they are dropped: the machines before what they are plugged into, their folders last.
    /// The storage host.
    pub jak: Machine,
    /// A client.
    pub ziz: Machine,
    /// Another client, of the release before.
    pub kai: Machine,
    accelerator: Accelerator,
    _switch: Switch,
    folders: RunFolders,
    _images: Images,
}

/// The storage host's disk for the repository.
fn storage() -> Disk {
    Disk {
        label: "storage".to_owned(),
        size: 2 << 30,
        mount_point: "/mnt/storage".to_owned(),
    }
}

fn hardware(name: &str, number: u8, release: Release, disk: Option<Disk>) -> Hardware {
    Hardware {
        name: name.to_owned(),
        number,
        release,
        memory: 768,
        processors: 1,
        disk,
    }
}

impl Lab {
    /// Boots and provisions the three machines; prints the times of its steps.
    ///
    /// Call it from the thread that keeps the lab: the machines end with that thread, also when it is killed.
    ///
    /// # Errors
    /// When an image cannot be built, or a machine does not come up.
    pub fn boot() -> anyhow::Result<Self> {
        let images = timed("images", Images::ready)?;
        let mut chosen = String::new();
        let accelerator = timed("accelerator", || {
            let accelerator = Accelerator::choose(images.of(Release::Trixie))?;
            chosen = accelerator.to_string();
            Ok(accelerator)
        })?;
        let lab = timed(&format!("boot, {chosen}"), || {
            let lab = Self::switch_on(images, accelerator, None)?;
            lab.on_all(Machine::wait_until_booted)?;
            Ok(lab)
        })?;
        timed("provision", || {
            let storage = storage();
            lab.on_all(|machine| {
                let disk = (machine.name() == lab.jak.name()).then_some(&storage);
                provision(machine, &lab.machines(), disk)
            })
        })?;
        Ok(lab)
    }

    /// Another lab, of machines that are copies of these, with a network of their own: as these were at the snapshot
    /// `name`. These stand still while they are copied.
    ///
    /// Call it from the thread that keeps the lab, like [`boot`](Self::boot).
    ///
    /// # Errors
    /// When there is no such snapshot, or a machine does not wake up.
    pub fn twin(&self, name: &str) -> anyhow::Result<Self> {
        timed("a second lab like it", || {
            let images = Images::ready()?;
            // What stands still has written to its disks all that it had to.
            self.on_all(Machine::freeze)?;
            let twin = Self::switch_on(images, self.accelerator, Some(self));
            self.on_all(Machine::go_on)?;
            let twin = twin?;
            twin.restore(name)?;
            Ok(twin)
        })
    }

    fn switch_on(images: Images, accelerator: Accelerator, twin: Option<&Self>) -> anyhow::Result<Self> {
        let folders = RunFolders::new()?;
        let switch = Switch::start(&folders.sockets().join("lan"))?;
        let at = Surroundings {
            images: &images,
            accelerator,
            switch: &switch,
            disks: folders.disks(),
            disks_of_twin: twin.map(|twin| twin.folders.disks()),
            sockets: folders.sockets(),
        };
        let jak = Machine::switch_on(&hardware("jak", 1, Release::Trixie, Some(storage())), at)?;
        let ziz = Machine::switch_on(&hardware("ziz", 2, Release::Trixie, None), at)?;
        let kai = Machine::switch_on(&hardware("kai", 3, Release::Bookworm, None), at)?;
        Ok(Self {
            jak,
            ziz,
            kai,
            accelerator,
            _switch: switch,
            folders,
            _images: images,
        })
    }

    /// How many times longer than on a processor of its own a machine may take; for bounds of seconds.
    #[must_use]
    pub fn patience(&self) -> f64 {
        f64::from(self.accelerator.patience())
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
            self.on_all(Machine::freeze)?;
            self.on_all(|machine| machine.save(name))?;
            self.on_all(Machine::go_on)
        })
    }

    /// Puts all machines back to where they were at the snapshot `name`; their clocks show the present.
    ///
    /// # Errors
    /// When there is no such snapshot, or a machine does not wake up.
    pub fn restore(&self, name: &str) -> anyhow::Result<()> {
        self.on_all(Machine::freeze)?;
        self.on_all(|machine| machine.load(name))?;
        self.on_all(Machine::go_on)
            .with_context(|| format!("after the snapshot `{name}` was put back"))
    }

    /// Puts a new machine in the place of one: of the same name and address, with host keys of its own, and with
    /// nothing that genbackup, or a backup, knows of. Its second disk is empty.
    ///
    /// # Errors
    /// When there is no snapshot of new machines, or it does not wake up.
    pub fn replace(&self, machine: &Machine) -> anyhow::Result<()> {
        timed(&format!("a new {}", machine.name()), || {
            machine.freeze()?;
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
        side_by_side(self.machines(), |machine| {
            act(machine).with_context(|| machine.name().to_owned())
        })
        .map(drop)
    }
}
