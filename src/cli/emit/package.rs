//! A host's files as a package, for a build: with programs that are elsewhere.

use std::path::Path;

use anyhow::{Context, Result};

use crate::emit::{Programs, StorePath, package};
use crate::model::{Fleet, HostName};
use crate::plan::HostPlan;
use crate::write;

/// Writes the package of a host into a new folder.
///
/// # Errors
/// When the programs' file can't be read, or the folder not be written.
pub(super) fn write(fleet: &Fleet, host: &HostName, out: &Path, programs: &Path) -> Result<()> {
    let text = std::fs::read_to_string(programs)
        .with_context(|| format!("can't read the list of programs {}", programs.display()))?;
    let programs: Programs = serde_json::from_str(&text).with_context(|| {
        format!(
            "the list of programs {} is not as it should be",
            programs.display()
        )
    })?;
    // The files name each other by the folder's absolute path.
    let out = std::path::absolute(out).with_context(|| format!("can't tell where {} is", out.display()))?;
    let prefix = StorePath::try_from(out.display().to_string())
        .map_err(anyhow::Error::msg)
        .context("the folder is named in scripts and units")?;
    let plan = HostPlan::of(fleet, host).context("the fleet does not know its own host")?;
    write::new_folder(&out, &package(&plan, &programs, &prefix)?)
}
