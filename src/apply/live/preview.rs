//! What would be done with units.

use super::{BACKUPS, Enablement, Systemd, is_to_wait, is_waiting, kind, units};
use crate::apply::Changes;
use crate::emit::Artifact;

/// What [`super::Live`] would do with units once the files have changed: for each a verb and its name. It only asks.
///
/// # Errors
/// When systemd does not answer.
pub(crate) fn preview<S: Systemd>(
    systemd: &mut S,
    artifacts: &[Artifact],
    changes: &Changes,
) -> Result<Vec<(&'static str, String)>, String> {
    let mut steps = Vec::new();
    let mut step = |verb: &'static str, unit: &str| steps.push((verb, unit.to_owned()));
    for unit in changes.leaving_units().filter(|unit| is_waiting(unit)) {
        if systemd.enablement(unit) == Ok(Enablement::Enabled) {
            step("disable", unit);
        }
        if systemd.loaded(unit)?.is_running {
            step("stop", unit);
        }
    }
    for unit in changes.leaving_units().filter(|unit| kind(unit) == "mount") {
        if systemd.loaded(unit)?.is_running && !systemd.is_any_running(BACKUPS)? {
            step("stop", unit);
        }
    }
    for (unit, Artifact { path, content, .. }) in units(artifacts) {
        if !is_to_wait(unit, content) {
            continue;
        }
        match systemd.enablement(unit) {
            Ok(Enablement::Enabled) => {}
            Ok(Enablement::Masked) => continue,
            // Of a unit that has no file yet, systemctl reports an error.
            Ok(Enablement::NotEnabled) | Err(_) => step("enable", unit),
        }
        let loaded = systemd.loaded(unit)?;
        if !loaded.is_running {
            step("start", unit);
        } else if loaded.is_stale || changes.has(path) {
            step("restart", unit);
        }
    }
    Ok(steps)
}
