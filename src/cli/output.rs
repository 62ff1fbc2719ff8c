//! Standard output, for what is made whole before it is shown.

use std::io::Write;

use anyhow::{Context, Result};

/// Writes all of it.
///
/// # Errors
/// When nobody reads to the end, or the disk behind it is full.
pub(super) fn show(text: &[u8]) -> Result<()> {
    let mut output = std::io::stdout().lock();
    let written = output.write_all(text).and_then(|()| output.flush());
    written.context("can't write to standard output")
}
