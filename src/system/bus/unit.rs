//! The state of one of our units.

use std::collections::HashMap;

use jiff::Timestamp;
use zbus::zvariant::{ObjectPath, OwnedValue};

use super::Job;

/// Whether a unit is active.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Active {
    /// It is running, starting or stopping.
    Running,
    /// It is not running, and its last run succeeded, or there was none.
    Inactive,
    /// It is not running, and its last run failed.
    Failed,
}

impl Active {
    /// From the value of `ActiveState`.
    pub(super) fn of(word: &str) -> Self {
        match word {
            "inactive" => Self::Inactive,
            "failed" => Self::Failed,
            _ => Self::Running,
        }
    }
}

/// The current state of a unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct UnitState {
    /// Whether it is active.
    pub active: Active,
    /// Its queued or running job.
    pub job: Option<Job>,
    /// The result of its last run: `success`, `exit-code`, `timeout` …
    pub result: String,
    /// The exit status of its script.
    pub exit_status: i32,
    /// When its script started.
    pub began: Option<Timestamp>,
    /// The invocation ID, which is different each time that the unit starts.
    pub invocation: Vec<u8>,
    /// The status that its script reports.
    pub status_text: String,
    /// True while it is ending or being stopped.
    pub is_ending: bool,
    pub(super) is_missing: bool,
}

impl UnitState {
    pub(super) fn of(unit: &HashMap<String, OwnedValue>, service: &HashMap<String, OwnedValue>) -> Self {
        let text = |of: &HashMap<String, OwnedValue>, name: &str| {
            let value = of.get(name).and_then(|value| value.downcast_ref::<&str>().ok());
            value.unwrap_or_default().to_owned()
        };
        let began = service
            .get("ExecMainStartTimestamp")
            .and_then(|time| time.downcast_ref::<u64>().ok())
            .filter(|time| *time != 0)
            .and_then(|time| Timestamp::from_microsecond(i64::try_from(time).ok()?).ok());
        let invocation = unit
            .get("InvocationID")
            .and_then(|id| id.try_clone().ok())
            .and_then(|id| Vec::<u8>::try_from(id).ok());
        Self {
            active: Active::of(&text(unit, "ActiveState")),
            job: job(unit),
            result: text(service, "Result"),
            exit_status: service
                .get("ExecMainStatus")
                .and_then(|status| status.downcast_ref::<i32>().ok())
                .unwrap_or_default(),
            began,
            status_text: text(service, "StatusText"),
            invocation: invocation.unwrap_or_default(),
            is_ending: text(unit, "ActiveState") == "deactivating",
            is_missing: text(unit, "LoadState") == "not-found",
        }
    }

    /// The invocation ID in the form in which the unit's program gets it (`$INVOCATION_ID`).
    #[must_use]
    pub(crate) fn invocation_in_hexadecimal(&self) -> String {
        let digits = self.invocation.iter().flat_map(|byte| [byte >> 4, byte & 15]);
        digits
            .filter_map(|digit| char::from_digit(u32::from(digit), 16))
            .collect()
    }

    /// True if it is not active and has no job.
    #[must_use]
    pub(crate) fn is_at_rest(&self) -> bool {
        self.active != Active::Running && self.job.is_none()
    }
}

/// The queued or running job of a unit.
pub(super) fn job(unit: &HashMap<String, OwnedValue>) -> Option<Job> {
    let job = unit.get("Job")?;
    let job = job.downcast_ref::<zbus::zvariant::Structure<'_>>().ok()?;
    let (number, path) = <(u32, ObjectPath<'_>)>::try_from(job).ok()?;
    (number != 0).then(|| Job(path.into()))
}
