//! The exposure of a fleet's units. Each distinct unit text is analyzed once. Hosts with the same exposure share a
//! line.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use anyhow::{Context, Result};

use crate::apply;
use crate::cli::terminal::counted;
use crate::emit::plan::HostPlan;
use crate::emit::{Access, Artifact, emit};
use crate::model::Fleet;
use crate::system::analyze;

/// The number of hosts that a line names.
const NAMED: usize = 5;

/// The hosts for each name and text of a unit.
type Units<'f> = BTreeMap<String, BTreeMap<String, Vec<&'f str>>>;

/// One line for each unit and exposure.
///
/// # Errors
/// When `systemd-analyze` cannot be started, or reports no exposure for a unit.
pub(super) fn table(fleet: &Fleet) -> Result<String> {
    let units = units(fleet)?;
    // Each text gets a file with a unique name, because hosts may have different units with the same name.
    let texts: BTreeSet<&String> = units.values().flat_map(BTreeMap::keys).collect();
    let names: BTreeMap<&String, String> = texts
        .into_iter()
        .enumerate()
        .map(|(number, text)| (text, format!("genbackup-{number}.service")))
        .collect();
    let files: Vec<Artifact> = names
        .iter()
        .map(|(text, name)| Artifact {
            path: format!("/{name}"),
            access: Access::Readable,
            content: (*text).clone(),
        })
        .collect();
    let directory = apply::throw_away(&files)?;
    let list: Vec<String> = names.values().cloned().collect();
    let exposures = analyze::exposures(directory.path(), &list)?;

    let mut table = String::new();
    for (unit, texts) in &units {
        let mut levels: BTreeMap<u32, Vec<&str>> = BTreeMap::new();
        for (text, hosts) in texts {
            let exposure = names.get(text).and_then(|name| exposures.get(name));
            let exposure = exposure.context("a unit has no exposure: this is a bug in genbackup")?;
            levels.entry(*exposure).or_default().extend(hosts);
        }
        table += &lines(unit, levels)?;
    }
    Ok(table)
}

fn units(fleet: &Fleet) -> Result<Units<'_>> {
    let mut units = Units::new();
    for host in fleet.host_names() {
        let plan =
            HostPlan::of(fleet, host).context("the fleet lacks its own host: this is a bug in genbackup")?;
        let services = emit(&plan)?
            .into_iter()
            .filter(|artifact| artifact.path.ends_with(".service"));
        for Artifact { path, content, .. } in services {
            let name = path.rsplit('/').next().unwrap_or(&path).to_owned();
            let hosts = units.entry(name).or_default().entry(content).or_default();
            hosts.push(host.as_str());
        }
    }
    Ok(units)
}

/// The exposure that most hosts share comes first. The hosts with another exposure are named.
fn lines(unit: &str, levels: BTreeMap<u32, Vec<&str>>) -> Result<String> {
    let mut levels: Vec<(u32, Vec<&str>)> = levels.into_iter().collect();
    levels.sort_by_key(|(_, hosts)| std::cmp::Reverse(hosts.len()));
    let mut lines = String::new();
    for (number, (tenths, mut hosts)) in levels.into_iter().enumerate() {
        hosts.sort_unstable();
        let (whole, tenth) = (tenths / 10, tenths % 10);
        let hosts = if number == 0 && hosts.len() > NAMED {
            counted(hosts.len(), "host")
        } else {
            named(&hosts)
        };
        writeln!(lines, "  {whole:4}.{tenth}  {unit}: {hosts}")?;
    }
    Ok(lines)
}

fn named(hosts: &[&str]) -> String {
    let some = hosts.get(..NAMED).unwrap_or(hosts).join(", ");
    match hosts.len().saturating_sub(NAMED) {
        0 => some,
        more => format!("{some} and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_exposures_share_a_line_and_exceptions_are_named() {
        let hosts: Vec<String> = (0..9_000).map(|number| format!("h{number:04}")).collect();
        let hosts: Vec<&str> = hosts.iter().map(String::as_str).collect();
        let (few, many) = hosts.split_at(7);
        let levels = BTreeMap::from([(15, few.to_vec()), (9, many.to_vec())]);
        assert_eq!(
            lines("a@.service", levels).unwrap(),
            "     0.9  a@.service: 8993 hosts\n     \
             1.5  a@.service: h0000, h0001, h0002, h0003, h0004 and 2 more\n"
        );
        let levels = BTreeMap::from([(9, vec!["ziz", "kai"])]);
        assert_eq!(
            lines("a.service", levels).unwrap(),
            "     0.9  a.service: kai, ziz\n"
        );
    }
}
