//! The list of what we wrote, by which we know our own files again.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};
use std::{fmt, io};

use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use sha2::{Digest, Sha256};

use super::found::Files;
use crate::model::{Refusal, Release};

/// Where the manifest of a host is, below its root.
pub(super) const MANIFEST: &str = "etc/genbackup/manifest.json";

/// What waits to become the manifest when all else is done.
pub(super) fn last(manifest: &Path) -> PathBuf {
    let mut last = manifest.as_os_str().to_owned();
    last.push(".last");
    PathBuf::from(last)
}

/// The form of a manifest that this program writes. Genbackup 0.1 wrote the first, which has no number and no version of
/// genbackup; it refuses any other.
const FORM: u64 = 2;

/// What we wrote: for each path the SHA-256 of the text. While files are being changed it holds the old one
/// and the new one, so that an interrupted change is ours in either state.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Manifest {
    /// Which form it has.
    #[serde(default = "first_form")]
    version: u64,
    /// Which genbackup wrote the files; none where it was 0.1.
    #[serde(default)]
    pub(super) genbackup: Option<Release>,
    #[serde(deserialize_with = "each_once")]
    pub(super) files: BTreeMap<PathBuf, BTreeSet<String>>,
}

/// What is known of the files that were written before.
#[derive(Debug)]
pub(super) enum Known {
    /// The manifest, empty when there is none: nothing was written before.
    Files(Manifest),
    /// There is one, and it cannot be read: genbackup cannot distinguish its files from others.
    Unreadable(String),
}

/// # Errors
/// When there is a directory in its place.
pub(super) fn read(system: &impl Files, path: &Path) -> anyhow::Result<Known> {
    let found = match system.look_at_manifest(path) {
        Ok(Some(found)) => found,
        Ok(None) => return Ok(Known::Files(Manifest::default())),
        // One that cannot be read is there all the same.
        Err(error) => {
            return match error.downcast_ref::<io::Error>() {
                Some(cause) => Ok(Known::Unreadable(cause.to_string())),
                None => Err(error),
            };
        }
    };
    // We never make one, and it may lead to another system's.
    if system.target(path).is_some() {
        return Ok(Known::Unreadable("it is a symbolic link".to_owned()));
    }
    if !found.regular {
        return Ok(Known::Unreadable("it is not a regular file".to_owned()));
    }
    Ok(match serde_json::from_slice(&found.text) {
        Ok(Manifest { version, .. }) if version > FORM => Known::Unreadable(of_newer_form(version)),
        Ok(manifest) => Known::Files(manifest),
        Err(error) => Known::Unreadable(newer(&found.text).unwrap_or_else(|| {
            // A value that is refused comes with a hint for who writes a fleet file.
            Refusal::from_message(&error.to_string()).what
        })),
    })
}

const fn first_form() -> u64 {
    1
}

/// What to report of a manifest in a form that this program does not know.
fn newer(bytes: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Newer {
        version: u64,
    }
    let Newer { version } = serde_json::from_slice(bytes).ok()?;
    (version > FORM).then(|| of_newer_form(version))
}

fn of_newer_form(version: u64) -> String {
    format!("a newer genbackup wrote it, in version {version} of its format")
}

/// The files of a manifest, no path twice, and each a path that leads nowhere but below the root.
fn each_once<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<PathBuf, BTreeSet<String>>, D::Error> {
    struct Files;

    impl<'de> Visitor<'de> for Files {
        type Value = BTreeMap<PathBuf, BTreeSet<String>>;

        fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            formatter.write_str("paths, each with its hashes")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
            let mut files = Self::Value::new();
            while let Some((path, hashes)) = entries.next_entry::<PathBuf, _>()? {
                let below = |component| matches!(component, Component::Normal(_));
                if path.as_os_str().is_empty() || !path.components().all(below) {
                    return Err(A::Error::custom(format!(
                        "`{}` is not below the root",
                        path.display()
                    )));
                }
                let shown = path.display().to_string();
                if files.insert(path, hashes).is_some() {
                    return Err(A::Error::custom(format!("`{shown}` occurs twice")));
                }
            }
            Ok(files)
        }
    }

    deserializer.deserialize_map(Files)
}

impl Manifest {
    /// That of files that this program wrote.
    pub(super) fn new() -> Self {
        Self {
            version: FORM,
            genbackup: Some(Release::this()),
            files: BTreeMap::new(),
        }
    }

    pub(super) fn to_text(&self) -> serde_json::Result<String> {
        serde_json::to_string_pretty(self).map(|text| text + "\n")
    }

    /// True when we wrote this text to this path.
    pub(super) fn lists(&self, path: &Path, text: &[u8]) -> bool {
        self.files
            .get(path)
            .is_some_and(|hashes| hashes.contains(&hash(text)))
    }
}

/// SHA-256 in lower-case hexadecimal digits.
pub(super) fn hash(text: &[u8]) -> String {
    let digits = |byte: &u8| [byte >> 4, byte & 15].map(|digit| char::from_digit(digit.into(), 16));
    Sha256::digest(text).iter().flat_map(digits).flatten().collect()
}
