//! The directory of the holds: a JSON file for each host with a hold or an accepted snapshot. Root writes
//! it, everybody may read it, and neither `emit` nor an upgrade touches it.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use super::Entry;
use crate::apply;

/// Where a storage host keeps them.
pub(crate) const DIRECTORY: &str = "/var/lib/genbackup-holds";
const EXTENSION: &str = ".json";

/// The holds of a storage host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Store {
    directory: PathBuf,
    entries: BTreeMap<String, Entry>,
}

impl Store {
    /// Reads a directory.
    ///
    /// # Errors
    /// When it is missing, or any of its files cannot be read: no hold must get lost.
    pub(crate) fn read(directory: &Path) -> Result<Self> {
        let unreadable = || format!("cannot read the holds in {}", directory.display());
        let mut entries = BTreeMap::new();
        for file in fs::read_dir(directory).with_context(unreadable)? {
            let path = file.with_context(unreadable)?.path();
            let name = path
                .file_name()
                .and_then(|name| name.to_str())
                .unwrap_or_default();
            // One that waits for its name begins with a dot.
            if name.starts_with('.') || !name.ends_with(EXTENSION) {
                continue;
            }
            let unreadable = || format!("cannot read the hold {}", path.display());
            let text = fs::read_to_string(&path).with_context(unreadable)?;
            let entry: Entry = serde_json::from_str(&text).with_context(unreadable)?;
            ensure!(
                file_name(&entry.host) == name,
                "{}: it is about host `{}`, but its file name is not",
                unreadable(),
                entry.host
            );
            entries.insert(entry.host.clone(), entry);
        }
        let directory = directory.to_owned();
        Ok(Self { directory, entries })
    }

    /// Reads a directory. Without a directory, no hold was placed.
    ///
    /// # Errors
    /// When it is there, and cannot be read.
    pub(crate) fn read_if_there(directory: &Path) -> Result<Self> {
        let is_missing =
            fs::symlink_metadata(directory).is_err_and(|error| error.kind() == ErrorKind::NotFound);
        if is_missing {
            let (directory, entries) = (directory.to_owned(), BTreeMap::new());
            return Ok(Self { directory, entries });
        }
        Self::read(directory)
    }

    /// What an administrator decided about a host.
    #[must_use]
    pub(crate) fn get(&self, host: &str) -> Option<&Entry> {
        self.entries.get(host)
    }

    /// All of them, by their hosts.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.entries.values()
    }

    /// Writes the decision about a host. A reader gets the old or the new text, whole.
    ///
    /// # Errors
    /// When it cannot be written; then the old one is in force.
    pub(crate) fn put(&self, entry: &Entry) -> Result<()> {
        let text = serde_json::to_string_pretty(entry)? + "\n";
        apply::make_directory(&self.directory)?;
        apply::replace(&self.directory.join(file_name(&entry.host)), text.as_bytes())
    }
}

/// The name of a host's file. The host of a snapshot may have any name. A character with a meaning for the
/// file system is written as `%` and two digits.
fn file_name(host: &str) -> String {
    // A file name that begins with a dot is not read.
    let mut name = if host.is_empty() {
        "%".to_owned()
    } else {
        String::new()
    };
    for byte in host.bytes() {
        let is_plain =
            byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_') || byte == b'.' && !name.is_empty();
        if is_plain {
            name.push(char::from(byte));
        } else {
            name.push('%');
            name.extend(
                [byte >> 4, byte & 0xF].map(|digit| char::from(b"0123456789ABCDEF"[usize::from(digit)])),
            );
        }
    }
    name + EXTENSION
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::repository::hold::Hold;

    fn held(host: &str) -> Entry {
        Entry {
            hold: Some(Hold {
                since: Timestamp::UNIX_EPOCH,
                until: None,
                why: "the disk is being copied".to_owned(),
            }),
            ..Entry::new(host.to_owned())
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::read(directory.path()).unwrap();
        let hosts = ["ziz", "../ziz", ".", "", "MyPC.local", "a b\n"];
        for host in hosts {
            store.put(&held(host)).unwrap();
        }
        let store = Store::read(directory.path()).unwrap();
        assert_eq!(store.iter().count(), hosts.len());
        for host in hosts {
            assert_eq!(store.get(host), Some(&held(host)), "{host:?}");
        }
        // All of them are here, and none is elsewhere.
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), hosts.len());
    }

    #[test]
    fn a_hold_that_cannot_be_read_is_an_error_that_names_it() {
        for (name, text) in [
            ("ziz.json", "{"),
            ("ziz.json", "{}"),
            ("ziz.json", "{\"host\":\"ziz\",\"hold\":{\"why\":\"x\"}}"),
            ("ziz.json", "{\"host\":\"ziz\",\"held\":true}"),
            ("ziz.json", "{\"host\":\"kai\"}"),
        ] {
            let directory = tempfile::tempdir().unwrap();
            apply::replace(&directory.path().join(name), text.as_bytes()).unwrap();
            let error = format!("{:#}", Store::read(directory.path()).unwrap_err());
            assert!(error.starts_with("cannot read the hold /"), "{text}: {error}");
            assert!(error.contains(name), "{error}");
        }
        let missing = Path::new("/nonexistent/holds");
        let error = format!("{:#}", Store::read(missing).unwrap_err());
        assert!(
            error.starts_with("cannot read the holds in /nonexistent/holds"),
            "{error}"
        );
        assert_eq!(Store::read_if_there(missing).unwrap().iter().count(), 0);
    }
}
