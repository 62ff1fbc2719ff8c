//! A guest's disks: made for one run, each an overlay on something that is not changed.

use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::ensure;

use super::Surroundings;
use crate::agent::INBOX_BYTES;
use crate::hardware::{Disk, Hardware};
use crate::process::{command, output_of};

/// The disks of one guest.
#[derive(Debug)]
pub(super) struct Disks {
    root: PathBuf,
    /// What is sent to the guest: written by this process, read by the guest.
    pub(super) inbox: PathBuf,
    second: Option<PathBuf>,
}

impl Disks {
    /// Makes them.
    pub(super) fn make(hardware: &Hardware, at: Surroundings<'_>) -> anyhow::Result<Self> {
        let name = &hardware.name;
        let base = at.images.of(hardware.release).disk();
        let root = overlay(&base, &at.disks.join(format!("{name}.qcow2")))?;
        let inbox = at.disks.join(format!("{name}-inbox.raw"));
        File::create(&inbox)?.set_len(INBOX_BYTES)?;
        let second = hardware
            .disk
            .as_ref()
            .map(|disk| second_disk(disk, &at.disks.join(format!("{name}-{}", disk.label))))
            .transpose()?;
        Ok(Self { root, inbox, second })
    }

    /// QEMU's arguments, the root disk first: the kernel names them in this order.
    pub(super) fn arguments(&self) -> Vec<String> {
        let Self { root, inbox, second } = self;
        let second = second.iter().map(|second| own("second", second));
        [own("root", root), read_only_inbox(inbox)]
            .into_iter()
            .chain(second)
            .flatten()
            .collect()
    }
}

/// `cache=unsafe`: a disk that is thrown away need not survive this machine's own power cut.
fn own(id: &str, path: &Path) -> [String; 4] {
    let drive = format!("id={id},format=qcow2,cache=unsafe,file={}", path.display());
    plugged(&drive, &format!("drive={id}"))
}

/// Read-only for the guest, so that it is no part of a snapshot; not locked, because this process writes it.
fn read_only_inbox(path: &Path) -> [String; 4] {
    let drive = format!(
        "id=inbox,format=raw,readonly=on,file.locking=off,file={}",
        path.display()
    );
    plugged(&drive, "drive=inbox,serial=inbox")
}

fn plugged(drive: &str, device: &str) -> [String; 4] {
    [
        "-drive".to_owned(),
        format!("if=none,{drive}"),
        "-device".to_owned(),
        format!("virtio-blk-pci,{device}"),
    ]
}

/// A disk that starts as `base`, and leaves it as it is.
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
