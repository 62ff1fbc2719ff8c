//! What one turn takes apart from its time: processor time on both sides, memory of the storage host, and the mount.

use std::time::Duration;

use vmtests::fleet::MOUNT;
use vmtests::machine::Machine;
use vmtests::watched;

use super::lab::{CLIENTS, Lab, seconds_of};
use super::measure::{Contestant, alternate};

/// How long a run may take at most.
const LIMIT: Duration = Duration::from_secs(600);

/// What a turn takes, as paragraphs.
///
/// # Errors
/// When a run fails, or a figure cannot be read.
pub(crate) fn measure(lab: &Lab, rounds: usize) -> anyhow::Result<Vec<String>> {
    lab.set_parallel(1)?;
    let contestants = [
        Contestant::new("genbackup", || processor_time(lab, "genbackup.service")),
        Contestant::new("bare restic", || processor_time(lab, "bare-backups@1.service")),
    ];
    let sides = alternate(rounds, &contestants)?;
    let [storage, client] = sides.as_slice() else {
        anyhow::bail!("a turn has two sides");
    };
    let [(storage, bare_storage), (client, bare_client)] = [storage, client].map(|side| {
        let medians: Vec<f64> = side.iter().map(super::measure::Series::median).collect();
        (
            medians.first().copied().unwrap_or_default(),
            medians.last().copied().unwrap_or_default(),
        )
    });
    let watched = watched::run(lab.crowd(), LIMIT)?;
    let mounts = (0..rounds)
        .map(|_| mount(lab))
        .collect::<anyhow::Result<Vec<_>>>()?;
    Ok(vec![
        format!(
            "A turn takes {client:.2} s of processor time on the client and {storage:.2} s on the storage host; bare restic \
             over ssh takes {bare_client:.2} s and {bare_storage:.2} s. All machines share the same processors here, so \
             with several hosts at once the sum of both sides decides."
        ),
        format!(
            "The processes of the run have at most {:.1} MiB of memory on the storage host, ssh included.",
            bytes_in_mebibytes(watched.memory)
        ),
        format!(
            "genbackup mounts the repository for each turn, which takes {:.3} s here, where a stand-in for the NFS mount \
             asks the server; the repositories of the others stay mounted.",
            super::measure::median(&mounts)
        ),
    ])
}

/// The seconds of processor time that a run takes for each turn: on the storage host, and on the client.
fn processor_time(lab: &Lab, unit: &str) -> anyhow::Result<Vec<f64>> {
    let hosts = f64::from(u32::try_from(CLIENTS.len())?);
    let clients = || -> anyhow::Result<f64> { lab.clients().iter().map(used).sum() };
    let (storage_before, clients_before) = (used(lab.storage())?, clients()?);
    lab.storage().succeeds(&format!("systemctl start {unit}"))?;
    let storage = used(lab.storage())? - storage_before;
    let client = clients()? - clients_before;
    // A run starts it, and ends before it does.
    lab.storage()
        .succeeds("systemctl start genbackup-maintain.service")?;
    Ok(vec![storage / hosts, client / hosts])
}

/// The processor time that a machine has used, in seconds.
fn used(machine: &Machine) -> anyhow::Result<f64> {
    let microseconds: f64 = machine
        .succeeds("awk '$1 == \"usage_usec\" { print $2 }' /sys/fs/cgroup/cpu.stat")?
        .parse()?;
    Ok(microseconds / 1e6)
}

/// The seconds until the repository is mounted on a client.
fn mount(lab: &Lab) -> anyhow::Result<f64> {
    let client = &lab.clients()[0];
    let unit = client.succeeds(&format!("systemd-escape --path --suffix=mount {MOUNT}"))?;
    let seconds = seconds_of(client, &format!("systemctl start '{unit}'"))?;
    client.succeeds(&format!("systemctl stop '{unit}'"))?;
    Ok(seconds)
}

#[expect(clippy::cast_precision_loss, reason = "a few mebibytes")]
fn bytes_in_mebibytes(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}
