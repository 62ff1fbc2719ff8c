//! What makes copies of one image into machines that know each other.

use std::fmt::Write as _;
use std::time::SystemTime;

use crate::hardware::Disk;
use crate::lab::Kind;
use crate::machine::{Machine, quoted};

/// Gives a freshly booted machine its name, the names of the others, its address, its host keys, its disk and
/// the time.
///
/// # Errors
/// When the machine refuses.
pub fn provision(machine: &Machine, all: &[&Machine]) -> anyhow::Result<()> {
    let name = quoted(machine.name());
    let mut script = format!("echo {name} >/etc/hostname\nhostname {name}\n");
    script += "echo 127.0.0.1 localhost >/etc/hosts\n";
    for other in all {
        writeln!(script, "echo {} {} >>/etc/hosts", other.address(), other.name())?;
    }
    // Its own keys: copies of one image must not share them.
    script += "ssh-keygen -A >/dev/null\n";
    if machine.kind() == Kind::Virtual {
        machine.set_clock(SystemTime::now())?;
        let network = format!(
            "[Match]\nName=en*\n\n[Network]\nAddress={}\nLinkLocalAddressing=no\nIPv6AcceptRA=no\n",
            machine.address_with_prefix()
        );
        machine.write_file("/etc/systemd/network/10-lab.network", network.as_bytes(), 0o644)?;
        script += "networkctl reload\n";
    }
    if let Some(disk) = &machine.hardware().disk {
        let mount_point = quoted(&disk.mount_point);
        write!(
            script,
            "mkdir -p {mount_point}\n\
             printf '%s %s %s defaults%s 0 %s\\n' {} >>/etc/fstab\n\
             systemctl daemon-reload\n\
             mount {mount_point}\n",
            in_fstab(machine, disk)
        )?;
    }
    machine.succeeds(&script)?;
    machine.wait_for_address()
}

/// Its source, mount point, type, further options and place in the order of checks. A container has its second disk
/// mounted below `/lab` before it boots.
fn in_fstab(machine: &Machine, disk: &Disk) -> String {
    let Disk {
        label, mount_point, ..
    } = disk;
    let mount_point = quoted(mount_point);
    match machine.kind() {
        Kind::Container => {
            let place = quoted(&format!("/lab/{}-{label}", machine.name()));
            format!("{place} {mount_point} none ,bind 0")
        }
        // systemd waits 90 s for a disk, and an emulated machine on a busy one takes longer to see it.
        Kind::Virtual => format!(
            "LABEL={} {mount_point} ext4 ,x-systemd.device-timeout=20min 2",
            quoted(label)
        ),
    }
}
