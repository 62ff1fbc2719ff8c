//! Which snapshots are taken over, and under which host name.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;

use crate::config::problem::{did_you_mean, likely};
use crate::error::fail;
use crate::model::{Fleet, HostName};
use crate::repository::restic::Snapshot;
use crate::repository::snapshots::known;
use crate::text::harmless;

/// The hosts and snapshots that the command line names.
#[derive(Debug)]
pub(crate) struct Wishes<'w> {
    /// Hosts, with the names that their snapshots get. Empty means all hosts.
    hosts: Vec<(&'w str, &'w str)>,
    /// The beginnings of ids. Empty means all snapshots.
    ids: &'w [String],
}

impl<'w> Wishes<'w> {
    /// # Errors
    /// When a new name is not in the fleet, or a host is named twice.
    pub(crate) fn read(hosts: &'w [String], ids: &'w [String], fleet: &Fleet) -> Result<Self> {
        let mut seen = BTreeSet::new();
        let mut read = Vec::new();
        for text in hosts {
            let (other, host) = text.split_once('=').unwrap_or((text, text));
            if other.is_empty() || !seen.insert(other) {
                fail!(
                    what("`--host {text}` names no host, or names a host again"),
                    hint("write `--host OTHER` or `--host OTHER=HOST`, once for each OTHER")
                );
            }
            let names: Vec<&str> = fleet.host_names().map(HostName::as_str).collect();
            if text.contains('=') && !names.contains(&host) {
                let hint = likely(host, names.iter().copied()).map_or_else(
                    || format!("name a host of the fleet: {}", names.join(", ")),
                    did_you_mean,
                );
                fail!(what("no host of the fleet is named `{host}`"), hint("{hint}"));
            }
            read.push((other, host));
        }
        Ok(Self { hosts: read, ids })
    }
}

/// What is taken over.
#[derive(Debug)]
pub(crate) struct Plan<'s> {
    /// One group for each host name that the snapshots have afterwards.
    pub(crate) groups: Vec<Group<'s>>,
}

/// The snapshots that one host has afterwards.
#[derive(Debug)]
pub(crate) struct Group<'s> {
    /// The host.
    pub(crate) host: String,
    /// Those that are taken over or renamed, the oldest first.
    pub(crate) adopted: Vec<&'s Snapshot>,
    /// Those that already have the tag, so that forget counts them.
    pub(crate) own: Vec<&'s Snapshot>,
}

impl<'s> Plan<'s> {
    /// # Errors
    /// When the list lacks a host or an id that is asked for.
    pub(crate) fn of(all: &'s [Snapshot], wishes: &Wishes<'_>, fleet: &Fleet) -> Result<Self> {
        let chosen = chosen(all, wishes.ids)?;
        let is_of_the_fleet = |name: &str| fleet.host_names().any(|host| host.as_str() == name);
        let target = |snapshot: &Snapshot| -> Option<String> {
            if !chosen.is_empty() && !chosen.contains(&snapshot.id) {
                return None;
            }
            if wishes.hosts.is_empty() {
                return snapshot.is_foreign().then(|| snapshot.host.clone());
            }
            wishes.hosts.iter().find_map(|(other, host)| {
                let is_renamed = other != host;
                let is_taken = if snapshot.host == *other {
                    // A snapshot with our tag and a host name that is not in the fleet: that host was renamed.
                    snapshot.is_foreign() || is_renamed && !is_of_the_fleet(other)
                } else {
                    is_renamed && is_half_done(snapshot, host)
                };
                is_taken.then(|| (*host).to_owned())
            })
        };
        let mut adopted: BTreeMap<String, Vec<&Snapshot>> = BTreeMap::new();
        for snapshot in all {
            if let Some(host) = target(snapshot) {
                adopted.entry(host).or_default().push(snapshot);
            }
        }
        for (other, host) in &wishes.hosts {
            if !adopted.contains_key(*host) {
                known(other, all)?;
            }
        }
        let taken: BTreeSet<&str> = adopted
            .values()
            .flatten()
            .map(|snapshot| snapshot.id.as_str())
            .collect();
        let own = |host: &str| {
            let is_own = |snapshot: &&Snapshot| {
                snapshot.host == host && !snapshot.is_foreign() && !taken.contains(snapshot.id.as_str())
            };
            all.iter().filter(is_own).collect()
        };
        let groups = adopted.into_iter().map(|(host, adopted)| Group {
            own: own(&host),
            host,
            adopted,
        });
        Ok(Self {
            groups: groups.collect(),
        })
    }

    /// All that is taken over, with the host that it has afterwards.
    pub(crate) fn adopted(&self) -> impl Iterator<Item = (&'s Snapshot, &str)> {
        let of_group = |group: &'_ Group<'s>| group.adopted.clone();
        self.groups.iter().flat_map(move |group| {
            of_group(group)
                .into_iter()
                .map(|snapshot| (snapshot, group.host.as_str()))
        })
    }

    /// The snapshots of a later list that should have been taken over, but still lack the tag. restic gives a changed
    /// snapshot a new id, and records the original one in it.
    pub(crate) fn untagged<'n>(&self, now: &'n [Snapshot]) -> impl Iterator<Item = &'n Snapshot> {
        let ids: BTreeSet<String> = self
            .adopted()
            .flat_map(|(snapshot, _)| [Some(snapshot.id.clone()), snapshot.original.clone()])
            .flatten()
            .collect();
        now.iter().filter(move |snapshot| {
            let is_meant = ids.contains(&snapshot.id)
                || snapshot
                    .original
                    .as_ref()
                    .is_some_and(|original| ids.contains(original));
            is_meant && snapshot.is_foreign()
        })
    }
}

/// True if an earlier call renamed it, and was interrupted before it added the tag.
fn is_half_done(snapshot: &Snapshot, host: &str) -> bool {
    snapshot.host == host && snapshot.is_foreign() && snapshot.original.is_some()
}

/// The whole ids for these beginnings.
fn chosen(all: &[Snapshot], beginnings: &[String]) -> Result<BTreeSet<String>> {
    let mut chosen = BTreeSet::new();
    for beginning in beginnings {
        let mut alike = all
            .iter()
            .filter(|snapshot| !beginning.is_empty() && snapshot.id.starts_with(beginning.as_str()));
        match (alike.next(), alike.next()) {
            (Some(snapshot), None) => chosen.insert(snapshot.id.clone()),
            (None, _) => fail!(
                what("there is no snapshot `{}`", harmless(beginning)),
                hint("run `genbackup snapshots` to list them")
            ),
            _ => fail!(
                what("more than one snapshot begins with `{beginning}`"),
                hint("write more of the id")
            ),
        };
    }
    Ok(chosen)
}
