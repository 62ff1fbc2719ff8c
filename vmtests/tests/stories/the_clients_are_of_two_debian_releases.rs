//! Without this, users of the Debian before the newest would be the first to find what only the newest
//! supports. A story about a broken disk or network could pass because the guest cannot break it.

use vmtests::fleet::{MOUNT, REPOSITORY};
use vmtests::lab::Lab;
use vmtests::machine::Machine;
use vmtests::release::Release;

pub(crate) fn story(lab: &Lab) -> anyhow::Result<()> {
    assert_eq!(
        lab.machines().map(Machine::release),
        [Release::Trixie, Release::Trixie, Release::Bookworm]
    );
    for machine in lab.machines() {
        runs_its_release(machine)?;
        can_break_a_disk(machine)?;
    }
    for client in [&lab.ziz, &lab.kai] {
        mounts_the_repository(client)?;
    }
    Ok(())
}

fn runs_its_release(machine: &Machine) -> anyhow::Result<()> {
    let release = machine.release();
    let number = machine.succeeds(". /etc/os-release; echo $VERSION_ID")?;
    assert_eq!(number, release.number().to_string());
    let systemd = machine.succeeds("systemctl --version")?;
    let expected = format!("systemd {} ", release.systemd());
    assert!(systemd.starts_with(&expected), "{}: {systemd}", machine.name());
    let restic = machine.succeeds("restic version")?;
    let expected = format!("restic {}.", release.restic());
    assert!(restic.starts_with(&expected), "{}: {restic}", machine.name());
    Ok(())
}

fn mounts_the_repository(client: &Machine) -> anyhow::Result<()> {
    let options = client.succeeds(&format!(
        "mkdir --parents {MOUNT}
         mount --types nfs4 jak:{REPOSITORY} {MOUNT}
         test -e {MOUNT}/config
         findmnt --noheadings --output=OPTIONS {MOUNT}
         umount {MOUNT}"
    ))?;
    assert!(options.contains("vers=4.2"), "{}: {options}", client.name());
    Ok(())
}

/// With the device mapper: a disk is whole up to a place, and broken from there.
fn can_break_a_disk(machine: &Machine) -> anyhow::Result<()> {
    machine.succeeds(
        "truncate --size=2M /root/whole
         disk=$(losetup --find --show /root/whole)
         printf '0 2048 linear %s 0\n2048 2048 error\n' \"$disk\" | dmsetup create broken
         dd if=/dev/mapper/broken of=/dev/null bs=512 count=2048 iflag=direct",
    )?;
    let read =
        machine.fails("dd if=/dev/mapper/broken of=/dev/null bs=512 skip=2048 count=1 iflag=direct")?;
    assert!(
        read.error_text().contains("Input/output error"),
        "{}: {}",
        machine.name(),
        read.error_text()
    );
    Ok(())
}
