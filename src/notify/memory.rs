//! What was reported before, and what is yet to be delivered.

mod failures;
mod pinged;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::failure::Failure;
use super::finding::Finding;
use super::message::{Change, Message, Transition};
use super::ping::Ping;
use crate::model::Watching;
use crate::status::State;

/// How many messages wait for an address that is down; then the oldest goes.
pub(crate) const LONGEST_QUEUE: usize = 20;

/// The version of its form. A key that only a newer version has is skipped, and one that an older version
/// lacks has its first value. So no recipient loses a message when another version of genbackup is installed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
struct Version(u32);

impl Default for Version {
    fn default() -> Self {
        Self(1)
    }
}

/// What is remembered from one time to the next.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Memory {
    version: Version,
    subjects: BTreeMap<String, Known>,
    /// Units that failed and left no record, by their names.
    failures: BTreeMap<String, Failure>,
    /// The last run whose end was pinged.
    pinged: Option<String>,
    /// What waits for an address, by the notification's name, the oldest first.
    waiting: BTreeMap<String, Vec<Message>>,
    /// The one ping that waits.
    pings: BTreeMap<String, Ping>,
}

/// What was reported of one subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Known {
    /// When it was first seen.
    first: Timestamp,
    /// Since it is not healthy: the worst state that was reported, and since when.
    #[serde(default, rename = "told")]
    reported: Option<Reported>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Reported {
    state: State,
    since: Timestamp,
}

impl Memory {
    /// Takes over what another version of genbackup wrote; true where that is a newer one.
    pub(crate) fn take_over(&mut self) -> bool {
        let Version(written) = std::mem::take(&mut self.version);
        written > Version::default().0
    }

    /// Notes the states of all subjects, and returns what to report. A subject that was set up just now, and
    /// never tried, has its grace.
    pub fn note(&mut self, from: &str, findings: &[Finding], now: Timestamp) -> Option<Message> {
        let mut changes = Vec::new();
        let mut subjects = BTreeMap::new();
        for finding in findings {
            let known = self.subjects.get(&finding.subject).copied();
            let mut known = known.unwrap_or(Known {
                first: now,
                reported: None,
            });
            // The distance: a subject first seen by a clock that was ahead would be silenced until that time.
            let since_first = now.duration_since(known.first).abs();
            known.first = known.first.min(now);
            let is_in_grace = finding.grace.is_some_and(|grace| since_first <= grace);
            let state = if is_in_grace && known.reported.is_none() {
                State::Ok
            } else {
                finding.state
            };
            match known.reported {
                None if state == State::Ok => {}
                Some(reported) if state == State::Ok => {
                    known.reported = None;
                    changes.push(Change {
                        subject: finding.subject.clone(),
                        transition: Transition::Resolved {
                            was: reported.state,
                            since: reported.since,
                        },
                    });
                }
                reported if reported.is_none_or(|reported| reported.state < state) => {
                    let since = reported
                        .map(|reported| reported.since)
                        .or(finding.since)
                        .unwrap_or(now);
                    known.reported = Some(Reported { state, since });
                    changes.push(Change::worse(finding));
                }
                _ => {}
            }
            subjects.insert(finding.subject.clone(), known);
        }
        // Subjects that have left the fleet are forgotten.
        self.subjects = subjects;
        Message::of(from, now, changes)
    }

    /// Queues a message for all recipients of changes. Those whose queue is full lose their oldest message,
    /// and are named.
    pub fn post(&mut self, watching: &Watching, message: &Message) -> Vec<String> {
        let mut full = Vec::new();
        for (name, notify) in &watching.notify {
            if notify.monitor().is_some() {
                continue;
            }
            let queue = self.waiting.entry(name.to_string()).or_default();
            queue.push(message.clone());
            if queue.len() > LONGEST_QUEUE {
                queue.remove(0);
                full.push(name.to_string());
            }
        }
        full
    }

    /// Queues a ping for all recipients of pings, in the place of one that still waits.
    pub(crate) fn post_ping(&mut self, watching: &Watching, ping: &Ping) {
        for (name, notify) in &watching.notify {
            if notify.monitor().is_some_and(|(monitor, _)| ping.is_for(monitor)) {
                self.pings.insert(name.to_string(), ping.clone());
            }
        }
    }

    /// What waits for an address.
    #[must_use]
    pub(crate) fn waiting_for(&self, name: &str) -> (&[Message], Option<&Ping>) {
        let messages = self.waiting.get(name).map_or(&[][..], Vec::as_slice);
        (messages, self.pings.get(name))
    }

    /// Notes that this number of messages, and the ping, have arrived.
    pub fn delivered(&mut self, name: &str, messages: usize, ping: bool) {
        if let Some(queue) = self.waiting.get_mut(name) {
            queue.drain(..messages.min(queue.len()));
        }
        if ping {
            self.pings.remove(name);
        }
    }

    /// Forgets what waits for those who are no longer recipients.
    pub(crate) fn keep_only(&mut self, watching: &Watching) {
        // A monitor gets no messages, and nobody else gets pings, also where the kind of a notification has changed.
        let is_monitor = |name: &String| {
            let mut known = watching.notify.iter();
            let notify = known.find(|(known, _)| known.as_str() == name);
            notify.map(|(_, notify)| notify.monitor().is_some())
        };
        self.waiting
            .retain(|name, queue| is_monitor(name) == Some(false) && !queue.is_empty());
        self.pings.retain(|name, _| is_monitor(name) == Some(true));
    }
}
