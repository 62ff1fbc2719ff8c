//! Explains what runs when and with which rights, what reads which secret, which snapshots stay for how long, and which
//! features older programs lack.

mod copies;
mod keeps;
mod picture;

use anyhow::{Context, Result};
use askama::Template;
use jiff::civil::DateTime;
use jiff::{SignedDuration, Timestamp};

use self::copies::Copy;
use crate::emit::capabilities;
use crate::emit::plan::HostPlan;
use crate::error::fail;
use crate::model::{
    CatchUp, Creation, DiskShare, ExcludePattern, Fleet, HostName, KeepPolicy, Marker, MinimumVersions,
    Monitor, Network, Power, Sleep, Source, TimeSpan, Timing, UnitPath,
};
use crate::repository::hold::Store;
use crate::runs::record::Phase;
use crate::status::span;
use crate::text::{harmless, local};

/// The indent of the texts of the explanation.
pub(crate) const INDENT: &str = "              ";

/// What is explained, and how.
pub(crate) struct Request<'f> {
    /// Only this host.
    pub(crate) host: Option<&'f HostName>,
    /// The holds.
    pub(crate) store: &'f Store,
    /// The time at which holds are in force.
    pub(crate) now: Timestamp,
    /// The time from which the keep policies are simulated.
    pub(crate) start: DateTime,
    /// The number of columns.
    pub(crate) width: usize,
}

#[derive(Template)]
#[template(path = "printed/explain.txt", escape = "none")]
struct Explanation<'f> {
    fleet: &'f Fleet,
    backed_up: usize,
    keeps: Vec<String>,
    phases: Vec<Expected>,
    copies: Vec<Copy<'f>>,
    hosts: Vec<Host<'f>>,
}

/// One phase for which the fleet file limits the age of the last run.
struct Expected {
    phase: Phase,
    warn_after: String,
    alert_after: String,
}

/// One host that is backed up.
struct Host<'f> {
    name: &'f HostName,
    source: &'f Source,
    /// What its own keep policy will keep.
    keeps: Vec<String>,
    repository: &'f UnitPath,
    mounts: bool,
    capabilities: &'static str,
    may_be_absent: Option<TimeSpan>,
    power: Power,
    versions: MinimumVersions,
    /// The hold that an admin placed.
    held: Option<String>,
}

impl Host<'_> {
    /// What is excluded, one line for each kind.
    fn leaves_out(&self) -> Vec<String> {
        let listed = |words: Vec<&str>, between: &str| (!words.is_empty()).then(|| words.join(between));
        let patterns = self.source.exclude.iter().map(ExcludePattern::as_str);
        let markers = self.source.exclude_if_present.iter().map(Marker::as_str);
        let markers = listed(markers.collect(), " or ");
        let size = self.source.exclude_larger_than;
        [
            listed(patterns.collect(), ", "),
            markers.map(|markers| format!("the content of directories with {markers}")),
            size.map(|size| format!("files larger than {size}")),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

/// The explanation of a fleet.
///
/// # Errors
/// When the requested host is not backed up, or systemd refuses a calendar expression.
pub(crate) fn explain(fleet: &Fleet, request: &Request<'_>) -> Result<String> {
    let Request {
        host: wanted,
        store,
        now,
        start,
        width,
    } = *request;
    let mut hosts = Vec::new();
    for name in fleet.host_names() {
        hosts.extend(host(fleet, name)?);
    }
    for host in &mut hosts {
        let hold = store.get(host.name.as_str());
        let hold = hold.and_then(|entry| entry.hold_at(now));
        host.held = hold.map(|hold| {
            let until = hold.until.map(|until| format!(" until {}", local(until)));
            format!("{}: {}", until.unwrap_or_default(), harmless(&hold.why))
        });
    }
    let backed_up = hosts.len();
    if let Some(wanted) = wanted {
        hosts.retain(|host| host.name == wanted);
        if hosts.is_empty() {
            fail!(
                what("`{wanted}` is not backed up"),
                hint("omit `--host` to explain all hosts")
            );
        }
    }
    let simulated = |policy: &KeepPolicy, timing: &Timing| {
        let restic = fleet.storage.versions.restic;
        keeps::keeps(policy, timing, restic, start, width.saturating_sub(INDENT.len()))
    };
    for host in &mut hosts {
        if let Some(policy) = &host.source.keep {
            let timing = host.source.schedule.as_ref();
            host.keeps = simulated(policy, timing.unwrap_or(&fleet.schedule.timing))?;
        }
    }
    let explanation = Explanation {
        keeps: simulated(&fleet.repository.keep, &fleet.schedule.timing)?,
        phases: fleet.phases.iter().map(expected).collect(),
        copies: fleet
            .offsite
            .iter()
            .map(|(name, copy)| Copy::of(name, copy, &fleet.repository.password_file))
            .collect(),
        fleet,
        backed_up,
        hosts,
    };
    Ok(explanation.render()?)
}

fn expected((phase, monitor): (&Phase, &Monitor)) -> Expected {
    let Monitor {
        warn_after,
        alert_after,
    } = monitor;
    Expected {
        phase: *phase,
        warn_after: in_words(*warn_after),
        alert_after: in_words(*alert_after),
    }
}

fn in_words(time: TimeSpan) -> String {
    span(SignedDuration::from_secs(
        i64::try_from(time.seconds()).unwrap_or(i64::MAX),
    ))
}

/// The explanation of a host; `None` if it is not backed up.
fn host<'f>(fleet: &'f Fleet, name: &'f HostName) -> Result<Option<Host<'f>>> {
    let plan =
        HostPlan::of(fleet, name).context("the fleet lacks its own host: this is a bug in genbackup")?;
    Ok(plan.client.map(|client| Host {
        name: client.name,
        source: client.source,
        keeps: Vec::new(),
        repository: client.repository,
        mounts: client.connection.is_some(),
        capabilities: capabilities(client.source),
        may_be_absent: fleet.may_be_absent(client.name),
        power: plan.power,
        versions: plan.versions,
        held: None,
    }))
}
