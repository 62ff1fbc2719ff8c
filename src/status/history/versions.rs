//! Which versions changed from one run to the next.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use super::Of;
use crate::runs::record::Run;

/// The number of hosts that are named.
const HOSTS_NAMED: usize = 3;

/// A program that is of another version than in the run before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Change {
    /// The program.
    pub program: String,
    /// Its version before.
    pub from: String,
    /// Its version now.
    pub to: String,
    /// The hosts where it changed; none where it is the storage host's.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub hosts: Vec<String>,
}

impl fmt::Display for Change {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            program,
            from,
            to,
            hosts,
        } = self;
        write!(formatter, "{program} {from} -> {to}")?;
        let (named, rest) = hosts.split_at(hosts.len().min(HOSTS_NAMED));
        if !named.is_empty() {
            write!(formatter, " on {}", named.join(", "))?;
        }
        if !rest.is_empty() {
            write!(formatter, " and {} more", rest.len())?;
        }
        Ok(())
    }
}

/// The versions that were seen last: of each program, on the storage host (an empty name) or on another.
#[derive(Debug, Default)]
pub(super) struct Versions(BTreeMap<(String, String), String>);

impl Versions {
    /// Notes the versions of a run; those that were others before, as far as they concern what is asked.
    pub(super) fn changes(&mut self, run: &Run, of: &Of) -> Vec<Change> {
        // Its restic forgets and prunes; where it is backed up itself, its turn shows which one did that.
        let concerns_storage = |program: &str| program != "restic" || !matches!(of, Of::Host(_));
        let storage = run
            .versions
            .iter()
            .filter(|(program, _)| concerns_storage(program))
            .map(|(program, version)| (program.as_str(), "", version.as_str()));
        let concerned = run.hosts.iter().filter(|(host, _)| match of {
            Of::Runs => true,
            Of::Host(asked) => asked == *host,
            Of::Phase(_) | Of::Copy(_) => false,
        });
        let hosts = concerned.flat_map(|(host, ended)| {
            let ended = ended.finished.as_ref();
            let restic = ended.and_then(|ended| ended.restic_version.as_deref());
            let systemd = ended.and_then(|ended| ended.systemd_version.as_deref());
            let versions = [("restic", restic), ("systemd", systemd)];
            versions
                .into_iter()
                .filter_map(|(program, version)| Some((program, host.as_str(), version?)))
        });
        let mut changes: BTreeMap<(String, String, String), Vec<String>> = BTreeMap::new();
        for (program, host, version) in storage.chain(hosts) {
            let version = short(program, version).to_owned();
            let key = (program.to_owned(), host.to_owned());
            let before = self.0.insert(key, version.clone());
            if let Some(before) = before.filter(|before| *before != version) {
                let named = (!host.is_empty()).then(|| host.to_owned());
                let change = (program.to_owned(), before, version);
                changes.entry(change).or_default().extend(named);
            }
        }
        changes
            .into_iter()
            .map(|((program, from, to), hosts)| Change {
                program,
                from,
                to,
                hosts,
            })
            .collect()
    }
}

/// The version alone: `0.18.0` of `restic 0.18.0 compiled with go1.24.4 on linux/amd64`.
fn short<'v>(program: &str, version: &'v str) -> &'v str {
    let alone = version.strip_prefix(program).unwrap_or(version).trim();
    alone.split(" compiled with ").next().unwrap_or(alone)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_stands_alone() {
        for (program, version, alone) in [
            (
                "restic",
                "restic 0.18.0 compiled with go1.24.4 on linux/amd64",
                "0.18.0",
            ),
            (
                "systemd",
                "systemd 257 (257.13-1~deb13u1)",
                "257 (257.13-1~deb13u1)",
            ),
            ("genbackup", "0.1.0", "0.1.0"),
            ("restic", "", ""),
        ] {
            assert_eq!(short(program, version), alone);
        }
    }
}
