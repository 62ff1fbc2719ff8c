//! A ping of each of the fleet's runs, for who raises the alarm when none comes: start, success, failure. Who waits for it
//! waits by one calendar: a run of hosts that somebody chose, or of one with a schedule of its own, would hide that the
//! fleet's is missing, or end an alarm that goes on. How such a host is, the fleet's run tells.

use serde::{Deserialize, Serialize};

use super::memory::Memory;
use crate::model::{Fleet, PushMonitor};
use crate::runs::record::Status;
use crate::status::{Now, Progress, Report, State};
use crate::text::{harmless, shortened};

/// The characters of a line about one host.
const LONGEST_LINE: usize = 200;
/// The characters of a ping that is a part of an address: where each has four bytes, and each byte three characters, it
/// comes to 6 KiB, and web servers take 8 KiB.
const LONGEST_PARAMETER: usize = 500;
/// The longest time that Uptime Kuma takes, a day in milliseconds. It refuses a ping with a longer one.
const LONGEST_TIME: u64 = 24 * 60 * 60 * 1000;
/// The lines of a ping.
const MOST_LINES: usize = 40;

/// A sign of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Ping {
    /// What became of the run.
    #[serde(flatten)]
    event: Event,
    /// How long the run took, in milliseconds, where its record says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    milliseconds: Option<u64>,
}

/// What became of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "event", content = "text")]
enum Event {
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

    fn of(event: Event) -> Self {
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

impl Memory {
    /// The ping of the fleet's newest run, when it is over and was not pinged yet; or of a unit's failure that left none.
    pub fn ping(&mut self, fleet: &Fleet, report: &Report, failed: Option<&str>) -> Option<Ping> {
        if let Some(why) = failed {
            let why = shortened(&harmless(why), 2 * LONGEST_LINE);
            return Some(Ping::of(Event::Failure(why)));
        }
        let run = report.fleets_run.filter(|run| run.progress != Progress::AtWork)?;
        let name = run.run.to_string();
        if self.pinged.as_ref() == Some(&name) {
            return None;
        }
        self.pinged = Some(name);
        let of_this_run = report.items().filter_map(|item| {
            let last = item.verdict.last_attempt.as_ref()?;
            // Who may be absent, and is, is as well as it was.
            let is_bad = last.status != Status::Ok && item.verdict.now != Some(Now::Absent);
            (last.run == run.run && is_bad).then(|| {
                let why = last.why.as_deref().unwrap_or_default();
                format!("{}: {} {why}", item.name, last.status)
            })
        });
        let own = fleet.with_own_schedule().filter_map(|(host, _)| {
            let verdict = &report
                .hosts
                .iter()
                .find(|item| item.name == host.as_str())?
                .verdict;
            // What was never tried is new, and its turn is to come.
            let last = verdict.last_attempt.as_ref()?;
            (verdict.state != State::Ok && last.run != run.run).then(|| {
                let why = verdict.why.as_deref().unwrap_or_default();
                format!("{host}: {} {why}", verdict.state)
            })
        });
        let lines = of_this_run.chain(own).take(MOST_LINES);
        let mut bad: Vec<String> = lines
            .map(|line| shortened(&harmless(&line), LONGEST_LINE))
            .collect();
        if run.progress == Progress::Interrupted {
            bad.push("the run was interrupted".to_owned());
        }
        let event = if bad.is_empty() {
            Event::Success(report.summary())
        } else {
            Event::Failure(bad.join("\n"))
        };
        let took = run.last_event.duration_since(run.run.start());
        Some(Ping {
            event,
            milliseconds: u64::try_from(took.as_millis()).ok(),
        })
    }
}
