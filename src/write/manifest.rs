//! The list of what we wrote, by which we know our own files again.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Where the manifest is, below the root.
pub(super) const MANIFEST: &str = "etc/genbackup/manifest.json";
/// What waits to become the manifest when all else is done.
pub(super) const LAST_MANIFEST: &str = "etc/genbackup/manifest.json.last";

/// What we wrote: for each path the SHA-256 of the text. While files are being changed it holds the old one
/// and the new one, so that an interrupted change is ours in either state.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Manifest {
    pub(super) files: BTreeMap<PathBuf, BTreeSet<String>>,
}

/// What is known of the files that were written before.
#[derive(Debug)]
pub(super) enum Known {
    /// The manifest, empty when there is none: nothing was written before.
    Files(Manifest),
    /// There is one, and it can't be read: we can't tell our files from others.
    Unreadable(String),
}

pub(super) fn read(root: &Path) -> Known {
    match fs::read(root.join(MANIFEST)) {
        Ok(bytes) => match serde_json::from_slice(&bytes) {
            Ok(manifest) => Known::Files(manifest),
            Err(error) => Known::Unreadable(error.to_string()),
        },
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            Known::Files(Manifest::default())
        }
        Err(error) => Known::Unreadable(error.to_string()),
    }
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
