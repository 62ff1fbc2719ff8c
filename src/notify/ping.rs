//! A ping of each of the fleet's runs, for who raises the alarm when none comes: start, success, failure. Who waits for it
//! waits by one calendar: a run of hosts that somebody chose, or of one with a schedule of its own, would hide that the
//! fleet's is missing, or end an alarm that goes on. How such a host is, the fleet's run tells.

use serde::{Deserialize, Serialize};

use crate::model::PushMonitor;
use crate::text::shortened;

/// The characters of a ping that is a part of an address: where each has four bytes, and each byte three characters, it
/// comes to 6 KiB, and web servers take 8 KiB.
const LONGEST_PARAMETER: usize = 500;
/// The longest time that Uptime Kuma takes, a day in milliseconds. It refuses a ping with a longer one.
const LONGEST_TIME: u64 = 24 * 60 * 60 * 1000;
/// A sign of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Ping {
    /// What became of the run.
    #[serde(flatten)]
    pub(super) event: Event,
    /// How long the run took, in milliseconds, where its record says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) milliseconds: Option<u64>,
}

/// What became of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "event", content = "text")]
pub(super) enum Event {
    /// It began.
    Start,
    /// It went well.
    Success(String),
    /// It did not: why.
    Failure(String),
}

impl Ping {
    /// The sign that a run began.
    #[must_use]
    pub fn start() -> Self {
        Self::of(Event::Start)
    }

    pub(super) fn of(event: Event) -> Self {
        Self {
            event,
            milliseconds: None,
        }
    }

    /// True when a monitor takes it.
    #[must_use]
    pub fn is_for(&self, monitor: PushMonitor) -> bool {
        self.event != Event::Start || monitor.takes_starts()
    }

    /// The parameters of a push monitor of Uptime Kuma, which draws `ping` as a response time.
    #[must_use]
    pub fn parameters(&self) -> [(&'static str, String); 3] {
        let status = match self.event {
            Event::Start | Event::Success(_) => "up",
            Event::Failure(_) => "down",
        };
        let line = self.text().replace('\n', "; ");
        let took = self.milliseconds.filter(|took| *took <= LONGEST_TIME);
        [
            ("status", status.to_owned()),
            ("msg", shortened(&line, LONGEST_PARAMETER)),
            ("ping", took.map(|took| took.to_string()).unwrap_or_default()),
        ]
    }

    /// What follows the address: the words of healthchecks.io.
    #[must_use]
    pub fn suffix(&self) -> &'static str {
        match self.event {
            Event::Start => "/start",
            Event::Success(_) => "",
            Event::Failure(_) => "/fail",
        }
    }

    /// What is said beside.
    #[must_use]
    pub fn text(&self) -> &str {
        match &self.event {
            Event::Start => "",
            Event::Success(text) | Event::Failure(text) => text,
        }
    }
}
