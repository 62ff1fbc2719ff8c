//! What makes three copies of one image into three machines that know each other.

use std::fmt::Write as _;
use std::time::SystemTime;

use crate::hardware::Disk;
use crate::machine::{Machine, quoted};

/// Gives a freshly booted machine its name, its neighbours, its address, its host keys, its disk and the time.
///
/// # Errors
/// When the machine refuses.
pub fn provision(machine: &Machine, all: &[&Machine], disk: Option<&Disk>) -> anyhow::Result<()> {
    machine.set_clock(SystemTime::now())?;
    let name = quoted(machine.name());
    let mut script = format!("echo {name} >/etc/hostname\nhostname {name}\n");
    script += "echo 127.0.0.1 localhost >/etc/hosts\n";
    for neighbour in all {
        writeln!(
            script,
            "echo {} {} >>/etc/hosts",
            neighbour.address(),
            neighbour.name()
        )?;
    }
    // Its own keys: three copies of one image must not share them.
    script += "ssh-keygen -A >/dev/null\n";
    let network = format!(
        "[Match]\nName=en*\n\n[Network]\nAddress={}\nLinkLocalAddressing=no\nIPv6AcceptRA=no\n",
        machine.address_with_prefix()
    );
    machine.write_file("/etc/systemd/network/10-lab.network", network.as_bytes(), 0o644)?;
    script += "networkctl reload\n";
    if let Some(Disk {
        label,
        size: _,
        mount_point,
    }) = disk
    {
        let mount_point = quoted(mount_point);
        write!(
            script,
            "mkdir -p {mount_point}\n\
             printf '%s %s ext4 defaults 0 2\\n' LABEL={} {mount_point} >>/etc/fstab\n\
             systemctl daemon-reload\n\
             mount {mount_point}\n",
            quoted(label)
        )?;
    }
    machine.succeeds(&script)?;
    machine.wait_for_address()
}
