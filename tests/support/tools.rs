//! Programs that `cargo xtask setup` installs, since Debian has none of them.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

/// Where a tool is.
pub(crate) fn tool(name: &str) -> Result<PathBuf> {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent();
    let target = target.context("the target directory is above")?;
    let tool = target.join("tools/bin").join(name);
    ensure!(
        tool.is_file(),
        "{} is missing\n\nhint: `cargo xtask setup` installs it",
        tool.display()
    );
    Ok(tool)
}
