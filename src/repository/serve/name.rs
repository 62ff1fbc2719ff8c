//! The names of files in a repository.

use sha2::{Digest, Sha256};

use crate::model::words::words;

/// The number of characters of a hash in hexadecimal digits.
const DIGITS: usize = 64;

words! {
    /// The kinds of files of a repository; the word is their directory.
    Kind, directory {
        /// Packs of encrypted data.
        Data = "data",
        /// Lists of what is in which pack.
        Index = "index",
        /// Snapshots.
        Snapshots = "snapshots",
        /// Locks.
        Locks = "locks",
        /// Keys, each sealed with a password.
        Keys = "keys",
    }
}

/// The name of a file: the SHA-256 hash of its content, as 64 lower-case hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Name(String);

impl Name {
    /// The name that a text is.
    pub(super) fn of(text: &str) -> Option<Self> {
        let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        (text.len() == DIGITS && text.bytes().all(is_digit)).then(|| Self(text.to_owned()))
    }

    /// The name of what was hashed.
    pub(super) fn of_hash(hash: Sha256) -> Self {
        let bytes = hash.finalize();
        let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
        Self(
            digits
                .filter_map(|digit| char::from_digit(digit.into(), 16))
                .collect(),
        )
    }

    /// The name as text.
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// The directory below `data` in which a pack of this name is.
    pub(super) fn directory(&self) -> &str {
        &self.0[..2]
    }
}
