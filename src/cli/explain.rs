//! `genbackup explain`: explains what runs when and with which rights, what reads which secret, which snapshots stay
//! for how long, and which features older programs lack.

mod copies;

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result};
use askama::Template;
use clap::Args;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use textwrap::WordSplitter;

use self::copies::Copy;
use super::holds::Holds;
use super::{load, terminal};
use crate::emit::capabilities;
use crate::emit::plan::HostPlan;
use crate::error::fail;
use crate::explain::keeps;
use crate::model::{
    CatchUp, Creation, DiskShare, ExcludePattern, Fleet, HostName, KeepPolicy, Marker, MinimumVersions,
    Monitor, Network, Power, Refusal, Sleep, Source, TimeSpan, Timing, UnitPath,
};
use crate::runs::record::Phase;
use crate::status::span;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Explain only this host
    #[arg(long, value_name = "NAME")]
    host: Option<String>,
    /// Try this keep policy instead of those in the fleet file: `14 daily, 8 weekly`
    #[arg(long, value_name = "POLICY")]
    keep: Option<String>,
    /// Take this time for the current time
    #[arg(long, value_name = "TIME", hide = true)]
    now: Option<DateTime>,
    #[command(flatten)]
    holds: Holds,
}

/// The width of lines if there is no terminal.
const WIDTH: usize = 100;
/// The indent of the texts of the explanation.
const INDENT: &str = "              ";

#[derive(Template)]
#[template(path = "cli/explain.txt", escape = "none")]
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

pub(super) fn run(file: &Path, arguments: &Arguments) -> Result<ExitCode> {
    let Some(mut fleet) = load::load_or_show(file)? else {
        return Ok(ExitCode::FAILURE);
    };
    if let Some(policy) = &arguments.keep {
        let policy = KeepPolicy::try_from(policy.clone());
        fleet.replace_keep(&policy.map_err(Refusal::into_error)?);
    }
    let mut hosts = Vec::new();
    for name in fleet.host_names() {
        hosts.extend(host(&fleet, name)?);
    }
    let store = arguments.holds.read_if_there()?;
    for host in &mut hosts {
        let hold = store.get(host.name.as_str());
        let hold = hold.and_then(|entry| entry.hold_at(Timestamp::now()));
        host.held = hold.map(|hold| {
            let until = hold
                .until
                .map(|until| format!(" until {}", terminal::local(until)));
            format!("{}: {}", until.unwrap_or_default(), terminal::harmless(&hold.why))
        });
    }
    let backed_up = hosts.len();
    if let Some(wanted) = &arguments.host {
        let wanted = load::host(&fleet, Some(wanted))?;
        hosts.retain(|host| host.name == wanted);
        if hosts.is_empty() {
            fail!(
                what("`{wanted}` is not backed up"),
                hint("omit `--host` to explain all hosts")
            );
        }
    }
    let width = terminal::width().map_or(WIDTH, usize::from);
    let now = arguments
        .now
        .unwrap_or_else(|| Timestamp::now().to_zoned(TimeZone::system()).datetime());
    let simulated = |policy: &KeepPolicy, timing: &Timing| {
        let restic = fleet.storage.versions.restic;
        keeps::keeps(policy, timing, restic, now, width.saturating_sub(INDENT.len()))
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
        fleet: &fleet,
        backed_up,
        hosts,
    };
    terminal::say(&fitting(&explanation.render()?))?;
    Ok(ExitCode::SUCCESS)
}

/// The text, wrapped to the width of the terminal.
fn fitting(text: &str) -> String {
    let Some(width) = terminal::width() else {
        return text.to_owned();
    };
    let options = textwrap::Options::new(width.into()).word_splitter(WordSplitter::NoHyphenation);
    let fit = |line: &str| match textwrap::core::display_width(line) > width.into() {
        true if line.starts_with("  ") => textwrap::fill(line, options.clone().subsequent_indent(INDENT)),
        true => textwrap::fill(line, options.clone()),
        false => line.to_owned(),
    };
    text.lines().map(|line| fit(line) + "\n").collect()
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
