//! The chapter of the units: each unit that a fleet emits, with its rights, computed from its text.

mod name;
mod rights;
mod service;
mod tables;

use std::collections::BTreeMap;

use anyhow::{Context, Result, anyhow};

use super::{document, facts, head, rows};
use crate::config::file::read;
use crate::config::resolve::resolve;
use crate::emit::plan::HostPlan;
use crate::emit::{UNIT_DIRECTORY, emit};
use crate::model::Fleet;

pub use name::kind;

/// The fleet whose units the chapter shows: it sets every key.
pub const FLEET: &str = include_str!("fleet.toml");

/// What the chapter begins with, a paragraph each.
const INTRODUCTION: [&str; 2] = [
    "This page lists the units that genbackup emits, with their rights, for a fleet that sets every key. A fleet that sets \
     fewer keys has fewer units, and some of its units have fewer rights. [Rights of each unit](../explanation/rights.md) \
     gives the reasons.",
    "Exposure is the number that `systemd-analyze security` computes: a unit with 0 can do nothing, a unit with 10 can do \
     everything. A test measures each unit against its bound. \"May write\" lists the places to which the unit itself \
     allows writing, in addition to its own `/tmp`. The user of the unit needs the permission, too.",
];

/// A unit of a host.
struct Unit {
    /// Its file name.
    name: String,
    /// Its text.
    text: String,
    /// What its host is in the fleet.
    host: &'static str,
}

/// The units of all hosts, by their kinds.
type Units = BTreeMap<String, Vec<Unit>>;

pub(super) fn chapter() -> Result<String> {
    let fleet = resolve(read("fleet.toml", FLEET))
        .map_err(|problems| anyhow!("the fleet of the reference has problems: {problems:?}"))?;
    let units = units(&fleet)?;
    let mut blocks = head("Units");
    blocks.extend(INTRODUCTION.map(str::to_owned));
    blocks.push("## Services".to_owned());
    let places = rights::places(&fleet);
    for (name, units) in of_kind(&units, ".service") {
        blocks.push(format!("### `{name}`"));
        blocks.push(format!("{}.", description(units)));
        blocks.push(facts(service::rights(name, units, &places)?));
    }
    blocks.push("## Sockets".to_owned());
    let sockets = of_kind(&units, ".socket").map(|(name, units)| tables::socket(name, units));
    blocks.push(rows(&tables::SOCKET, sockets));
    blocks.push("## Timers".to_owned());
    let timers = of_kind(&units, ".timer").map(|(name, units)| tables::timer(name, units));
    blocks.push(rows(&tables::TIMER, timers));
    blocks.push("## Mounts".to_owned());
    let mounts = of_kind(&units, ".mount").map(|(name, units)| tables::mount(name, units));
    blocks.push(rows(&tables::MOUNT, mounts));
    blocks.push("## Transient units".to_owned());
    blocks.push("### `genbackup-restore-PID.service`".to_owned());
    blocks.push("Run restic for `genbackup restore`.".to_owned());
    blocks.push(facts(service::rights_of_a_restore()));
    Ok(document(&blocks))
}

fn units(fleet: &Fleet) -> Result<Units> {
    let mut units = Units::new();
    for host in fleet.host_names() {
        let plan =
            HostPlan::of(fleet, host).context("the fleet lacks its own host: this is a bug in genbackup")?;
        let host = if plan.coordinator.is_some() {
            "the storage host"
        } else {
            "clients"
        };
        for artifact in emit(&plan)? {
            let name = artifact.path.strip_prefix(UNIT_DIRECTORY);
            let Some(name) = name.map(|name| name.trim_start_matches('/').to_owned()) else {
                continue;
            };
            let text = artifact.content;
            let units = units.entry(kind(&name)).or_default();
            units.push(Unit { name, text, host });
        }
    }
    Ok(units)
}

fn of_kind<'u>(units: &'u Units, suffix: &'u str) -> impl Iterator<Item = (&'u str, &'u [Unit])> {
    let units = units.iter().filter(move |(name, _)| name.ends_with(suffix));
    units.map(|(name, units)| (name.as_str(), units.as_slice()))
}

/// A text about each of these units, where they differ one after the other.
fn distinct(units: &[Unit], of: impl Fn(&Unit) -> String, between: &str) -> String {
    let mut all: Vec<String> = Vec::new();
    for text in units.iter().map(of) {
        if !all.contains(&text) {
            all.push(text);
        }
    }
    all.join(between)
}

fn hosts(units: &[Unit]) -> String {
    distinct(units, |unit| unit.host.to_owned(), " and ")
}

fn description(units: &[Unit]) -> String {
    let of = |unit: &Unit| {
        let text = rights::last(&unit.text, "Description").unwrap_or_default();
        name::general(text, &unit.name)
    };
    distinct(units, of, " or ")
}
