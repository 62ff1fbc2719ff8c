//! One night of a large fleet in which some hosts fail: how long it takes, and which resources of the storage
//! host.

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};

use crate::belongings::INCLUDE;
use crate::crowd::{Crowd, Tables};
use crate::fleet::{self, Record};
use crate::hardware::Hardware;
use crate::lab::{Kind, disk_of_storage};
use crate::machine::Machine;
use crate::progress::seconds;
use crate::release::Release;
use crate::watched::{self, Watched};

/// Clients whose cable is pulled before the night, and then one whose processes stand still: the first ones.
const DOWN: usize = 3;

/// The parameters of the night.
#[derive(Debug, Clone, Copy)]
pub struct Size {
    /// Machines in addition to the storage host; at least five.
    pub clients: u8,
    /// How many of them are backed up at once.
    pub max_parallel: u32,
    /// Seconds after which ssh gives up a silent host; without this, the emitted number.
    pub connect_timeout: Option<u32>,
}

/// What a night took.
#[derive(Debug, Clone)]
pub struct Night {
    /// Of the storage host.
    pub watched: Watched,
    /// From the start of the run until forget and prune are over.
    pub whole: Duration,
    /// Processor time of `genbackup.service`.
    pub processor: Duration,
    /// The run's record.
    pub record: Record,
}

/// Boots a storage host and its clients in containers, and installs genbackup on them.
///
/// # Errors
/// When a machine does not come up, or refuses.
pub fn boot(size: Size) -> anyhow::Result<Crowd> {
    ensure!(
        usize::from(size.clients) > DOWN + 1,
        "{} clients are too few",
        size.clients
    );
    let storage = Hardware::new("jak", 1, Release::Trixie, Some(disk_of_storage()));
    let clients = (1..=size.clients).map(|client| {
        let name = format!("client-{client}");
        Hardware::new(&name, client + 1, Release::Trixie, None)
    });
    let crowd = Crowd::boot(Kind::Container, std::iter::once(storage).chain(clients).collect())?;
    let tables = Tables {
        schedule: &format!("max-parallel = {}\ntime-limit = \"10min\"", size.max_parallel),
        repository: "keep = \"7 daily\"",
    };
    let include = INCLUDE.map(|path| format!("\"{path}\"")).join(", ");
    crowd.install(tables, |machine| {
        format!("include = [{include}]\n{}", machine.release().minimum_versions())
    })?;
    if let Some(limit) = size.connect_timeout {
        let config = "/etc/genbackup/ssh_config";
        crowd.storage().succeeds(&format!(
            "grep --quiet 'ConnectTimeout ' {config}
             sed --in-place 's/ConnectTimeout .*/ConnectTimeout {limit}/' {config}"
        ))?;
    }
    Ok(crowd)
}

/// The clients that are down, and the one that is silent.
#[must_use]
pub fn unhealthy(crowd: &Crowd) -> (&[Machine], &Machine) {
    (&crowd.clients()[..DOWN], &crowd.clients()[DOWN])
}

/// Takes some clients away for a night, runs it, and looks at what it takes.
///
/// # Errors
/// When the night does not end within `limit`.
pub fn night(crowd: &Crowd, limit: Duration) -> anyhow::Result<Night> {
    let (down, silent) = unhealthy(crowd);
    for machine in down {
        machine.cut_network()?;
    }
    silent.freeze()?;
    let night = measured(crowd, limit);
    // What failed, too, is looked at by asking each machine.
    silent.thaw()?;
    for machine in down {
        machine.restore_network()?;
    }
    night
}

fn measured(crowd: &Crowd, limit: Duration) -> anyhow::Result<Night> {
    let storage = crowd.storage();
    let started = Instant::now();
    let watched = watched::run(crowd, limit)?;
    let record = fleet::finished_record(crowd)?;
    let whole = started.elapsed();
    let nanoseconds = storage.succeeds("systemctl show --property=CPUUsageNSec --value genbackup.service")?;
    Ok(Night {
        watched,
        whole,
        processor: Duration::from_nanos(nanoseconds.parse().with_context(|| nanoseconds.clone())?),
        record,
    })
}

/// Checks that the record has the right result for each host. Those that were taken away have their reasons,
/// within `deadline`. All others succeeded, and so did forget and prune.
///
/// # Errors
/// Where it does not: all that is wrong.
pub fn is_recorded(crowd: &Crowd, night: &Night, deadline: Duration) -> anyhow::Result<()> {
    let (down, silent) = unhealthy(crowd);
    let mut wrong = Vec::new();
    for machine in crowd.machines() {
        let host = night.record.host(machine.name())?;
        let is_in = |some: &[Machine]| some.iter().any(|one| one.name() == machine.name());
        let reasons: &[&str] = if is_in(down) {
            &["No route to host", "timed out"]
        } else if machine.name() == silent.name() {
            &["timed out"]
        } else {
            &[]
        };
        let why = fleet::why(host);
        let in_time = host["seconds"]
            .as_f64()
            .is_some_and(|took| took <= deadline.as_secs_f64());
        let as_it_was = if reasons.is_empty() {
            host["status"] == "ok"
        } else {
            host["status"] == "unreachable" && reasons.iter().any(|reason| why.contains(reason)) && in_time
        };
        if !as_it_was {
            wrong.push(host.to_string());
        }
    }
    for phase in ["forget", "prune"] {
        let phase = night.record.phase(phase)?;
        if phase["status"] != "ok" {
            wrong.push(phase.to_string());
        }
    }
    ensure!(wrong.is_empty(), "the record is wrong:\n{}", wrong.join("\n"));
    Ok(())
}

impl std::fmt::Display for Night {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let rows = [
            ("until each host has answered", seconds(self.watched.hosts)),
            ("until forget and prune are over", seconds(self.whole)),
            ("processor time of genbackup.service", seconds(self.processor)),
            (
                "its memory, at most",
                format!("{} MiB", self.watched.memory >> 20),
            ),
            ("its processes, at most", self.watched.processes.to_string()),
        ];
        for (what, value) in rows {
            writeln!(formatter, "{what:<36} {value:>10}")?;
        }
        Ok(())
    }
}
