//! What the machines of one lab stand on: images, directories, a network, and what runs them.

use std::sync::Arc;

use anyhow::Context;

use crate::accelerator::Accelerator;
use crate::cache::RunDirectories;
use crate::container::{self, Container, World};
use crate::hardware::Hardware;
use crate::image::Images;
use crate::lab::Kind;
use crate::machine::Machine;
use crate::network::Switch;
use crate::progress::timed;
use crate::qemu::Surroundings;
use crate::release::Release;
use crate::virtual_machine::VirtualMachine;

/// Machines that other labs may have at the same time.
const OTHER_INSTANCES: usize = 24;

/// A lab's ground. What it consists of ends and is removed when the value goes away, which has to outlive the machines.
#[derive(Debug)]
pub struct Ground {
    // In this order they are dropped.
    runs: Runs,
    directories: RunDirectories,
    images: Images,
}

#[derive(Debug)]
enum Runs {
    Containers(Arc<World>),
    VirtualMachines {
        accelerator: Accelerator,
        switch: Switch,
    },
}

impl Ground {
    /// A ground for machines of a kind and of these releases; prints the times of its steps.
    ///
    /// Call it from the thread that keeps the lab: all machines end with that thread, also when it is killed.
    ///
    /// # Errors
    /// When an image cannot be built, or this machine cannot have machines of that kind: then each reason, with what
    /// helps.
    pub fn new(kind: Kind, releases: &[Release]) -> anyhow::Result<Self> {
        if kind == Kind::Container {
            container::possible()?;
            container::enough_inotify_instances(releases.len() + OTHER_INSTANCES)?;
        }
        let mut releases = releases.to_vec();
        releases.sort_unstable();
        releases.dedup();
        let images = timed("images", || Images::ready(&releases, kind))?;
        let accelerator = match kind {
            Kind::Container => None,
            Kind::Virtual => {
                let image = images.of(*releases.first().context("a lab without machines")?)?;
                Some(timed("accelerator", || Accelerator::choose(image))?)
            }
        };
        Self::on(images, accelerator)
    }

    /// Another ground of the same kind, with a separate network.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn another(&self) -> anyhow::Result<Self> {
        let images = Images::ready(&self.images.releases(), self.kind())?;
        let accelerator = match self.runs {
            Runs::Containers(_) => None,
            Runs::VirtualMachines { accelerator, .. } => Some(accelerator),
        };
        Self::on(images, accelerator)
    }

    fn on(images: Images, accelerator: Option<Accelerator>) -> anyhow::Result<Self> {
        let directories = RunDirectories::new()?;
        let runs = match accelerator {
            None => Runs::Containers(Arc::new(World::begin(directories.disks())?)),
            Some(accelerator) => Runs::VirtualMachines {
                accelerator,
                switch: Switch::start(&directories.sockets().join("lan"))?,
            },
        };
        Ok(Self {
            runs,
            directories,
            images,
        })
    }

    /// Which kind of machines it is for.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self.runs {
            Runs::Containers(_) => Kind::Container,
            Runs::VirtualMachines { .. } => Kind::Virtual,
        }
    }

    /// What runs the machines, for people.
    #[must_use]
    pub fn runs(&self) -> String {
        match &self.runs {
            Runs::Containers(_) => "containers".to_owned(),
            Runs::VirtualMachines { accelerator, .. } => accelerator.to_string(),
        }
    }

    /// How many times longer a machine may take than with a processor for itself; for bounds in seconds.
    #[must_use]
    pub fn patience(&self) -> u32 {
        match &self.runs {
            // Several machines share each processor.
            Runs::Containers(_) => 3,
            Runs::VirtualMachines { accelerator, .. } => accelerator.patience(),
        }
    }

    /// A new machine, which boots.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn machine(&self, hardware: Hardware) -> anyhow::Result<Machine> {
        self.machine_like(hardware, None)
    }

    /// A copy of the machine of the same name that stands on another ground, with all its snapshots: put one of them
    /// back before it is used. That one stands still meanwhile.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn twin(&self, hardware: Hardware, of: &Self) -> anyhow::Result<Machine> {
        self.machine_like(hardware, Some(of))
    }

    fn machine_like(&self, hardware: Hardware, twin: Option<&Self>) -> anyhow::Result<Machine> {
        let directory_of_twin = twin.map(|ground| ground.directories.disks());
        let body: Box<dyn crate::body::Body> = match &self.runs {
            Runs::Containers(world) => {
                let tree = self.images.of(hardware.release)?.tree();
                let container = Container::new(&hardware, &tree, world)?;
                match directory_of_twin {
                    Some(directory) => container.take_snapshots_of(directory)?,
                    None => container.boot_for_the_first_time()?,
                }
                Box::new(container)
            }
            Runs::VirtualMachines { accelerator, switch } => {
                let at = Surroundings {
                    images: &self.images,
                    accelerator: *accelerator,
                    switch,
                    disks: self.directories.disks(),
                    disks_of_twin: directory_of_twin,
                    sockets: self.directories.sockets(),
                };
                Box::new(VirtualMachine::switch_on(&hardware, at)?)
            }
        };
        Ok(Machine::new(hardware, self.kind(), body))
    }
}
