//! A ping of each of the fleet's runs, for a monitor that raises an alarm when none comes: start, success,
//! failure. The monitor expects the runs of one calendar. A ping of chosen hosts, or of a host with its own
//! schedule, would hide a missing run of the fleet, or end an alarm too early. The fleet's run reports the
//! state of such a host.

use serde::{Deserialize, Serialize};

use crate::model::PushMonitor;
use crate::text::shortened;

/// The characters of a ping that is a part of an address. Where each has four bytes, and each byte three
/// characters, it comes to 6 KiB. Web servers take 8 KiB.
const LONGEST_PARAMETER: usize = 500;
/// The longest time that Uptime Kuma takes, a day in milliseconds. It refuses a ping with a longer one.
const LONGEST_TIME: u64 = 24 * 60 * 60 * 1000;
/// A sign of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Ping {
    /// What happened to the run.
    #[serde(flatten)]
    pub(super) event: Event,
    /// How long the run took, in milliseconds, where its record has that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) milliseconds: Option<u64>,
}

/// What happened to a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "event", content = "text")]
pub(super) enum Event {
    /// It began.
    Start,
    /// It succeeded.
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
    pub(crate) fn is_for(&self, monitor: PushMonitor) -> bool {
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

    /// The text that is sent with the ping.
    #[must_use]
    pub fn text(&self) -> &str {
        match &self.event {
            Event::Start => "",
            Event::Success(text) | Event::Failure(text) => text,
        }
    }
}
