//! The file that remembers what was reported before.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::{Map, Value};

use crate::apply;
use crate::cli::terminal;
use crate::error::hinted;
use crate::notify::Memory;

/// The number of bytes that are read: more than any such file has.
const LONGEST: u64 = 64 * 1024 * 1024;

/// The file and its lock. While this exists, no other `genbackup watch` uses the file.
#[derive(Debug)]
pub(super) struct Place<'p> {
    file: &'p Path,
    _lock: File,
}

impl<'p> Place<'p> {
    /// Waits for another `genbackup watch`, which ends at its deadline.
    ///
    /// # Errors
    /// When the directory is missing, or cannot be locked.
    pub(super) fn open(file: &'p Path) -> Result<Self> {
        let directory = match file.parent() {
            Some(directory) if !directory.as_os_str().is_empty() => directory,
            _ => Path::new("."),
        };
        let lock = File::open(directory)
            .and_then(|directory| directory.lock().map(|()| directory))
            .map_err(|error| {
                hinted!(
                    what("cannot open {}: {error}", directory.display()),
                    hint("genbackup-watch.service makes this directory; `--memory FILE` names another file")
                )
            })?;
        Ok(Self { file, _lock: lock })
    }

    /// The content of the file. It is empty if the file is missing or damaged; a damaged file is noted.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub(super) fn read(&self) -> Result<Memory> {
        let mut text = Vec::new();
        match File::open(self.file) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Memory::default()),
            file => file.and_then(|file| file.take(LONGEST).read_to_end(&mut text)),
        }
        .with_context(|| format!("cannot read {}", self.file.display()))?;
        // serde would also accept a list of the values in order.
        let object: serde_json::Result<Map<String, Value>> = serde_json::from_slice(&text);
        let memory = object.and_then(|object| serde_json::from_value(Value::Object(object)));
        let mut memory: Memory = memory.unwrap_or_else(|error| {
            terminal::complain(format_args!(
                "note: {} is damaged ({error}) and is ignored: everything that is not healthy is reported once more, in one message",
                self.file.display()
            ));
            Memory::default()
        });
        if memory.take_over() {
            terminal::complain(format_args!(
                "note: a newer genbackup wrote {}: unknown entries in it are dropped",
                self.file.display()
            ));
        }
        Ok(memory)
    }

    /// # Errors
    /// When the file cannot be written. The old file is unchanged then.
    pub(super) fn write(&self, memory: &Memory) -> Result<()> {
        apply::replace(self.file, serde_json::to_string_pretty(memory)?.as_bytes())
    }
}
