//! A message: what changed, before it is put into the form that a service wants.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::finding::Finding;
use crate::status::{State, span};
use crate::text::{harmless, shortened};

/// The characters of a text that a host sent. The rest is in the record.
const LONGEST_WHY: usize = 600;
/// How many subjects a title names.
const NAMED: usize = 3;

/// What changed since the last time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Message {
    /// The storage host, which sends it.
    pub from: String,
    /// When it was found out.
    pub time: Timestamp,
    /// The worst first, then what is healthy again; at least one.
    pub changes: Vec<Change>,
}

/// One subject that changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Change {
    /// Its name.
    pub subject: String,
    /// What happened to it.
    #[serde(flatten)]
    pub transition: Transition,
}

/// What happened to a subject. Texts have lost what is not harmless, and are short.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "event")]
pub enum Transition {
    /// It is worse than it was last reported.
    Worse {
        /// Its state.
        state: State,
        /// Since when it is not healthy.
        since: Option<Timestamp>,
        /// Why.
        why: Option<String>,
        /// What to do.
        hint: Option<String>,
    },
    /// It is healthy again.
    Resolved {
        /// The worst state that was reported.
        was: State,
        /// Since when it was not healthy.
        since: Timestamp,
    },
}

impl Change {
    pub(super) fn worse(finding: &Finding) -> Self {
        let short = |text: &Option<String>| {
            text.as_deref()
                .map(|text| shortened(&harmless(text), LONGEST_WHY))
        };
        Self {
            subject: finding.subject.clone(),
            transition: Transition::Worse {
                state: finding.state,
                since: finding.since,
                why: short(&finding.why),
                hint: short(&finding.hint),
            },
        }
    }

    /// How bad it is, for the order; what is healthy again comes last.
    fn rank(&self) -> State {
        match self.transition {
            Transition::Worse { state, .. } => state,
            Transition::Resolved { .. } => State::Ok,
        }
    }

    /// The word that stands before it.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self.transition {
            Transition::Worse { state, .. } => state.name(),
            Transition::Resolved { .. } => "resolved",
        }
    }

    /// Its text, line by line, with times as in a zone.
    #[must_use]
    pub fn lines(&self, now: Timestamp, zone: &TimeZone) -> Vec<String> {
        match &self.transition {
            Transition::Worse {
                state: _,
                since,
                why,
                hint,
            } => {
                let since = since.map(|since| format!("since {}", minute(since, zone)));
                let hint = hint.as_ref().map(|hint| format!("hint: {hint}"));
                [why.clone(), since, hint].into_iter().flatten().collect()
            }
            Transition::Resolved { was, since } => {
                let lasted = span(now.duration_since(*since).max(SignedDuration::ZERO));
                vec![format!(
                    "healthy again; it was {was} from {}, for {lasted}",
                    minute(*since, zone)
                )]
            }
        }
    }
}

impl Message {
    /// A message of these changes; `None` when there are none.
    #[must_use]
    pub fn of(from: &str, time: Timestamp, mut changes: Vec<Change>) -> Option<Self> {
        changes.sort_by_key(|change| std::cmp::Reverse(change.rank()));
        (!changes.is_empty()).then(|| Self {
            from: from.to_owned(),
            time,
            changes,
        })
    }

    /// What no other message has, of this storage host or another: the same each time that it is delivered.
    #[must_use]
    pub fn id(&self) -> String {
        format!("genbackup-{}-{}", self.from, self.time.as_nanosecond())
    }

    /// How bad it is: `Ok` when all of it is healthy again.
    #[must_use]
    pub fn state(&self) -> State {
        self.changes.iter().map(Change::rank).max().unwrap_or(State::Ok)
    }

    /// The title with the storage host that sends it, for there may be several: `[jak] ALERT: kai`.
    #[must_use]
    pub(crate) fn headline(&self) -> String {
        format!("[{}] {}", self.from, self.title())
    }

    /// All of it in one line of plain characters: `ALERT: kai; resolved: ziz`.
    #[must_use]
    pub fn title(&self) -> String {
        let mut groups: Vec<(&str, Vec<&str>)> = Vec::new();
        for change in &self.changes {
            match groups.iter_mut().find(|(word, _)| *word == change.word()) {
                Some((_, names)) => names.push(&change.subject),
                None => groups.push((change.word(), vec![&change.subject])),
            }
        }
        let parts = groups.into_iter().map(|(word, names)| {
            let more = names.len().saturating_sub(NAMED);
            let names: Vec<&str> = names.into_iter().take(NAMED).collect();
            match more {
                0 => format!("{word}: {}", names.join(", ")),
                more => format!("{word}: {} and {more} more", names.join(", ")),
            }
        });
        parts.collect::<Vec<_>>().join("; ")
    }
}

/// A time to the minute; with its offset, for who reads it may be elsewhere.
fn minute(time: Timestamp, zone: &TimeZone) -> String {
    let time = time.to_zoned(zone.clone());
    time.strftime("%Y-%m-%d %H:%M %:z").to_string()
}
