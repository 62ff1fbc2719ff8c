//! A file that joins others in their directory, and takes no other one's place.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};
use std::path::Path;

use anyhow::{Context, Result};
use nix::unistd::geteuid;
use tempfile::NamedTempFile;

/// Its group may read it, and nobody else: as the scripts leave a record.
const MODE: u32 = 0o640;

/// A whole file, on the disk, that has no name yet. Dropped, it is gone.
#[derive(Debug)]
pub(crate) struct Addition<'f> {
    directory: &'f Path,
    file: NamedTempFile,
}

impl<'f> Addition<'f> {
    /// Writes it. It belongs to whom its directory belongs to, where root writes it.
    ///
    /// # Errors
    /// When it cannot be written: then nothing is left of it.
    pub(crate) fn to(directory: &'f Path, text: &str) -> Result<Self> {
        let written = || {
            let mut file = tempfile::Builder::new()
                .prefix(".genbackup-")
                .tempfile_in(directory)?;
            file.write_all(text.as_bytes())?;
            // Set the mode whatever the umask is.
            file.as_file().set_permissions(fs::Permissions::from_mode(MODE))?;
            file.as_file().sync_all()?;
            if geteuid().is_root() {
                let owner = fs::metadata(directory)?;
                fchown(file.as_file(), Some(owner.uid()), Some(owner.gid()))?;
            }
            io::Result::Ok(file)
        };
        let file = written().with_context(|| format!("cannot write into `{}`", directory.display()))?;
        Ok(Self { directory, file })
    }

    /// Gives it a name, unless there is a file of that name already: then it is gone, and the answer is false.
    ///
    /// # Errors
    /// When the disk refuses.
    pub(crate) fn under(self, name: &str) -> Result<bool> {
        let Self { directory, file } = self;
        let place = directory.join(name);
        let named = match file.persist_noclobber(&place) {
            Ok(_) => File::open(directory)
                .and_then(|directory| directory.sync_all())
                .map(|()| true),
            Err(error) if error.error.kind() == ErrorKind::AlreadyExists => Ok(false),
            Err(error) => Err(error.error),
        };
        named.with_context(|| format!("cannot write `{}`", place.display()))
    }
}
