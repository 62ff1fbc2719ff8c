//! The fleet in its own words: start a run, read its record, list snapshots.

use std::time::Duration;

use anyhow::{Context, bail, ensure};
use genbackup::runs::record::{Event, Line, Lines, What};
use serde_json::Value;

use crate::agent::Output;
use crate::crowd::Crowd;
use crate::lab::Lab;
use crate::machine::Machine;

/// The repository's directory on the storage host.
pub const REPOSITORY: &str = "/mnt/storage/restic";
/// Its locks.
const LOCKS: &str = "/mnt/storage/restic/locks";
/// A file that takes restic a while, where [`put_large_file`] was asked for one.
pub const LARGE_FILE: &str = "/srv/data/large";
/// Where clients mount it.
pub const MOUNT: &str = "/mnt/jak/restic";
/// The repository's password, on the storage host.
pub const PASSWORD_FILE: &str = "/root/keys/restic-password";
/// The key for the clients, on the storage host.
pub const SSH_KEY_FILE: &str = "/root/keys/ssh_ed25519";
/// The port on which clients wait for the storage host.
pub const SSH_PORT: u16 = 50_000;

/// A run of three emulated machines on two processors, with room for a busy day.
pub const RUN_LIMIT: Duration = Duration::from_secs(600);
/// From the moment in which a run is stopped to the end of a client's backup.
pub const STOPPED_WITHIN: Duration = Duration::from_secs(60);

/// Machines of one fleet.
pub trait Fleet {
    /// The one that has the repository and starts the runs.
    fn storage_host(&self) -> &Machine;
}

impl Fleet for Lab {
    fn storage_host(&self) -> &Machine {
        &self.jak
    }
}

impl Fleet for Crowd {
    fn storage_host(&self) -> &Machine {
        Self::storage(self)
    }
}

/// One run's record: its events in order.
#[derive(Debug, Clone)]
pub struct Record(pub Vec<Value>);

impl Record {
    /// The events of a name.
    pub fn events<'r>(&'r self, name: &'r str) -> impl Iterator<Item = &'r Value> {
        self.0.iter().filter(move |event| event["event"] == name)
    }

    /// The `host-finished` event of a host.
    ///
    /// # Errors
    /// When there is not exactly one.
    pub fn host(&self, host: &str) -> anyhow::Result<&Value> {
        let mut events = self.events("host-finished").filter(|event| event["host"] == host);
        let event = events
            .next()
            .with_context(|| format!("the record has no host-finished of {host}: {self:?}"))?;
        ensure!(
            events.next().is_none(),
            "the record has two host-finished of {host}: {self:?}"
        );
        Ok(event)
    }

    /// The event of a phase that has ended, `forget` or `prune`.
    ///
    /// # Errors
    /// When the record has none.
    pub fn phase(&self, phase: &str) -> anyhow::Result<&Value> {
        let mut events = self
            .0
            .iter()
            .filter(|event| event["event"] == format!("{phase}-finished"));
        events
            .next()
            .with_context(|| format!("the record has no end of {phase}: {self:?}"))
    }

    /// A host's status: `ok`, `partial`, `failed`, `unreachable`, `busy` or `interrupted`.
    ///
    /// # Errors
    /// When the record has none.
    pub fn status(&self, host: &str) -> anyhow::Result<String> {
        let status = &self.host(host)?["status"];
        status
            .as_str()
            .map(str::to_owned)
            .with_context(|| format!("a status that is no text: {status}"))
    }
}

/// Starts a run and waits for its hosts. Returns the output of `systemctl start`.
///
/// # Errors
/// When the storage host does not answer, or the run takes too long.
pub fn start_run(fleet: &impl Fleet) -> anyhow::Result<Output> {
    fleet
        .storage_host()
        .run_within("systemctl start genbackup.service", b"", RUN_LIMIT)
}

/// Starts a run and waits for nothing.
///
/// # Errors
/// When the storage host refuses.
pub fn begin_run(fleet: &impl Fleet) -> anyhow::Result<()> {
    fleet
        .storage_host()
        .succeeds("systemctl start --no-block genbackup.service")
        .map(drop)
}

/// Gives a machine a file that takes restic a while, of bytes that nothing else has; it is [`LARGE_FILE`].
///
/// # Errors
/// When it has no room.
pub fn put_large_file(machine: &Machine, bytes: u64) -> anyhow::Result<()> {
    machine
        .succeeds(&format!("head --bytes={bytes} /dev/urandom >{LARGE_FILE}"))
        .map(drop)
}

/// Waits until a client, the only active one, has a lock and has begun to write its data.
///
/// # Errors
/// When it does not come to that.
pub fn wait_until_in_mid_backup(fleet: &impl Fleet, client: &Machine) -> anyhow::Result<()> {
    client.wait_until_succeeds("pgrep --exact restic", RUN_LIMIT)?;
    let writes = format!(
        "lock=$(ls {LOCKS}); test -n \"$lock\"
         find {REPOSITORY}/data -type f -newer \"{LOCKS}/$lock\" | grep --count ."
    );
    fleet
        .storage_host()
        .wait_until_succeeds(&writes, RUN_LIMIT)
        .map(drop)
}

/// Waits until the storage host's restic has ended and this number of clients certainly hold a lock. restic
/// 0.14 looks for 0.2 s whether others have a lock, too; if it is stopped in that time, it leaves its own
/// lock behind.
///
/// # Errors
/// When it does not come to that.
pub fn wait_until_clients_hold_locks(fleet: &impl Fleet, clients: usize) -> anyhow::Result<()> {
    let held = format!(
        "test -z \"$(pgrep --exact restic)\"
         test \"$(ls {LOCKS} | wc --lines)\" = {clients}
         test -z \"$(find {LOCKS} -type f -newermt '1 second ago')\""
    );
    fleet
        .storage_host()
        .wait_until_succeeds(&held, RUN_LIMIT)
        .map(drop)
}

/// Waits until neither restic nor the unit that started it are there any more.
///
/// # Errors
/// When they still are after `limit`.
pub fn wait_until_backup_has_ended(client: &Machine, limit: Duration) -> anyhow::Result<()> {
    let ended = "test -z \"$(pgrep --exact restic)\"
                 test -z \"$(systemctl --no-legend list-units 'genbackup-backup@*')\"";
    let Err(error) = client.wait_until_succeeds(ended, limit) else {
        return Ok(());
    };
    let left = client
        .run("ps -eo pid,stat,wchan:30,etimes,args | grep --extended-regexp 'restic|genbackup'")?
        .text();
    Err(error.context(format!("of the backup is left:\n{left}")))
}

/// When a client's unit was asked to stop restic, in seconds since 1970.
///
/// # Errors
/// When it was not, within `limit`.
pub fn asked_to_stop(client: &Machine, limit: Duration) -> anyhow::Result<f64> {
    let line = client.wait_until_succeeds(
        "journalctl --output=short-unix --unit='genbackup-backup@*' --grep='stopping restic' --no-pager --quiet",
        limit,
    )?;
    let time = line.split(' ').next().unwrap_or_default();
    time.parse().with_context(|| line.clone())
}

/// The locks in the repository.
///
/// # Errors
/// When the storage host does not answer.
pub fn locks(fleet: &impl Fleet) -> anyhow::Result<Vec<String>> {
    let names = fleet.storage_host().succeeds(&format!("ls {LOCKS}"))?;
    Ok(names.lines().map(str::to_owned).collect())
}

/// The `why` of a host in its `host-finished`, or of a phase in its own event; empty if there is none.
#[must_use]
pub fn why(event: &Value) -> &str {
    event["why"].as_str().unwrap_or_default()
}

/// Waits until forget and prune are over too, and reads the newest record.
///
/// # Errors
/// When it is not complete in time, or the library's reader does not know each of its lines as an event.
pub fn finished_record(fleet: &impl Fleet) -> anyhow::Result<Record> {
    let newest = "ls /var/lib/genbackup/runs/*.jsonl | tail --lines=1";
    let complete = format!("tail --lines=1 \"$({newest})\" | grep --count '\"event\":\"run-finished\"'");
    fleet.storage_host().wait_until_succeeds(&complete, RUN_LIMIT)?;
    let text = fleet.storage_host().succeeds(&format!("cat \"$({newest})\""))?;
    is_known(&text)?;
    let events = text
        .lines()
        .map(|line| serde_json::from_str(line).with_context(|| line.to_owned()));
    Ok(Record(events.collect::<anyhow::Result<_>>()?))
}

/// Reads the records of all runs.
///
/// # Errors
/// When the library's reader does not know each of their lines as an event.
pub fn all_records_are_known(fleet: &impl Fleet) -> anyhow::Result<()> {
    is_known(
        &fleet
            .storage_host()
            .succeeds("cat /var/lib/genbackup/runs/*.jsonl")?,
    )
}

fn is_known(records: &str) -> anyhow::Result<()> {
    for line in Lines::of(records.as_bytes()) {
        match line? {
            Line::Bad(line) => bail!("the record has a bad {line}\n{records}"),
            Line::Good(Event {
                what: What::Other(name),
                ..
            }) => bail!("the record has an event that its reader does not know, `{name}`\n{records}"),
            Line::Good(Event { unknown, .. }) if !unknown.is_empty() => {
                bail!("the record has fields that its reader does not know: {unknown:?}\n{records}")
            }
            Line::Good(_) => {}
        }
    }
    Ok(())
}

/// A run from its start to the end of prune: each host must succeed.
///
/// # Errors
/// When one is not.
pub fn successful_run(fleet: &impl Fleet) -> anyhow::Result<Record> {
    let started = start_run(fleet)?;
    let record = finished_record(fleet)?;
    ensure!(
        started.status == 0,
        "the run failed: {}\n{record:?}",
        started.error_text()
    );
    Ok(record)
}

/// A run that `systemctl start` reports as failed; its record.
///
/// # Errors
/// When the run succeeds, or its record cannot be read.
pub fn failed_run(fleet: &impl Fleet) -> anyhow::Result<Record> {
    let started = start_run(fleet)?;
    ensure!(
        started.status != 0 && started.error_text().contains("Job for genbackup.service failed"),
        "the run did not fail: {}",
        started.error_text()
    );
    finished_record(fleet)
}

/// Runs restic on the storage host as its user, with the fleet's repository and password; what it printed.
///
/// # Errors
/// When restic fails.
pub fn restic(fleet: &impl Fleet, arguments: &str) -> anyhow::Result<String> {
    fleet.storage_host().succeeds(&format!(
        "export RESTIC_PASSWORD; RESTIC_PASSWORD=$(cat {PASSWORD_FILE}); \
         setpriv --reuid=restic --regid=restic --clear-groups restic --no-cache --repo {REPOSITORY} {arguments}"
    ))
}

/// All snapshots, as `restic snapshots --json` has them.
///
/// # Errors
/// When restic fails.
pub fn snapshots(fleet: &impl Fleet) -> anyhow::Result<Vec<Value>> {
    Ok(serde_json::from_str(&restic(fleet, "snapshots --json")?)?)
}

/// The hosts of all snapshots, sorted.
///
/// # Errors
/// When restic fails.
pub fn hosts_of_snapshots(fleet: &impl Fleet) -> anyhow::Result<Vec<String>> {
    let mut hosts: Vec<String> = snapshots(fleet)?
        .iter()
        .filter_map(|snapshot| snapshot["hostname"].as_str().map(str::to_owned))
        .collect();
    hosts.sort();
    Ok(hosts)
}

/// What the journal has of the unit that backs a machine up: nothing, when no request ever reached it.
///
/// # Errors
/// When the machine does not answer.
pub fn journal_of_backups(machine: &Machine) -> anyhow::Result<String> {
    // With `--unit=` journalctl fails where no unit of that name has ever run.
    machine.succeeds("journalctl --boot --no-pager | { grep 'genbackup-backup@' || true; }")
}

/// Replaces the program of the unit that reads files by a script, so that a story can look at the system from
/// inside its sandbox. Everything else stays as emitted. The output of the script is the answer on the
/// connection.
///
/// # Errors
/// When the machine refuses.
pub fn ask_from_inside(machine: &Machine, script: &str) -> anyhow::Result<Output> {
    machine.write_file("/usr/local/libexec/genbackup/probe", script.as_bytes(), 0o755)?;
    let drop_in = "[Service]\nExecStart=\nExecStart=/bin/bash /usr/local/libexec/genbackup/probe\n";
    machine.write_file(
        "/run/systemd/system/genbackup-backup@.service.d/probe.conf",
        drop_in.as_bytes(),
        0o644,
    )?;
    machine.succeeds("systemctl daemon-reload")?;
    machine.run("setpriv --reuid=restic --regid=restic --clear-groups socat -t 600 - UNIX-CONNECT:/run/genbackup/backup.sock")
}
