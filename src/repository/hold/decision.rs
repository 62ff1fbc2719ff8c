//! From snapshots, records and holds to the hosts that forget may touch.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use serde::{Serialize, Serializer};

use super::Hold;
use super::evidence::{Evidence, Recorded, objection};
use super::listing::{Listing, Snapshot};
use super::store::Store;
use crate::runs::record::{Run, Status};
use crate::status::anomaly::Anomaly;
use crate::text;

/// What forget may do.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Decision {
    /// Why nothing may be forgotten at all.
    pub objection: Option<String>,
    /// The hosts whose snapshots a keep policy may thin out, a list for each policy. The first list is that
    /// of the fleet's policy, with the hosts that left the fleet.
    pub forget: Vec<Vec<String>>,
    /// The hosts that are left alone, and why.
    pub held: BTreeMap<String, Held>,
}

/// Why a host is left alone.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Held {
    /// An administrator placed a hold.
    Placed(Hold),
    /// Its newest snapshot lacks something, or its turn did not finish.
    Incomplete {
        /// That snapshot.
        snapshot: Snapshot,
        /// How the turn ended that made it.
        status: Status,
        /// Why.
        why: Option<String>,
    },
    /// No record shows how its newest snapshot ended.
    Unrecorded(Snapshot),
    /// Its newest snapshot changed nearly everything.
    Changed {
        /// That snapshot.
        snapshot: Snapshot,
        /// How.
        changes: Vec<Anomaly>,
    },
    /// Its snapshots name no host: to restic, `--host ""` means every host.
    Nameless,
}

/// Which hosts have their own keep policy.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Policies {
    /// The number of each host's policy; the fleet's is 0.
    numbers: BTreeMap<String, usize>,
    count: usize,
}

impl Policies {
    /// The fleet's, and one for each group of hosts.
    pub(crate) fn of(groups: impl IntoIterator<Item: IntoIterator<Item: Into<String>>>) -> Self {
        let mut policies = Self::default();
        for group in groups {
            policies.count += 1;
            let number = policies.count;
            let hosts = group.into_iter().map(|host| (host.into(), number));
            policies.numbers.extend(hosts);
        }
        policies
    }
}

/// Decides by the snapshots that exist, the records of them, the record of the run that forget is part of,
/// and the holds.
#[must_use]
pub(crate) fn decide(
    listing: &Listing,
    evidence: &Evidence<'_>,
    run: &Run,
    store: &Store,
    policies: &Policies,
    now: Timestamp,
) -> Decision {
    let mut forget = vec![Vec::new(); policies.count + 1];
    let mut left_alone = BTreeMap::new();
    for host in listing.newest.keys() {
        let number = policies.numbers.get(host).copied().unwrap_or_default();
        match (held(listing, evidence, store, host, now), forget.get_mut(number)) {
            (None, Some(hosts)) => hosts.push(host.clone()),
            (Some(why), _) => drop(left_alone.insert(host.clone(), why)),
            (None, None) => {}
        }
    }
    Decision {
        objection: objection(listing, run, now),
        forget,
        held: left_alone,
    }
}

/// Why a host is left alone; nothing where forget may touch it, or it has no snapshot.
#[must_use]
pub(crate) fn held(
    listing: &Listing,
    evidence: &Evidence<'_>,
    store: &Store,
    host: &str,
    now: Timestamp,
) -> Option<Held> {
    let newest = listing.newest.get(host)?;
    let (recorded, entry) = (evidence.of(host), store.get(host));
    if host.is_empty() {
        return Some(Held::Nameless);
    }
    if let Some(hold) = entry.and_then(|entry| entry.hold_at(now)) {
        return Some(Held::Placed(hold.clone()));
    }
    let accepted = entry.and_then(|entry| entry.accepted.as_ref());
    if accepted.is_some_and(|accepted| accepted.snapshot == newest.id) {
        return None;
    }
    let snapshot = newest.clone();
    match recorded {
        None => Some(Held::Unrecorded(snapshot)),
        Some(Recorded { status, why, .. }) if status != Status::Ok => Some(Held::Incomplete {
            snapshot,
            status,
            why,
        }),
        Some(Recorded { changes, .. }) if !changes.is_empty() => Some(Held::Changed { snapshot, changes }),
        Some(_) => None,
    }
}

/// The start of the reason for a hold that an administrator placed.
pub(super) const PLACED: &str = "held by hand";
/// The characters of a host's reason that are shown in a line.
const LONGEST_WHY: usize = 200;

impl fmt::Display for Held {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Placed(Hold { until, why, .. }) => {
                formatter.write_str(PLACED)?;
                if let Some(until) = until {
                    write!(formatter, " until {}", until.strftime("%Y-%m-%dT%H:%M:%SZ"))?;
                }
                write!(formatter, ": {why}")
            }
            Self::Incomplete {
                snapshot,
                status,
                why,
            } => {
                write!(
                    formatter,
                    "its newest snapshot {} is {status}",
                    snapshot.short_id()
                )?;
                match why {
                    Some(why) if !why.is_empty() => {
                        write!(
                            formatter,
                            ": {}",
                            text::shortened(&text::harmless(why), LONGEST_WHY)
                        )
                    }
                    _ => Ok(()),
                }
            }
            Self::Unrecorded(snapshot) => {
                let id = snapshot.short_id();
                write!(
                    formatter,
                    "no record shows whether its newest snapshot {id} is complete"
                )
            }
            Self::Changed { snapshot, changes } => {
                let changes: Vec<String> = changes.iter().map(ToString::to_string).collect();
                let id = snapshot.short_id();
                write!(
                    formatter,
                    "its newest snapshot {id} changed nearly everything: {}",
                    changes.join("; ")
                )
            }
            Self::Nameless => formatter.write_str("its snapshots have no host name"),
        }
    }
}

impl Serialize for Held {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::repository::hold::{Accepted, Entry};
    use crate::runs::record::RunId;

    const NOW: &str = "2026-11-30T12:00:00Z";

    fn id(day: u32) -> String {
        format!("{day:02}").repeat(32)
    }

    /// The run of a night of November, whose snapshot has this number of files.
    fn run(day: u32, status: &str, files: u64) -> Run {
        let time = format!("2026-11-{day:02}T04:00:00Z");
        let lines = [
            json!({"event": "run-started", "time": time, "run": "", "hosts": ["ziz"]}),
            // restic 0.14 prints no more of an id.
            json!({"event": "restic", "time": time, "host": "ziz", "message": {
                "snapshot_id": &id(day)[..8], "total_files_processed": files, "total_bytes_processed": files * 4_000_000,
                "data_added": 0}}),
            json!({"event": "host-finished", "time": time, "host": "ziz", "status": status}),
        ];
        let text = lines.map(|line| line.to_string()).join("\n");
        Run::read(RunId::at(time.parse().unwrap()), text.as_bytes()).unwrap()
    }

    fn listing(newest: u32) -> Listing {
        Listing::of((1..=newest).map(|day| Snapshot {
            id: id(day),
            time: format!("2026-11-{day:02}T04:00:01Z").parse().unwrap(),
            hostname: "ziz".to_owned(),
        }))
    }

    /// Why ziz is left alone after these nights, given the oldest first.
    fn why(nights: &[(&str, u64)], entry: Option<Entry>) -> Option<String> {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::read(directory.path()).unwrap();
        if let Some(entry) = entry {
            store.put(&entry).unwrap();
        }
        let store = Store::read(directory.path()).unwrap();
        let listing = listing(u32::try_from(nights.len()).unwrap());
        let mut evidence = Evidence::about(&listing);
        for (night, (status, files)) in nights.iter().enumerate().rev() {
            let day = u32::try_from(night + 1).unwrap();
            if evidence.sought().is_some() {
                evidence.note(&run(day, status, *files));
            }
        }
        held(&listing, &evidence, &store, "ziz", NOW.parse().unwrap()).map(|held| held.to_string())
    }

    #[test]
    fn a_host_is_held_until_a_complete_snapshot_follows() {
        let status = |status: &str| why(&[("ok", 9), (status, 9)], None);
        assert_eq!(status("ok"), None);
        for word in ["partial", "failed", "interrupted", "splendid"] {
            let expected = format!("its newest snapshot 02020202 is {word}");
            assert_eq!(status(word), Some(expected));
        }
        assert_eq!(why(&[("ok", 9), ("partial", 9), ("ok", 9)], None), None);
    }

    #[test]
    fn a_host_that_changed_nearly_everything_is_held_for_one_night() {
        let mut nights = vec![("ok", 1000); 6];
        assert_eq!(why(&nights, None), None);
        nights.push(("ok", 10));
        let held = why(&nights, None).unwrap();
        assert!(
            held.starts_with("its newest snapshot 07070707 changed nearly everything: 10 files"),
            "{held}"
        );
        nights.push(("ok", 10));
        assert_eq!(why(&nights, None), None);
    }

    #[test]
    fn a_host_without_files_is_held_where_it_had_some() {
        assert_eq!(why(&[("ok", 0), ("ok", 0)], None), None);
        assert!(why(&[("ok", 5), ("ok", 0)], None).is_some());
    }

    #[test]
    fn an_accepted_snapshot_is_good_enough_and_the_next_is_not() {
        let accepted = |day| {
            let entry = Entry::new("ziz".to_owned());
            let time = NOW.parse().unwrap();
            let snapshot = id(day);
            Some(Entry {
                accepted: Some(Accepted { snapshot, time }),
                ..entry
            })
        };
        let nights = [("ok", 9), ("partial", 9)];
        assert_eq!(why(&nights, accepted(2)), None);
        assert!(why(&nights, accepted(1)).is_some());
    }

    #[test]
    fn a_hold_lasts_until_its_date() {
        let until = |until: Option<&str>| {
            let hold = Hold {
                since: "2026-11-01T00:00:00Z".parse().unwrap(),
                until: until.map(|until| until.parse().unwrap()),
                why: "copied".to_owned(),
            };
            let entry = Entry::new("ziz".to_owned());
            why(
                &[("ok", 9)],
                Some(Entry {
                    hold: Some(hold),
                    ..entry
                }),
            )
        };
        assert_eq!(until(None).as_deref(), Some("held by hand: copied"));
        let later = until(Some("2026-11-30T12:00:00Z"));
        assert_eq!(
            later.as_deref(),
            Some("held by hand until 2026-11-30T12:00:00Z: copied")
        );
        assert_eq!(until(Some("2026-11-30T11:59:59Z")), None);
    }
}
