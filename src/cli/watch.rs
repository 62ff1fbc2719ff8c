//! `genbackup watch`: sends notifications about what changed since the last call.

mod memory;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Result, bail};
use clap::Args;
use jiff::tz::TimeZone;

use super::load;
use super::records;
use super::terminal::{self, Steps};
use crate::error::fail;
use crate::model::Fleet;
use crate::notify::deliver::{self, Web};
use crate::notify::send::Sender;
use crate::notify::{FailureResult, LONGEST_QUEUE, Memory, Ping, findings};
use crate::status::Report;
use crate::status::examine;
use crate::system::nixos::System;
use memory::Place;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Remember in this file what was reported before
    #[arg(
        long,
        value_name = "FILE",
        default_value = "/var/lib/genbackup-watch/memory.json"
    )]
    memory: PathBuf,
    /// Report what only systemd knows: `start` (a run began) or the name of a unit that failed
    #[arg(long, value_name = "EVENT")]
    event: Option<String>,
    /// Limit the delivery to this number of seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 60, hide = true)]
    deadline: u64,
    /// Send email through this socket
    #[arg(long, value_name = "SOCKET", default_value = deliver::SOCKET, hide = true)]
    mail: PathBuf,
    #[command(flatten)]
    records: records::Options,
}

pub(super) fn run(file: &Path, arguments: &Arguments) -> Result<ExitCode> {
    let Some(fleet) = load::load_or_show(file)? else {
        return Ok(ExitCode::FAILURE);
    };
    if fleet.watching.notify.is_empty() {
        fail!(
            what("the fleet file names no recipient"),
            hint(
                "add a table `[notify.NAME]` with `kind` and `address-file`, then run {}",
                System::here().apply()
            )
        );
    }
    let sender = Sender {
        watching: &fleet.watching,
        mail: &arguments.mail,
        web: Web::new(),
        zone: TimeZone::system(),
        limit: Duration::from_secs(arguments.deadline),
    };
    if arguments.event.as_deref() == Some("start") {
        // A late start signal would be wrong, so it is not kept for a retry.
        return outcome(&sender.ping_all(&Ping::start()));
    }
    let place = Place::open(&arguments.memory)?;
    let mut memory = place.read()?;
    // Saved before anything is sent: a notification that is not remembered would be sent again and again.
    let mut steps = Steps::default();
    note(&fleet, arguments, &mut memory, &mut steps)?;
    place.write(&memory)?;
    let undelivered = sender.send(&mut memory);
    place.write(&memory)?;
    steps.end()?;
    outcome(&undelivered)
}

/// Judges the records, and queues what changed for delivery.
fn note(fleet: &Fleet, arguments: &Arguments, memory: &mut Memory, steps: &mut Steps) -> Result<()> {
    let report = examine(fleet, &arguments.records.open())?;
    let now = report.time;
    if let Some(event) = &arguments.event {
        let unit = format!("{}.service", event.trim_end_matches(".service"));
        memory.note_failure(fleet, &unit, failure(), &report);
    }
    let mut found = findings(&report);
    let failed = memory.failed_units(fleet, &report);
    let why_failed = failed
        .iter()
        .find(|finding| arguments.event.is_some() && finding.since == Some(now))
        .and_then(|finding| finding.why.clone());
    found.extend(failed);
    memory.keep_only(&fleet.watching);
    if let Some(message) = memory.note(fleet.storage.name.as_str(), &found, now) {
        steps.print(message.title());
        for name in memory.post(&fleet.watching, &message) {
            terminal::complain(format_args!(
                "note: more than {LONGEST_QUEUE} messages wait for `{name}`: the oldest is dropped"
            ));
        }
    }
    post_ping(fleet, memory, &report, why_failed.as_deref());
    Ok(())
}

fn post_ping(fleet: &Fleet, memory: &mut Memory, report: &Report, why_failed: Option<&str>) {
    if let Some(ping) = memory.ping(fleet, report, why_failed) {
        memory.post_ping(&fleet.watching, &ping);
    }
}

/// How the unit failed that triggered this call (`OnFailure=`, systemd.unit(5)).
fn failure() -> FailureResult {
    let variable = |name| std::env::var(name).ok();
    FailureResult {
        result: variable("MONITOR_SERVICE_RESULT"),
        status: variable("MONITOR_EXIT_STATUS"),
    }
}

/// Fails if something was not delivered. Only genbackup-watch.service or genbackup-notify@.service fails then.
fn outcome(undelivered: &[String]) -> Result<ExitCode> {
    if undelivered.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    bail!("not delivered: {}", undelivered.join("; "))
}
