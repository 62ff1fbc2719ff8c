//! The state of unit files in systemd: whether it has read them, and whether they are enabled.

use super::proxy::ListedUnit;
use super::unit::{Active, job};
use super::{Error, Job, MODE, Manager};

/// The loaded state of a unit of any type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Loaded {
    /// Whether it is active.
    pub active: Active,
    /// True if its file changed since systemd read it, or systemd has not read it yet.
    pub is_stale: bool,
    /// True while a job of the unit is queued or running.
    pub has_job: bool,
}

/// Whether a unit starts with the system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Enablement {
    /// A link enables it.
    Enabled,
    /// No link enables it.
    NotEnabled,
    /// The admin masked it, so it never starts.
    Masked,
}

impl Manager {
    /// The loaded state of a unit.
    ///
    /// # Errors
    /// When systemd does not answer.
    pub(crate) fn loaded(&self, unit: &str) -> Result<Loaded, Error> {
        let path = self.path_of(unit)?;
        let properties = self.properties(unit, &path, "org.freedesktop.systemd1.Unit")?;
        let text = |name: &str| {
            properties
                .get(name)
                .and_then(|value| value.downcast_ref::<&str>().ok())
        };
        let needs_reload = properties
            .get("NeedDaemonReload")
            .and_then(|value| value.downcast_ref::<bool>().ok());
        Ok(Loaded {
            active: Active::of(text("ActiveState").unwrap_or_default()),
            is_stale: needs_reload == Some(true) || text("LoadState") == Some("not-found"),
            has_job: job(&properties).is_some(),
        })
    }

    /// Whether a unit starts with the system. systemd reads this from the disk.
    ///
    /// # Errors
    /// When there is no such unit, or systemd does not answer.
    pub(crate) fn enablement(&self, unit: &str) -> Result<Enablement, Error> {
        let state = self.change(unit, self.proxy.get_unit_file_state(unit))?;
        Ok(match state.as_str() {
            "enabled" => Enablement::Enabled,
            "masked" | "masked-runtime" => Enablement::Masked,
            _ => Enablement::NotEnabled,
        })
    }

    /// Makes the links that enable a unit.
    ///
    /// # Errors
    /// When systemd refuses, or does not answer.
    pub(crate) fn enable(&self, unit: &str) -> Result<(), Error> {
        let made = self.change(unit, self.proxy.enable_unit_files(&[unit], false, false));
        made.map(|(_, _)| ())
    }

    /// Removes the links that enable a unit; true when there were some.
    ///
    /// # Errors
    /// When systemd refuses, or does not answer.
    pub(crate) fn disable(&self, unit: &str) -> Result<bool, Error> {
        let removed = self.change(unit, self.proxy.disable_unit_files(&[unit], false))?;
        Ok(!removed.is_empty())
    }

    /// Reloads all unit files.
    ///
    /// # Errors
    /// When systemd refuses, or does not answer.
    pub(crate) fn reload(&self) -> Result<(), Error> {
        self.change("a reload", self.proxy.reload())
    }

    /// Restarts a unit that is active.
    ///
    /// # Errors
    /// When systemd refuses, or does not answer.
    pub(crate) fn try_restart(&self, unit: &str) -> Result<Job, Error> {
        self.change(unit, self.proxy.try_restart_unit(unit, MODE))
            .map(Job)
    }

    /// True if a unit that matches this pattern (glob(7)) is active or queued.
    ///
    /// # Errors
    /// When systemd does not answer.
    pub(crate) fn is_any_running(&self, pattern: &str) -> Result<bool, Error> {
        Ok(!self.running(&[pattern])?.is_empty())
    }

    /// The units that match these patterns (glob(7)) and are active or have a queued job.
    ///
    /// # Errors
    /// When systemd does not answer.
    pub(crate) fn running(&self, patterns: &[&str]) -> Result<Vec<String>, Error> {
        let listed = self.proxy.list_units_by_patterns(&[], patterns);
        let units = self.change(&patterns.join(" "), listed)?;
        let is_running = |(_, _, _, active, _, _, _, job, ..): &ListedUnit| {
            Active::of(active) == Active::Running || *job != 0
        };
        Ok(units.into_iter().filter(is_running).map(|unit| unit.0).collect())
    }
}
