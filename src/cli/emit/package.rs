//! Writes a host's files as a package for a build, with given paths of programs.

use std::path::Path;

use anyhow::{Context, Result};

use crate::apply;
use crate::emit::plan::HostPlan;
use crate::emit::{Programs, StorePath, package};
use crate::model::{Fleet, HostName};

/// Writes the package of a host into a new directory.
///
/// # Errors
/// When the file of the programs cannot be read, or the directory cannot be written.
pub(super) fn write(fleet: &Fleet, host: &HostName, out: &Path, programs: &Path) -> Result<()> {
    let text = std::fs::read_to_string(programs)
        .with_context(|| format!("cannot read the list of programs {}", programs.display()))?;
    let programs: Programs = serde_json::from_str(&text)
        .with_context(|| format!("cannot parse the list of programs {}", programs.display()))?;
    // The files refer to each other by the absolute path of the directory.
    let out = std::path::absolute(out)
        .with_context(|| format!("cannot make {} an absolute path", out.display()))?;
    let prefix = StorePath::try_from(out.display().to_string())
        .map_err(anyhow::Error::msg)
        .context("scripts and units cannot name the directory")?;
    let plan =
        HostPlan::of(fleet, host).context("the fleet lacks its own host: this is a bug in genbackup")?;
    apply::new_directory(&out, &package(&plan, &programs, &prefix)?)
}
