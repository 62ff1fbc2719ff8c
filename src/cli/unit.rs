//! What systemd passes to the process of a unit.

use std::path::PathBuf;

use anyhow::Result;

use crate::error::hinted;

/// A directory that systemd makes for a unit, by the variable that names it.
///
/// # Errors
/// When the variable is not set: a unit starts this, and nobody else.
pub(super) fn directory(variable: &str) -> Result<PathBuf> {
    std::env::var_os(variable).map(PathBuf::from).ok_or_else(|| {
        hinted!(
            what("the variable {variable} is not set"),
            hint("start the unit instead: `systemctl start genbackup.service`")
        )
    })
}
