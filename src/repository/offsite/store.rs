//! The file in which a storage host notes what it must know of a copy the next time.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::memory::Memory;
use crate::apply;
use crate::error::Hinted;

/// The file of a copy. User restic writes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Store {
    path: PathBuf,
}

impl Store {
    /// In the state directory of a copy.
    #[must_use]
    pub(crate) fn in_directory(directory: &Path) -> Self {
        Self {
            path: directory.join("memory.json"),
        }
    }

    /// What is noted; nothing when there is no file.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(crate) fn get(&self) -> Result<Memory> {
        let unreadable = || {
            Hinted::new(
                format!(
                    "cannot read `{}`, in which files that have gone are noted",
                    self.path.display()
                ),
                "remove it; files then stay in the copy for longer, and nothing else happens",
            )
        };
        match fs::read(&self.path) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Memory::default()),
            Err(error) => Err(error).with_context(unreadable),
            Ok(text) => serde_json::from_slice(&text).with_context(unreadable),
        }
    }

    /// Notes it. A reader gets the old or the new text, whole.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn put(&self, memory: &Memory) -> Result<()> {
        let text = serde_json::to_string(memory)? + "\n";
        apply::replace(&self.path, text.as_bytes())
    }
}
