//! One guest in one QEMU, which runs from the start of the lab to its end.
//!
//! A guest without power is a QEMU that stands still, and a boot is a reset: so the connections to the guest's serial
//! port and to QEMU's monitor last, and a snapshot can be loaded at any time.

mod disks;

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, bail};
use serde_json::{Value, json};

use self::disks::Disks;
use crate::accelerator::Accelerator;
use crate::deadline::poll;
use crate::hardware::Hardware;
use crate::image::Images;
use crate::network::Switch;
use crate::process::{Ended, start};
use crate::qmp::Qmp;

/// Where a guest is to run.
#[derive(Debug, Clone, Copy)]
pub struct Surroundings<'lab> {
    /// Of these it boots from the one of its release.
    pub images: &'lab Images,
    /// What runs its code.
    pub accelerator: Accelerator,
    /// What its network card is plugged into.
    pub switch: &'lab Switch,
    /// A directory for its disks.
    pub disks: &'lab Path,
    /// Where a machine of the same name has its disks, if this is to be its twin: it gets a copy of them, with all their
    /// snapshots. The other one stands still meanwhile.
    pub disks_of_twin: Option<&'lab Path>,
    /// A directory with a short path for its sockets, which may be no longer than 108 bytes.
    pub sockets: &'lab Path,
}

/// A running QEMU. Ended, by its id, when the value goes away.
#[derive(Debug)]
pub struct Qemu {
    name: String,
    console: PathBuf,
    agent: PathBuf,
    inbox: PathBuf,
    monitor: Mutex<Qmp>,
    _process: Ended,
}

impl Qemu {
    /// Starts a guest, which then boots; a twin stands still until a snapshot is loaded.
    ///
    /// QEMU ends with the thread that calls this: call it from the one that owns the lab.
    ///
    /// # Errors
    /// When a disk cannot be made or QEMU does not start.
    pub fn start(hardware: &Hardware, at: Surroundings<'_>) -> anyhow::Result<Self> {
        let name = hardware.name.clone();
        let socket = |kind: &str| at.sockets.join(format!("{name}-{kind}"));
        let (agent, monitor) = (socket("agent"), socket("monitor"));
        let console = at.disks.join(format!("{name}-console.log"));
        let errors = at.disks.join(format!("{name}-qemu.log"));

        let mut command = at.accelerator.bare_machine(at.images.of(hardware.release)?);
        command.arg("-no-shutdown").arg("-name").arg(&name);
        command.args(["-m", &hardware.memory.to_string()]);
        command.args(["-smp", &hardware.processors.to_string()]);
        command.arg("-append").arg(kernel_command_line(hardware));
        let disks = if let Some(of) = at.disks_of_twin {
            command.arg("-S");
            Disks::copy(hardware, at, of)?
        } else {
            Disks::make(hardware, at)?
        };
        command.args(disks.arguments());
        command
            .arg("-netdev")
            .arg(format!("vde,id=lan,sock={}", at.switch.directory().display()));
        command.arg("-device").arg(format!(
            "virtio-net-pci,netdev=lan,romfile=,mac={}",
            card_address(hardware.number)
        ));
        // Without it a guest waits for randomness: emulated processors have none.
        command.args(["-device", "virtio-rng-pci"]);
        command
            .arg("-chardev")
            .arg(format!("file,id=console,path={}", console.display()));
        command.arg("-chardev").arg(format!(
            "socket,id=agent,path={},server=on,wait=off",
            agent.display()
        ));
        command.args(["-serial", "chardev:console", "-serial", "chardev:agent"]);
        command
            .arg("-qmp")
            .arg(format!("unix:{},server=on,wait=off", monitor.display()));
        command
            .stdout(Stdio::null())
            .stderr(Stdio::from(File::create(&errors)?));

        let mut process = Ended(start(&mut command)?);
        let connected = poll(Duration::from_secs(30), || {
            if let Some(status) = process.0.try_wait().context("cannot watch QEMU")? {
                let error_text = fs::read_to_string(&errors).unwrap_or_default();
                bail!(
                    "QEMU of guest `{name}` ended at once: {status}\n{}",
                    error_text.trim_end()
                );
            }
            Ok(Qmp::connect(&monitor).ok())
        })?;
        let monitor = connected.with_context(|| format!("QEMU of guest `{name}` is not ready after 30 s"))?;
        Ok(Self {
            name,
            console,
            agent,
            inbox: disks.inbox,
            monitor: Mutex::new(monitor),
            _process: process,
        })
    }

    /// The socket behind the guest's second serial port.
    #[must_use]
    pub fn agent_socket(&self) -> &Path {
        &self.agent
    }

    /// The file behind the guest's read-only disk for what is sent to it.
    #[must_use]
    pub fn inbox(&self) -> &Path {
        &self.inbox
    }

    /// The file with everything that the guest printed on its console.
    #[must_use]
    pub fn console(&self) -> &Path {
        &self.console
    }

    /// Freezes the guest where it is: for the others it has lost its power.
    ///
    /// # Errors
    /// When QEMU has gone.
    pub fn freeze(&self) -> anyhow::Result<()> {
        self.execute("stop", &json!({}))
    }

    /// Lets a frozen guest go on.
    ///
    /// # Errors
    /// When QEMU has gone, or the guest has shut down and needs a reset first.
    pub fn go_on(&self) -> anyhow::Result<()> {
        self.execute("cont", &json!({}))
    }

    /// Boots the guest from its disk, whatever it was doing.
    ///
    /// # Errors
    /// When QEMU has gone.
    pub fn boot(&self) -> anyhow::Result<()> {
        self.execute("system_reset", &json!({}))?;
        self.go_on()
    }

    /// Presses the power button.
    ///
    /// # Errors
    /// When QEMU has gone.
    pub fn press_power_button(&self) -> anyhow::Result<()> {
        self.execute("system_powerdown", &json!({}))
    }

    /// Whether the guest has shut itself down.
    ///
    /// # Errors
    /// When QEMU has gone.
    pub fn has_shut_down(&self) -> anyhow::Result<bool> {
        Ok(self.with_monitor(Qmp::status)? == "shutdown")
    }

    /// Plugs the network cable in or pulls it.
    ///
    /// # Errors
    /// When QEMU has gone.
    pub fn plug_network(&self, plugged: bool) -> anyhow::Result<()> {
        self.execute("set_link", &json!({ "name": "lan", "up": plugged }))
    }

    /// Saves the frozen guest's memory, devices and disks under `name`.
    ///
    /// # Errors
    /// When QEMU cannot.
    pub fn save(&self, name: &str) -> anyhow::Result<()> {
        self.with_monitor(|monitor| monitor.human(&format!("savevm {name}")))
    }

    /// Puts back what was saved under `name`, and leaves the guest frozen.
    ///
    /// # Errors
    /// When there is no such snapshot.
    pub fn load(&self, name: &str) -> anyhow::Result<()> {
        self.with_monitor(|monitor| {
            // A guest that has shut down would not be let go on.
            if monitor.status()? == "shutdown" {
                drop(monitor.execute("system_reset", &json!({}))?);
            }
            monitor.human(&format!("loadvm {name}"))
        })
    }

    fn execute(&self, command: &str, arguments: &Value) -> anyhow::Result<()> {
        self.with_monitor(|monitor| monitor.execute(command, arguments).map(drop))
    }

    fn with_monitor<T>(&self, act: impl FnOnce(&mut Qmp) -> anyhow::Result<T>) -> anyhow::Result<T> {
        let mut monitor = self.monitor.lock().unwrap_or_else(PoisonError::into_inner);
        act(&mut monitor).with_context(|| format!("guest `{}`", self.name))
    }
}

fn kernel_command_line(hardware: &Hardware) -> String {
    let Hardware {
        name,
        number,
        release: _,
        memory: _,
        processors: _,
        disk: _,
    } = hardware;
    [
        "root=/dev/vda rw console=ttyS0 quiet loglevel=4 systemd.show_status=no",
        // Defences against other tenants of the processor cost an emulated guest a lot, and it has none.
        "mitigations=off init_on_alloc=0",
        // A machine that has to wait for its processor distrusts its clock. It then uses a slow clock, each
        // read of which leaves the guest's code, or it finds no timer at all and does not boot.
        "tsc=reliable no_timer_check nowatchdog",
        // Each mount of a sandbox waits for what these shorten.
        "rcupdate.rcu_expedited=1",
        // Six machines that boot side by side on two busy processors take longer than systemd's 90 s for a service.
        "systemd.default_timeout_start_sec=10min",
        // The listener on AF_VSOCK complains where there is none.
        "systemd.ssh_auto=no",
        &format!(
            "systemd.hostname={name} systemd.machine_id={:032x}",
            0x7e57_0000_u32 + u32::from(*number)
        ),
    ]
    .join(" ")
}

fn card_address(number: u8) -> String {
    format!("52:54:00:77:00:{number:02x}")
}
