//! A run that is looked at several times a second: what it has in memory.
//!
//! systemd keeps the peak of a unit, `MemoryPeak=`, only where machines have a memory controller. Containers have one only
//! where the host's cgroups are all of version 2.

use std::time::{Duration, Instant};

use anyhow::Context;

use crate::deadline::poll;
use crate::fleet::{self, Fleet};

/// Where the kernel has the run's processes, on the storage host.
const PROCESSES: &str = "/sys/fs/cgroup/system.slice/genbackup.service/cgroup.procs";
/// The run's files, which are in memory, too.
const FILES: &str = "/run/genbackup-run";

/// What a run took of the storage host, at most at any look.
#[derive(Debug, Clone, Copy, Default)]
pub struct Watched {
    /// From the start of the run until it has an answer of each host.
    pub hosts: Duration,
    /// What its processes had in memory, in bytes: their proportional set sizes, in which pages that several share count
    /// once.
    pub memory: u64,
    /// The size of its files in `/run`, in bytes.
    pub files: u64,
    /// How many processes it had.
    pub processes: usize,
}

/// Starts a run and looks at it until it has an answer of each host.
///
/// # Errors
/// When it goes on after `limit`.
pub fn run(fleet: &impl Fleet, limit: Duration) -> anyhow::Result<Watched> {
    let storage = fleet.storage_host();
    let started = Instant::now();
    fleet::begin_run(fleet)?;
    let (mut watched, mut has_begun) = (Watched::default(), false);
    let hosts = poll(limit, || {
        // A process may end while it is looked at.
        let look = storage.succeeds(&format!(
            "{{ sed 's,.*,/proc/&/smaps_rollup,' {PROCESSES} | xargs cat; }} 2>/dev/null |
                 awk '/^Pss:/ {{ all += $2; count++ }} END {{ print all + 0, count + 0 }}' || true
             {{ du --summarize --block-size=1K {FILES} || true; }} 2>/dev/null | awk '{{ kibibytes = $1 }} END {{ print kibibytes + 0 }}'
             systemctl show --property=ActiveState --value genbackup.service"
        ))?;
        let words: Vec<&str> = look.split_whitespace().collect();
        let [memory, processes, files, state] = words.as_slice() else {
            anyhow::bail!("an odd look: {look}");
        };
        watched.memory = watched.memory.max(memory.parse::<u64>()? << 10);
        watched.processes = watched.processes.max(processes.parse()?);
        watched.files = watched.files.max(files.parse::<u64>()? << 10);
        let is_over = ["inactive", "failed"].contains(state);
        has_begun |= !is_over;
        Ok((has_begun && is_over).then(|| started.elapsed()))
    })?;
    watched.hosts =
        hosts.with_context(|| format!("genbackup.service goes on after {} s", limit.as_secs()))?;
    Ok(watched)
}
