//! This machine.

use anyhow::{Context, Result};

/// The host name of this machine in lower case, like the names in a fleet. restic compares host names byte by byte.
///
/// # Errors
/// When it cannot be read.
pub(crate) fn name() -> Result<String> {
    let name = nix::unistd::gethostname().context("cannot read this machine's host name")?;
    Ok(name.to_string_lossy().to_ascii_lowercase())
}

/// True if a machine whose host name is `here` is the one that is called `name`: by its whole name, or its first part.
#[must_use]
pub(crate) fn is_called(here: &str, name: &str) -> bool {
    here == name || here.split('.').next() == Some(name)
}
