//! The list of what we wrote, by which we know our own files again.

use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::path::{Component, Path, PathBuf};
use std::{fmt, fs};

use anyhow::bail;
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use sha2::{Digest, Sha256};

/// Where the manifest of a host is, below its root.
pub(super) const MANIFEST: &str = "etc/genbackup/manifest.json";

/// What waits to become the manifest when all else is done.
pub(super) fn last(manifest: &Path) -> PathBuf {
    let mut last = manifest.as_os_str().to_owned();
    last.push(".last");
    PathBuf::from(last)
}

/// What we wrote: for each path the SHA-256 of the text. While files are being changed it holds the old one
/// and the new one, so that an interrupted change is ours in either state.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Manifest {
    #[serde(deserialize_with = "each_once")]
    pub(super) files: BTreeMap<PathBuf, BTreeSet<String>>,
}

/// What is known of the files that were written before.
#[derive(Debug)]
pub(super) enum Known {
    /// The manifest, empty when there is none: nothing was written before.
    Files(Manifest),
    /// There is one, and it cannot be read: we cannot tell our files from others.
    Unreadable(String),
}

/// # Errors
/// When there is a directory in its place.
pub(super) fn read(path: &Path) -> anyhow::Result<Known> {
    let bytes = match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_dir() => bail!(
            "`{}` is a directory, but must be a file\n\nhint: move the directory away",
            path.display()
        ),
        // We never make one, and it may lead to another system's.
        Ok(metadata) if metadata.is_symlink() => {
            return Ok(Known::Unreadable("it is a symbolic link".to_owned()));
        }
        _ => fs::read(path),
    };
    Ok(match bytes {
        Ok(bytes) => match serde_json::from_slice(&bytes) {
            Ok(manifest) => Known::Files(manifest),
            Err(error) => Known::Unreadable(newer(&bytes).unwrap_or_else(|| error.to_string())),
        },
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            Known::Files(Manifest::default())
        }
        Err(error) => Known::Unreadable(error.to_string()),
    })
}

/// What to say of a manifest in a form that came after this one: such a form has a `version`, which this one,
/// the first, does not have.
fn newer(bytes: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Newer {
        version: u64,
    }
    let Newer { version } = serde_json::from_slice(bytes).ok()?;
    Some(format!(
        "a newer genbackup wrote it, in version {version} of its format"
    ))
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
