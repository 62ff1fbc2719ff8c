//! One guest in one QEMU, which runs from the start of the lab to its end.
//!
//! A guest without power is a QEMU that stands still, and a boot is a reset: so the connections to the guest's serial
//! port and to QEMU's monitor last, and a snapshot can be loaded at any time.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use serde_json::{Value, json};

use crate::accelerator::Accelerator;
use crate::agent::INBOX_BYTES;
use crate::deadline::poll;
use crate::image::Image;
use crate::network::Switch;
use crate::process::{Ended, command, command_ending_with_us, output_of, start};
use crate::qmp::Qmp;

/// A disk of its own for a guest, beside the root disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disk {
    /// The file system's label, at most 16 bytes.
    pub label: String,
    /// Bytes. Takes up room only as it is written.
    pub size: u64,
    /// Where the guest mounts it, also after a boot.
    pub mount_point: String,
}

/// What a guest is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hardware {
    /// Its host name.
    pub name: String,
    /// Which one it is, from 1: decides the addresses of its network card.
    pub number: u8,
    /// Memory in MiB.
    pub memory: u32,
    /// Virtual processors.
    pub processors: u32,
    /// A second disk.
    pub disk: Option<Disk>,
}

/// Where a guest is to run.
#[derive(Debug, Clone, Copy)]
pub struct Surroundings<'lab> {
    /// What it boots from.
    pub image: &'lab Image,
    /// What runs its code.
    pub accelerator: Accelerator,
    /// What its network card is plugged into.
    pub switch: &'lab Switch,
    /// A folder for its disks.
    pub disks: &'lab Path,
    /// A folder with a short path for its sockets, which may be no longer than 108 bytes.
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
    /// Starts a guest, which then boots.
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

        let mut command = command_ending_with_us("qemu-system-x86_64");
        command.args([
            "-nodefaults",
            "-no-user-config",
            "-display",
            "none",
            "-machine",
            "q35,smm=off",
            "-no-shutdown",
        ]);
        command.args(at.accelerator.arguments()).arg("-name").arg(&name);
        command.args([
            "-m",
            &hardware.memory.to_string(),
            "-smp",
            &hardware.processors.to_string(),
        ]);
        command
            .arg("-kernel")
            .arg(at.image.kernel())
            .arg("-initrd")
            .arg(at.image.initial_file_system());
        command.arg("-append").arg(kernel_command_line(hardware));
        // The root disk first: the kernel names them in this order.
        let root = overlay(&at.image.disk(), &at.disks.join(format!("{name}.qcow2")))?;
        command.args(disk_arguments("root", &root));
        let inbox = at.disks.join(format!("{name}-inbox.raw"));
        File::create(&inbox)?.set_len(INBOX_BYTES)?;
        command.args(inbox_arguments(&inbox));
        if let Some(disk) = &hardware.disk {
            let second = second_disk(disk, &at.disks.join(format!("{name}-{}", disk.label)))?;
            command.args(disk_arguments("second", &second));
        }
        command
            .arg("-netdev")
            .arg(format!("vde,id=lan,sock={}", at.switch.folder().display()));
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
                let said = fs::read_to_string(&errors).unwrap_or_default();
                bail!(
                    "QEMU of guest `{name}` ended at once: {status}\n{}",
                    said.trim_end()
                );
            }
            Ok(Qmp::connect(&monitor).ok())
        })?;
        let monitor = connected.with_context(|| format!("QEMU of guest `{name}` is not ready after 30 s"))?;
        Ok(Self {
            name,
            console,
            agent,
            inbox,
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

    /// The file with everything the guest said on its console.
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
        memory: _,
        processors: _,
        disk: _,
    } = hardware;
    [
        "root=/dev/vda rw console=ttyS0 quiet loglevel=4 systemd.show_status=no",
        // Defences against other tenants of the processor cost an emulated guest a lot, and it has none.
        "mitigations=off",
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

/// `cache=unsafe`: a disk that is thrown away need not survive this machine's own power cut.
fn disk_arguments(id: &str, path: &Path) -> [String; 4] {
    let drive = format!(
        "if=none,id={id},format=qcow2,cache=unsafe,file={}",
        path.display()
    );
    [
        "-drive".to_owned(),
        drive,
        "-device".to_owned(),
        format!("virtio-blk-pci,drive={id}"),
    ]
}

/// Read-only for the guest, so that it is no part of a snapshot; not locked, because this process writes it.
fn inbox_arguments(path: &Path) -> [String; 4] {
    let drive = format!(
        "if=none,id=inbox,format=raw,readonly=on,file.locking=off,file={}",
        path.display()
    );
    [
        "-drive".to_owned(),
        drive,
        "-device".to_owned(),
        "virtio-blk-pci,drive=inbox,serial=inbox".to_owned(),
    ]
}

fn overlay(base: &Path, path: &Path) -> anyhow::Result<PathBuf> {
    output_of(
        command("qemu-img")
            .args(["create", "-q", "-f", "qcow2", "-F", "raw", "-b"])
            .arg(base)
            .arg(path),
    )?;
    Ok(path.to_path_buf())
}

fn second_disk(disk: &Disk, path: &Path) -> anyhow::Result<PathBuf> {
    ensure!(
        disk.label.len() <= 16,
        "the disk label `{}` has more than 16 bytes",
        disk.label
    );
    let raw = path.with_extension("raw");
    File::create(&raw)?.set_len(disk.size)?;
    output_of(
        command("mke2fs")
            .args(["-q", "-t", "ext4", "-L", &disk.label])
            .arg(&raw),
    )?;
    overlay(&raw, &path.with_extension("qcow2"))
}
