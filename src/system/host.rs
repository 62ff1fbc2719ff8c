//! This machine.

use anyhow::{Context, Result};

/// The host name of this machine in lower case, like the names in a fleet. restic compares host names byte by byte.
///
/// # Errors
/// When it cannot be read.
pub fn name() -> Result<String> {
    let name = nix::unistd::gethostname().context("cannot read this machine's host name")?;
    Ok(name.to_string_lossy().to_ascii_lowercase())
}
