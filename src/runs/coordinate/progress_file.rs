//! The file from which `genbackup run` reads the progress of a host.

#![expect(
    clippy::disallowed_methods,
    reason = "the file is in the runtime directory of the unit, and lasts as long as the backup of one host"
)]

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Seek, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// The group restic may follow a run.
const MODE: u32 = 0o640;
/// The size from which the file begins again: it is in memory, and only its end is read.
const LARGEST: u64 = 64 * 1024;
/// restic's status message, as a client passes it on.
const STATUS: &[u8] = b"out {\"message_type\":\"status\"";

/// The last status messages of one host. The file is removed when this is dropped.
#[derive(Debug)]
pub(super) struct ProgressFile {
    path: PathBuf,
    file: Option<File>,
    size: u64,
}

impl ProgressFile {
    /// Creates the file. Without it, the backup continues, and nobody sees its progress.
    pub(super) fn create(directory: &Path, host: &str) -> Self {
        let path = directory.join(format!("{host}.answer"));
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(MODE)
            .open(&path);
        // The unit's umask is stricter.
        let file = file.and_then(|file| file.set_permissions(Permissions::from_mode(MODE)).map(|()| file));
        Self {
            path,
            file: file.ok(),
            size: 0,
        }
    }

    /// Adds a line of the answer if it is a status message.
    pub(super) fn note(&mut self, line: &[u8]) {
        if line.starts_with(STATUS)
            && let Some(file) = &mut self.file
        {
            let line = [line, b"\n"].concat();
            if write(file, &mut self.size, &line).is_err() {
                self.file = None;
            }
        }
    }
}

fn write(file: &mut File, size: &mut u64, line: &[u8]) -> io::Result<()> {
    let length = u64::try_from(line.len()).unwrap_or(u64::MAX);
    if size.saturating_add(length) > LARGEST {
        file.set_len(0)?;
        file.rewind()?;
        *size = 0;
    }
    file.write_all(line)?;
    *size = size.saturating_add(length);
    Ok(())
}

impl Drop for ProgressFile {
    fn drop(&mut self) {
        drop(fs::remove_file(&self.path));
    }
}
