//! The file of what was told before.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::{Map, Value};

use crate::cli::terminal;
use crate::notify::Memory;
use crate::write;

/// The bytes that are read: more than any memory has.
const LONGEST: u64 = 64 * 1024 * 1024;

/// Where it is. While this lives, no other `genbackup watch` has it.
#[derive(Debug)]
pub(super) struct Place<'p> {
    file: &'p Path,
    _lock: File,
}

impl<'p> Place<'p> {
    /// Waits for another one that is at work; it ends at its deadline.
    ///
    /// # Errors
    /// When its folder is not there, or can't be locked.
    pub(super) fn open(file: &'p Path) -> Result<Self> {
        let folder = match file.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        let lock = File::open(folder)
            .and_then(|folder| folder.lock().map(|()| folder))
            .with_context(|| {
                format!(
                    "can't open {}: genbackup-watch.service makes it; `--memory` names a file elsewhere",
                    folder.display()
                )
            })?;
        Ok(Self { file, _lock: lock })
    }

    /// What is remembered: nothing where there is no file yet, or one that can't be understood, which is said.
    ///
    /// # Errors
    /// When the file can't be read.
    pub(super) fn read(&self) -> Result<Memory> {
        let mut text = Vec::new();
        match File::open(self.file) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Memory::default()),
            file => file.and_then(|file| file.take(LONGEST).read_to_end(&mut text)),
        }
        .with_context(|| format!("can't read {}", self.file.display()))?;
        // serde would take a list for it, as its values in order.
        let object: serde_json::Result<Map<String, Value>> = serde_json::from_slice(&text);
        let memory = object.and_then(|object| serde_json::from_value(Value::Object(object)));
        let mut memory: Memory = memory.unwrap_or_else(|error| {
            terminal::complain(format_args!(
                "note: {} is damaged ({error}), and is taken for empty: what is not well is told once more, in one message",
                self.file.display()
            ));
            Memory::default()
        });
        if memory.take_over() {
            terminal::complain(format_args!(
                "note: {} is of a newer genbackup: unknown entries in it are dropped",
                self.file.display()
            ));
        }
        Ok(memory)
    }

    /// # Errors
    /// When it can't be written; then the old one is there, whole.
    pub(super) fn write(&self, memory: &Memory) -> Result<()> {
        write::replace(self.file, serde_json::to_string_pretty(memory)?.as_bytes())
    }
}
