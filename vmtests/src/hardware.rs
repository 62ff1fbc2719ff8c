//! What a guest is made of.

use crate::release::Release;

/// A separate disk for a guest, in addition to the root disk.
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
    /// The Debian that it runs.
    pub release: Release,
    /// Memory in MiB, for a virtual machine.
    pub memory: u32,
    /// Virtual processors; containers have all that there are.
    pub processors: u32,
    /// A second disk.
    pub disk: Option<Disk>,
}

impl Hardware {
    /// A machine as the lab has them.
    #[must_use]
    pub fn new(name: &str, number: u8, release: Release, disk: Option<Disk>) -> Self {
        Self {
            name: name.to_owned(),
            number,
            release,
            memory: 768,
            processors: 1,
            disk,
        }
    }
}
