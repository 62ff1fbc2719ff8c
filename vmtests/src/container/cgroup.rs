//! Groups of processes, as cgroup v2 has them: one for each world, and below it one for each machine. Without
//! a separate group, a machine's systemd would take the units of another machine for its own.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::{Context, ensure};

use crate::deadline::poll;

const PREFIX: &str = "genbackup-lab-";
/// For the kernel to end what was killed.
const KILLED_WITHIN: Duration = Duration::from_secs(30);

/// One group. Removed, with all below it, when the value goes away.
#[derive(Debug)]
pub(super) struct Cgroup {
    path: PathBuf,
    /// Of a world: the directory, locked, so that others do not take it for one that was left.
    _in_use: Option<File>,
}

impl Cgroup {
    /// A group for a world, below the one that this process is in. Groups that ended worlds have left go.
    pub(super) fn of_world(process: u32) -> anyhow::Result<Self> {
        let own = own()?;
        for entry in fs::read_dir(&own).with_context(|| own.display().to_string())? {
            let path = entry?.path();
            let name = path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            // Another world may have begun and have no process in it yet: it has the lock. One that is killed has left
            // the lock before its processes have ended.
            if name.starts_with(PREFIX)
                && let Ok(directory) = File::open(&path)
                && directory.try_lock().is_ok()
                && !is_populated(&path)
            {
                remove(&path);
            }
        }
        remove_orphans(&own)?;
        let path = own.join(format!("{PREFIX}{process}"));
        let locked = poll(KILLED_WITHIN, || {
            make(&path)?;
            let Ok(directory) = File::open(&path) else {
                return Ok(None);
            };
            directory.lock_shared()?;
            // Somebody may have removed it before it was locked.
            Ok(path.exists().then_some(directory))
        })?;
        ensure!(locked.is_some(), "others remove the cgroup `{}`", path.display());
        Ok(Self {
            path,
            _in_use: locked,
        })
    }

    /// A group below this one.
    pub(super) fn child(&self, name: &str) -> anyhow::Result<Self> {
        Self::make(self.path.join(name))
    }

    fn make(path: PathBuf) -> anyhow::Result<Self> {
        make(&path)?;
        Ok(Self { path, _in_use: None })
    }

    /// Its directory.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// All processes in it and below, by their numbers here.
    pub(super) fn processes(&self) -> Vec<u32> {
        fn gather(directory: &Path, found: &mut Vec<u32>) {
            // A group may go while it is looked at.
            let text = fs::read_to_string(directory.join("cgroup.procs")).unwrap_or_default();
            found.extend(text.lines().filter_map(|line| line.parse::<u32>().ok()));
            for child in children(directory) {
                gather(&child, found);
            }
        }
        let mut found = Vec::new();
        gather(&self.path, &mut found);
        found
    }

    /// Stops all processes in it, or lets them go on.
    pub(super) fn freeze(&self, frozen: bool) -> anyhow::Result<()> {
        let number = u8::from(frozen);
        fs::write(self.path.join("cgroup.freeze"), number.to_string())
            .with_context(|| format!("cannot freeze the processes of `{}`", self.path.display()))?;
        let events = self.path.join("cgroup.events");
        let done = poll(KILLED_WITHIN, || {
            Ok(fs::read_to_string(&events)?
                .contains(&format!("frozen {number}"))
                .then_some(()))
        })?;
        done.with_context(|| format!("processes of `{}` do not freeze", self.path.display()))
    }

    /// Ends all processes in it, and waits until they are gone.
    pub(super) fn kill(&self) -> anyhow::Result<()> {
        fs::write(self.path.join("cgroup.kill"), "1")
            .with_context(|| format!("cannot end the processes of `{}`", self.path.display()))?;
        let empty = poll(KILLED_WITHIN, || Ok((!is_populated(&self.path)).then_some(())))?;
        ensure!(
            empty.is_some(),
            "processes of `{}` do not end: {:?}",
            self.path.display(),
            self.processes()
        );
        for child in children(&self.path) {
            remove(&child);
        }
        Ok(())
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        remove(&self.path);
        if let Ok(Some(mirror)) = mirror(&self.path) {
            remove(&mirror);
        }
    }
}

/// Where systemd-nspawn makes each group of cgroup v2 once more, on a host that also has systemd's own
/// hierarchy of cgroup v1. Nothing is counted there, and no other program removes it.
fn mirror(group: &Path) -> anyhow::Result<Option<PathBuf>> {
    let text = fs::read_to_string("/proc/self/mountinfo").context("/proc/self/mountinfo")?;
    let of_systemd = |line: &str| {
        let (place, kind) = line.split_once(" - ")?;
        let is_named =
            kind.starts_with("cgroup ") && kind.split([' ', ',']).any(|word| word == "name=systemd");
        is_named.then(|| PathBuf::from(place.split(' ').nth(4).unwrap_or_default()))
    };
    let below = group.strip_prefix(mount_point()?)?;
    Ok(text
        .lines()
        .find_map(of_systemd)
        .map(|directory| directory.join(below)))
}

/// Removes the mirrors of groups that are gone.
fn remove_orphans(own: &Path) -> anyhow::Result<()> {
    let Some(directory) = mirror(own)? else {
        return Ok(());
    };
    for path in children(&directory) {
        let name = path.file_name().unwrap_or_default();
        if name.to_string_lossy().starts_with(PREFIX) && !own.join(name).exists() {
            remove(&path);
        }
    }
    Ok(())
}

/// The group of this process, in the hierarchy of cgroup v2.
fn own() -> anyhow::Result<PathBuf> {
    let mount_point = mount_point()?;
    let text = fs::read_to_string("/proc/self/cgroup")?;
    let path = text.lines().find_map(|line| line.strip_prefix("0::/"));
    let path = path.context("/proc/self/cgroup has no line of cgroup v2")?;
    Ok(mount_point.join(path))
}

fn make(path: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(path).with_context(|| format!("cannot make the cgroup `{}`", path.display()))
}

/// Where cgroup v2 is mounted.
///
/// # Errors
/// When it is not.
pub(super) fn mount_point() -> anyhow::Result<PathBuf> {
    let text = fs::read_to_string("/proc/self/mountinfo").context("/proc/self/mountinfo")?;
    let of_version_2 = |line: &str| {
        let (place, kind) = line.split_once(" - ")?;
        let path = place.split(' ').nth(4)?;
        kind.starts_with("cgroup2 ").then(|| PathBuf::from(path))
    };
    text.lines()
        .find_map(of_version_2)
        .context("cgroup v2 is not mounted\n\nhint: mount -t cgroup2 none /sys/fs/cgroup, or boot with a newer systemd")
}

fn is_populated(group: &Path) -> bool {
    fs::read_to_string(group.join("cgroup.events")).is_ok_and(|text| text.contains("populated 1"))
}

fn children(group: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(group) else {
        return Vec::new();
    };
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    paths.filter(|path| path.is_dir()).collect()
}

/// A group can be removed when it has neither processes nor groups below it; one that stays is removed by a later run.
fn remove(group: &Path) {
    for child in children(group) {
        remove(&child);
    }
    drop(fs::remove_dir(group));
}

/// Whether groups can be made and ended here.
///
/// # Errors
/// When they cannot.
pub(super) fn own_can_be_killed() -> anyhow::Result<()> {
    // Stories that boot separate labs at the same time ask at the same time.
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let name = format!("genbackup-probe-{}-{number}", std::process::id());
    Cgroup::make(own()?.join(name))?.kill()
}
