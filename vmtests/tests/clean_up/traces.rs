//! What a run has of this machine: processes, namespaces, mounts, directories.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use vmtests::deadline::poll;
use vmtests::process::{Ended, command, output_of, start};

use super::{Cache, GONE_WITHIN, Run};

/// What a run that goes on has of this machine.
#[derive(Debug)]
pub(crate) struct Traces {
    /// Each with the time of its start, so that a number that is used again is not taken for it.
    pub(crate) processes: BTreeSet<(u32, String)>,
    /// As `/proc/NUMBER/ns` names them, without those of this process.
    pub(crate) namespaces: BTreeSet<String>,
    pub(crate) cgroups: BTreeSet<PathBuf>,
    pub(crate) directories: BTreeSet<PathBuf>,
}

impl Traces {
    pub(crate) fn of(run: &Run, cache: &Cache) -> anyhow::Result<Self> {
        let own = namespaces(std::process::id());
        let mut processes = BTreeSet::new();
        let mut below = BTreeSet::from([run.0.0.id()]);
        // A child may have a lower number than its parent.
        loop {
            let known = below.len();
            for process in all_processes()? {
                if parent(process).is_some_and(|parent| below.contains(&parent)) {
                    below.insert(process);
                }
            }
            if below.len() == known {
                break;
            }
        }
        let mut traces = Self {
            processes: BTreeSet::new(),
            namespaces: BTreeSet::new(),
            cgroups: BTreeSet::new(),
            directories: BTreeSet::new(),
        };
        for process in below {
            processes.extend(started(process).map(|time| (process, time)));
            traces.namespaces.extend(namespaces(process));
            traces.cgroups.extend(cgroup_of_world(process));
        }
        traces.processes = processes;
        traces.namespaces.retain(|namespace| !own.contains(namespace));
        for entry in fs::read_dir(cache.directory.path())? {
            let path = entry?.path();
            if path
                .file_name()
                .is_some_and(|name| name.to_string_lossy().starts_with("run-"))
            {
                let sockets = fs::read_to_string(path.join("owner"))?;
                traces.directories.extend([path, PathBuf::from(sockets)]);
            }
        }
        Ok(traces)
    }

    /// All that lives or is in use comes to an end; of a run that has just ended.
    pub(crate) fn end(&self) -> anyhow::Result<()> {
        let ended = now()?;
        let mut left = String::new();
        let gone = poll(GONE_WITHIN, || {
            let (alive, inside, loops) = (self.alive(), self.inside(ended)?, self.loop_devices()?);
            left = format!(
                "processes {alive:?}, processes in its namespaces {inside:?}, loop devices {loops:?}"
            );
            Ok((alive.is_empty() && inside.is_empty() && loops.is_empty()).then_some(()))
        })?;
        ensure!(gone.is_some(), "what is left: {left}");
        let mounts = fs::read_to_string("/proc/mounts")?;
        for directory in &self.directories {
            ensure!(
                !mounts.contains(&*directory.to_string_lossy()),
                "mounted: {mounts}"
            );
        }
        Ok(())
    }

    /// Its processes that are still there.
    fn alive(&self) -> Vec<u32> {
        let is_alive = |(process, time): &&(u32, String)| started(*process).as_ref() == Some(time);
        self.processes
            .iter()
            .filter(is_alive)
            .map(|(process, _)| *process)
            .collect()
    }

    /// Processes in its namespaces, of those that began before a time. The kernel gives the number of a namespace that
    /// has gone to the next one, which may be another lab's.
    fn inside(&self, before: u64) -> anyhow::Result<Vec<u32>> {
        let is_old = |process: &u32| {
            let time = started(*process).and_then(|time| time.parse::<u64>().ok());
            time.is_some_and(|time| time < before)
        };
        let is_inside = |process: &u32| {
            namespaces(*process)
                .iter()
                .any(|one| self.namespaces.contains(one))
        };
        Ok(all_processes()?
            .into_iter()
            .filter(is_old)
            .filter(is_inside)
            .collect())
    }

    /// Files in its directories that are loop devices.
    pub(crate) fn loop_devices(&self) -> anyhow::Result<Vec<String>> {
        let text = output_of(command("losetup").args(["--list", "--noheadings", "--output", "BACK-FILE"]))?;
        let is_ours = |line: &&str| {
            self.directories
                .iter()
                .any(|directory| Path::new(line.trim()).starts_with(directory))
        };
        Ok(text.lines().filter(is_ours).map(str::to_owned).collect())
    }

    /// Its directories that are still there.
    pub(crate) fn left(&self) -> Vec<PathBuf> {
        let mirrors = self.cgroups.iter().filter_map(|cgroup| mirror(cgroup));
        self.directories
            .iter()
            .chain(&self.cgroups)
            .cloned()
            .chain(mirrors)
            .filter(|directory| directory.exists())
            .collect()
    }
}

fn all_processes() -> anyhow::Result<Vec<u32>> {
    let names = fs::read_dir("/proc")?.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    Ok(names.filter_map(|name| name.parse().ok()).collect())
}

/// The fields of `proc_pid_stat(5)` behind the name, which may have blanks; the first is the state.
fn fields(process: u32) -> Option<Vec<String>> {
    let text = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    let (_, rest) = text.rsplit_once(')')?;
    Some(rest.split_whitespace().map(str::to_owned).collect())
}

fn parent(process: u32) -> Option<u32> {
    fields(process)?.get(1)?.parse().ok()
}

/// The present in the unit of [`started`].
fn now() -> anyhow::Result<u64> {
    let process = start(&mut command("true"))?;
    let ended = Ended(process);
    let time = started(ended.0.id()).context("a process without a start")?;
    Ok(time.parse()?)
}

/// In ticks since the boot of this machine.
fn started(process: u32) -> Option<String> {
    fields(process)?.get(19).cloned()
}

fn namespaces(process: u32) -> Vec<String> {
    let kinds = ["mnt", "net", "pid", "uts", "ipc", "cgroup"];
    let links = kinds
        .iter()
        .filter_map(|kind| fs::read_link(format!("/proc/{process}/ns/{kind}")).ok());
    links.map(|link| link.display().to_string()).collect()
}

/// The directory of the separate group of a world, if the process is in one.
fn cgroup_of_world(process: u32) -> Option<PathBuf> {
    let text = fs::read_to_string(format!("/proc/{process}/cgroup")).ok()?;
    let path = text.lines().find_map(|line| line.strip_prefix("0::/"))?;
    let mounts = fs::read_to_string("/proc/mounts").ok()?;
    let mount = mounts
        .lines()
        .find(|line| line.split(' ').nth(2) == Some("cgroup2"))?;
    let mut directory = PathBuf::from(mount.split(' ').nth(1)?);
    for part in path.split('/') {
        directory.push(part);
        if part.starts_with("genbackup-lab-") {
            return Some(directory);
        }
    }
    None
}

/// The same group in systemd's own hierarchy of cgroup v1, on a host that has it in addition to cgroup v2.
pub(crate) fn mirror(cgroup: &Path) -> Option<PathBuf> {
    let mounts = fs::read_to_string("/proc/mounts").ok()?;
    let place = |line: &str| line.split(' ').nth(1).map(PathBuf::from);
    let of_version_2 = mounts
        .lines()
        .find(|line| line.split(' ').nth(2) == Some("cgroup2"));
    let of_systemd = mounts.lines().find(|line| line.contains("name=systemd"));
    let below = cgroup.strip_prefix(place(of_version_2?)?).ok()?;
    Some(place(of_systemd?)?.join(below))
}
