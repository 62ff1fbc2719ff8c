//! What systemd says of one of our units.

use std::collections::HashMap;

use jiff::Timestamp;
use zbus::zvariant::{ObjectPath, OwnedValue};

use super::Job;

/// Whether a unit is at work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Active {
    /// It does its work, or is about to begin or to end.
    AtWork,
    /// It does nothing; the last time went well, or there was none.
    Inactive,
    /// It does nothing; the last time went wrong.
    Failed,
}

impl Active {
    /// By systemd's word, `ActiveState`.
    pub(super) fn of(word: &str) -> Self {
        match word {
            "inactive" => Self::Inactive,
            "failed" => Self::Failed,
            _ => Self::AtWork,
        }
    }
}

/// What becomes of a unit just now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnitState {
    /// Whether it is at work.
    pub active: Active,
    /// Its job, when one waits in the queue or is at work.
    pub job: Option<Job>,
    /// How its last time ended: `success`, `exit-code`, `timeout` …
    pub result: String,
    /// The exit status of its script.
    pub exit_status: i32,
    /// When its script began.
    pub began: Option<Timestamp>,
    /// Which time this is: another one each time that the unit starts.
    pub invocation: Vec<u8>,
    /// True while it is about to end, or is being stopped.
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
            invocation: invocation.unwrap_or_default(),
            is_ending: text(unit, "ActiveState") == "deactivating",
            is_missing: text(unit, "LoadState") == "not-found",
        }
    }

    /// Which time this is, as systemd tells it to the unit's program (`$INVOCATION_ID`).
    #[must_use]
    pub fn invocation_in_hexadecimal(&self) -> String {
        let digits = self.invocation.iter().flat_map(|byte| [byte >> 4, byte & 15]);
        digits
            .filter_map(|digit| char::from_digit(u32::from(digit), 16))
            .collect()
    }

    /// True when it does nothing and nothing waits for it.
    #[must_use]
    pub fn is_at_rest(&self) -> bool {
        self.active != Active::AtWork && self.job.is_none()
    }
}

/// A unit's job, when one waits in the queue or is at work.
pub(super) fn job(unit: &HashMap<String, OwnedValue>) -> Option<Job> {
    let job = unit.get("Job")?;
    let job = job.downcast_ref::<zbus::zvariant::Structure<'_>>().ok()?;
    let (number, path) = <(u32, ObjectPath<'_>)>::try_from(job).ok()?;
    (number != 0).then(|| Job(path.into()))
}
