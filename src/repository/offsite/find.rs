//! Finds a copy by its name.

use anyhow::{Context, Result};

use crate::model::{CopyName, Fleet, Offsite};

/// The copy with this name in the fleet file.
///
/// # Errors
/// When there is none, with the names of the others.
pub(crate) fn find<'f>(fleet: &'f Fleet, name: &str) -> Result<(&'f CopyName, &'f Offsite)> {
    let found = fleet.offsite.iter().find(|(known, _)| known.as_str() == name);
    found.with_context(|| {
        let names: Vec<&str> = fleet.offsite.keys().map(CopyName::as_str).collect();
        let known = if names.is_empty() {
            "the fleet file has no table `[offsite.NAME]`".to_owned()
        } else {
            format!("the copies are: {}", names.join(", "))
        };
        format!("no copy is named `{name}`; {known}")
    })
}
