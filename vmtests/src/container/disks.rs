//! A container's disks. Its root is an overlay: layers that are never changed, and one that takes what the machine
//! writes. A second disk is a file system in a file.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::{Context, ensure};

use super::world::World;
use crate::hardware::{Disk, Hardware};
use crate::process::{command, output_of};

/// The disks of one machine.
#[derive(Debug)]
pub(super) struct Disks {
    name: String,
    directory: PathBuf,
    disk: Option<Disk>,
    tree: PathBuf,
    below: Mutex<Below>,
}

/// What a machine's disks are made of, but for what it has written since.
#[derive(Debug, Clone)]
pub(super) struct Below {
    /// The layers below the one that is written to, the uppermost first; without the tree.
    layers: Vec<PathBuf>,
    /// What the second disk starts as; without one it is empty.
    second: Option<PathBuf>,
}

impl Disks {
    pub(super) fn new(hardware: &Hardware, tree: &Path, world: &World) -> anyhow::Result<Self> {
        let directory = world.directory().join(&hardware.name);
        for below in ["upper", "work", "snapshots"] {
            fs::create_dir_all(directory.join(below))?;
        }
        let below = Below {
            layers: Vec::new(),
            second: None,
        };
        let disks = Self {
            name: hardware.name.clone(),
            directory,
            disk: hardware.disk.clone(),
            tree: tree.to_path_buf(),
            below: Mutex::new(below),
        };
        disks.make_second()?;
        Ok(disks)
    }

    /// Where the world has the machine's root.
    pub(super) fn root(&self) -> PathBuf {
        self.directory.join("root")
    }

    /// Where the world has the machine's second disk, if it has one; the machine has it at `/lab/` and the same name.
    pub(super) fn second(&self, world: &World) -> Option<PathBuf> {
        let disk = self.disk.as_ref()?;
        Some(world.shared().join(format!("{}-{}", self.name, disk.label)))
    }

    /// Everything that the machine prints.
    pub(super) fn console(&self) -> PathBuf {
        self.directory.join("console.log")
    }

    /// Mounts them in the world.
    pub(super) fn mount(&self, world: &World) -> anyhow::Result<()> {
        let below = self.below().clone();
        let lower = below.layers.iter().chain([&self.tree]);
        let lower = lower.map(|path| path.display().to_string()).collect::<Vec<_>>();
        for path in lower.iter().chain([&self.directory.display().to_string()]) {
            // overlayfs has these as separators.
            ensure!(
                !path.contains([':', ',', '\\']),
                "containers cannot have their files in `{path}`: no colon, comma or backslash may be in it\n\n\
                 hint: set GENBACKUP_VM_CACHE to another directory"
            );
        }
        let options = format!(
            "lowerdir={},upperdir={},workdir={}",
            lower.join(":"),
            self.directory.join("upper").display(),
            self.directory.join("work").display()
        );
        world
            .script(
                "mkdir -p \"$2\" && mount -t overlay -o \"$1\" overlay \"$2\"",
                &[&options, &self.root().to_string_lossy()],
            )
            .context("hint: overlays need a directory on ext4, XFS, btrfs or tmpfs; GENBACKUP_VM_CACHE names another one")?;
        if let (Some(place), Some(file)) = (self.second(world), self.second_file()) {
            world.script(
                "mkdir -p \"$2\" && mount -o loop \"$1\" \"$2\"",
                &[&file.to_string_lossy(), &place.to_string_lossy()],
            )?;
        }
        Ok(())
    }

    fn unmount(&self, world: &World) -> anyhow::Result<()> {
        for place in [Some(self.root()), self.second(world)].into_iter().flatten() {
            // Others may have a mount of it: theirs goes with it.
            world.script("umount \"$1\"", &[&place.to_string_lossy()])?;
        }
        Ok(())
    }

    /// Keeps them as they are under `name`; what is written from now on goes elsewhere. The machine has no power.
    pub(super) fn save(&self, name: &str, world: &World) -> anyhow::Result<()> {
        self.unmount(world)?;
        let snapshot = self.directory.join("snapshots").join(name);
        fs::create_dir(&snapshot).with_context(|| format!("the snapshot `{name}` of {}", self.name))?;
        let layer = snapshot.join("layer");
        fs::rename(self.directory.join("upper"), &layer)?;
        if let Some(file) = self.second_file() {
            copy(&file, &snapshot.join("second"))?;
        }
        let mut below = self.below();
        let layers = [vec![layer], below.layers.clone()].concat();
        let lines: Vec<String> = layers.iter().map(|path| path.display().to_string()).collect();
        fs::write(snapshot.join("layers"), lines.join("\n"))?;
        let second = self.disk.is_some().then(|| snapshot.join("second"));
        *below = Below { layers, second };
        drop(below);
        self.empty_upper()?;
        self.mount(world)
    }

    /// What was kept under `name`.
    pub(super) fn snapshot(&self, name: &str) -> anyhow::Result<Below> {
        let snapshot = self.directory.join("snapshots").join(name);
        let layers = fs::read_to_string(snapshot.join("layers"))
            .with_context(|| format!("{} has no snapshot `{name}`", self.name))?;
        Ok(Below {
            layers: layers.lines().map(PathBuf::from).collect(),
            second: self.disk.is_some().then(|| snapshot.join("second")),
        })
    }

    /// From now on it has the snapshots of a machine that has its files in `directory`; they stay where they are.
    pub(super) fn take_snapshots_of(&self, directory: &Path) -> anyhow::Result<()> {
        for entry in fs::read_dir(directory.join("snapshots"))? {
            let entry = entry?;
            std::os::unix::fs::symlink(
                entry.path(),
                self.directory.join("snapshots").join(entry.file_name()),
            )?;
        }
        Ok(())
    }

    /// Puts them to where `below` was; what was written since is gone. The machine has no power.
    pub(super) fn become_like(&self, below: &Below, world: &World) -> anyhow::Result<()> {
        self.unmount(world)?;
        *self.below() = below.clone();
        self.empty_upper()?;
        self.make_second()?;
        self.mount(world)
    }

    fn empty_upper(&self) -> anyhow::Result<()> {
        for name in ["upper", "work"] {
            let directory = self.directory.join(name);
            if directory.exists() {
                fs::remove_dir_all(&directory).with_context(|| directory.display().to_string())?;
            }
            fs::create_dir(&directory)?;
        }
        Ok(())
    }

    fn second_file(&self) -> Option<PathBuf> {
        self.disk.as_ref().map(|_| self.directory.join("second"))
    }

    fn make_second(&self) -> anyhow::Result<()> {
        let (Some(disk), Some(file)) = (&self.disk, self.second_file()) else {
            return Ok(());
        };
        if let Some(from) = self.below().second.clone() {
            return copy(&from, &file);
        }
        fs::File::create(&file)?.set_len(disk.size)?;
        let mut make = command("mke2fs");
        output_of(make.args(["-q", "-t", "ext4", "-L", &disk.label]).arg(&file)).map(drop)
    }

    fn below(&self) -> MutexGuard<'_, Below> {
        self.below.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Copies a file with its holes.
fn copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    output_of(
        command("cp")
            .args(["--sparse=always", "--reflink=auto"])
            .arg(from)
            .arg(to),
    )
    .map(drop)
}
