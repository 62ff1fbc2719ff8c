//! What a storage host remembers about a copy until the next time. If it is lost, the only effect is that
//! files stay longer than necessary.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::name::Name;
use super::tamper::Tampering;

/// What is remembered of a copy.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Memory {
    /// When the repository was listed whose files the copy then got, all of them.
    #[serde(default)]
    pub complete: Option<Timestamp>,
    /// How many times the repository was listed for this copy. Unlike a time, it never goes back.
    #[serde(default)]
    pub round: u64,
    /// Of these, the last time whose files the copy then got, all of them.
    #[serde(default)]
    pub complete_round: u64,
    /// Files of the copy that the repository no longer has.
    #[serde(default)]
    pub gone: BTreeMap<Name, Gone>,
    /// Packs of these that went while every index stayed, which no prune does. They stay until an index goes.
    #[serde(default)]
    pub unexplained: BTreeSet<Name>,
    /// The index files that the repository had the last time it was listed.
    #[serde(default)]
    pub index: BTreeSet<Name>,
    /// Files whose upload has begun, and may have been cut off.
    #[serde(default)]
    pub uploading: BTreeSet<Name>,
    /// When the locks of all files of the copy were extended.
    #[serde(default)]
    pub extended: Option<Timestamp>,
    /// The last attempt to destroy something in the copy.
    #[serde(default)]
    pub tampered: Option<Tampered>,
    /// The repository whose snapshots restic copied the last time.
    #[serde(default)]
    pub source: Option<Source>,
}

/// A repository whose snapshots restic copied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Source {
    /// Its ID.
    pub id: String,
    /// The snapshots that it had.
    pub snapshots: BTreeSet<String>,
}

/// When a file was first seen to be missing in the repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Gone {
    /// The time.
    pub since: Timestamp,
    /// The [`round`](Memory::round).
    pub round: u64,
    /// The [`complete_round`](Memory::complete_round) before that. A snapshot needs nothing that was missing then.
    pub complete_round: u64,
}

/// An attempt to destroy something in the copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Tampered {
    /// When.
    pub time: Timestamp,
    /// Its result.
    pub result: Tampering,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let id = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
        let name = Name::parse(&format!("data/01/{id}")).unwrap();
        let memory = Memory {
            complete: Some(Timestamp::UNIX_EPOCH),
            round: 3,
            complete_round: 2,
            gone: BTreeMap::from([(
                name,
                Gone {
                    since: Timestamp::UNIX_EPOCH,
                    round: 2,
                    complete_round: 1,
                },
            )]),
            unexplained: BTreeSet::from([name]),
            index: BTreeSet::from([name]),
            extended: Some(Timestamp::UNIX_EPOCH),
            uploading: BTreeSet::from([name, Name::Config]),
            tampered: Some(Tampered {
                time: Timestamp::UNIX_EPOCH,
                result: Tampering::Refused,
            }),
            source: Some(Source {
                id: id.to_owned(),
                snapshots: BTreeSet::from([id.to_owned()]),
            }),
        };
        let text = serde_json::to_string(&memory).unwrap();
        assert_eq!(serde_json::from_str::<Memory>(&text).unwrap(), memory);
        assert_eq!(serde_json::from_str::<Memory>("{}").unwrap(), Memory::default());
    }
}
