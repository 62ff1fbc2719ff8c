//! As many machines as a story wants: a storage host and its clients, on a separate ground. The lab has three
//! of them.

use std::fmt::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use anyhow::Context;

use crate::belongings;
use crate::collect::leave_behind;
use crate::fleet::{MOUNT, PASSWORD_FILE, REPOSITORY, SSH_KEY_FILE, SSH_PORT};
use crate::ground::Ground;
use crate::hardware::Hardware;
use crate::install;
use crate::lab::Kind;
use crate::machine::Machine;
use crate::progress::timed;
use crate::provision::provision;
use crate::side_by_side::on_all;
use crate::story::no_complaints;

/// Machines that know each other; the first is the storage host. Everything about them ends with the value.
#[derive(Debug)]
pub struct Crowd {
    // In this order they are dropped.
    machines: Vec<Machine>,
    _ground: Ground,
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
                let crowd = Self {
                    machines,
                    _ground: ground,
                };
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

    /// Does the same with each machine, some of them at the same time.
    ///
    /// # Errors
    /// All that failed, in one.
    pub fn on_all(&self, act: impl Fn(&Machine) -> anyhow::Result<()> + Sync) -> anyhow::Result<()> {
        on_all(&self.machines(), act)
    }

    /// Gives each machine something to lose, and installs genbackup on all of them, as an administrator does it by hand.
    /// `tables` are lines of the fleet file for its tables `schedule` and `repository`, `keys` those of a machine.
    ///
    /// # Errors
    /// When genbackup refuses the fleet, or a machine what was emitted.
    pub fn install(&self, tables: Tables<'_>, keys: impl Fn(&Machine) -> String) -> anyhow::Result<()> {
        timed("install", || {
            self.on_all(belongings::put_onto)?;
            install::make_secrets(self.storage())?;
            let fleet = self.fleet_file(tables, keys)?;
            install::install_fleet(self.storage(), &self.machines(), &fleet)
        })
    }

    fn fleet_file(&self, tables: Tables<'_>, keys: impl Fn(&Machine) -> String) -> anyhow::Result<String> {
        let public_key = self.storage().succeeds(&format!("cat {SSH_KEY_FILE}.pub"))?;
        let Tables { schedule, repository } = tables;
        let storage = self.storage().name();
        let disk = self
            .storage()
            .hardware()
            .disk
            .as_ref()
            .context("the storage host has no disk")?;
        let mut text = format!(
            "[schedule]\ncalendar = \"*-*-* 04:00:00\"\n{schedule}\n\
             [repository]\nhost = \"{storage}\"\npath = \"{REPOSITORY}\"\nfile-system = \"{}\"\ninitialize = true\n\
             password-file = \"{PASSWORD_FILE}\"\n{repository}\n\
             [nfs]\nmount = \"{MOUNT}\"\n\
             [ssh]\nport = {SSH_PORT}\nkey-file = \"{SSH_KEY_FILE}\"\npublic-key = \"{public_key}\"\n",
            disk.mount_point
        );
        for machine in &self.machines {
            writeln!(text, "[hosts.{}]\n{}", machine.name(), keys(machine))?;
            if machine.name() != storage {
                writeln!(text, "host-key = \"{}\"", machine.host_key()?)?;
            }
        }
        Ok(text)
    }

    /// Runs a story on them. If it fails, journals and consoles are kept, and the error names the place. It
    /// also fails if a systemd did not do all that a unit asked for.
    ///
    /// # Errors
    /// When the story fails.
    pub fn run_story(
        &self,
        name: &str,
        story: impl FnOnce(&Self) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let result = catch_unwind(AssertUnwindSafe(|| {
            story(self)?;
            no_complaints(&self.machines())
        }));
        if matches!(result, Ok(Ok(()))) {
            return Ok(());
        }
        // The lab keeps its own under the name of the story.
        let kept = leave_behind(&self.machines(), &format!("{name}_crowd"));
        match result {
            Ok(result) => result.context(kept),
            Err(panic) => {
                println!("{kept}");
                resume_unwind(panic)
            }
        }
    }
}

/// Lines of a fleet file for two of its tables.
#[derive(Debug, Clone, Copy)]
pub struct Tables<'t> {
    /// For `[schedule]`, which has a `calendar`.
    pub schedule: &'t str,
    /// For `[repository]`, which has all that it must have but `keep`.
    pub repository: &'t str,
}
