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
        let disks = Self::of(hardware, at.disks);
        overlay(&at.images.of(hardware.release)?.disk(), &disks.root)?;
        if let (Some(disk), Some(path)) = (&hardware.disk, &disks.second) {
            make_second(disk, path)?;
        }
        disks.with_inbox()
    }

    /// Copies those of a twin, which stands still, from its directory.
    pub(super) fn copy(hardware: &Hardware, at: Surroundings<'_>, from: &Path) -> anyhow::Result<Self> {
        let (disks, twin) = (Self::of(hardware, at.disks), Self::of(hardware, from));
        copy(&twin.root, &disks.root)?;
        if let (Some(theirs), Some(ours)) = (&twin.second, &disks.second) {
            copy(theirs, ours)?;
            copy(&base_of(theirs), &base_of(ours))?;
        }
        disks.with_inbox()
    }

    /// Where they are in a directory.
    fn of(hardware: &Hardware, directory: &Path) -> Self {
        let Hardware { name, disk, .. } = hardware;
        let named = |end: &str| directory.join(format!("{name}{end}"));
        Self {
            root: named(".qcow2"),
            inbox: named("-inbox.raw"),
            second: disk.as_ref().map(|disk| named(&format!("-{}.qcow2", disk.label))),
        }
    }

    fn with_inbox(self) -> anyhow::Result<Self> {
        File::create(&self.inbox)?.set_len(INBOX_BYTES)?;
        Ok(self)
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

/// A disk that starts as `base`, and leaves it as it is. A `base` without a directory is looked for next to
/// the disk.
fn overlay(base: &Path, path: &Path) -> anyhow::Result<()> {
    let mut create = command("qemu-img");
    create.args(["create", "-q", "-f", "qcow2", "-F", "raw", "-b"]);
    output_of(create.arg(base).arg(path)).map(drop)
}

fn make_second(disk: &Disk, path: &Path) -> anyhow::Result<()> {
    ensure!(
        disk.label.len() <= 16,
        "the disk label `{}` has more than 16 bytes",
        disk.label
    );
    let base = base_of(path);
    File::create(&base)?.set_len(disk.size)?;
    output_of(
        command("mke2fs")
            .args(["-q", "-t", "ext4", "-L", &disk.label])
            .arg(&base),
    )?;
    // By its name alone: a copy of both is whole.
    overlay(Path::new(base.file_name().unwrap_or_default()), path)
}

/// What a second disk starts as.
fn base_of(second: &Path) -> PathBuf {
    second.with_extension("raw")
}

/// A copy that has the holes of what it copies.
fn copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    let mut copy = command("cp");
    copy.args(["--sparse=always", "--reflink=auto", "--"]);
    output_of(copy.arg(from).arg(to)).map(drop)
}
