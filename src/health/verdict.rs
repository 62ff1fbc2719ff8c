//! From what is known of a host, or of a phase, to how well it is.

use jiff::{SignedDuration, Timestamp};
use serde::{Serialize, Serializer};

use super::advice::Advice;
use super::attempt::Attempt;
use super::span::span;
use super::state::State;
use super::thresholds::Thresholds;
use super::trace::{Trace, Turn};
use crate::record::Status;

/// How well a host, or a phase, is, and why.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Verdict {
    /// How well it is.
    pub state: State,
    /// How old the last good result is.
    #[serde(rename = "age-seconds", serialize_with = "seconds")]
    pub age: Option<SignedDuration>,
    /// How old that may be.
    #[serde(flatten)]
    pub thresholds: Thresholds,
    /// Since when it is not as it should be.
    pub since: Option<Since>,
    /// Why it is not. A host may have said it: any character may be in it.
    pub why: Option<String>,
    /// What to do about it.
    pub hint: Option<String>,
    /// What it does now, in the run that is at work.
    pub now: Option<Now>,
    /// The last attempt that left something to restore.
    pub last_good: Option<Attempt>,
    /// The last attempt.
    pub last_attempt: Option<Attempt>,
}

/// Since when something is not as it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Since {
    /// The time.
    pub time: Timestamp,
    /// True when it may be longer: no older record was read.
    pub or_longer: bool,
}

/// What a host, or a phase, does now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Now {
    /// It is its turn.
    AtWork,
    /// Its turn is to come.
    Waiting,
    /// It is out of reach, as it may be for a while.
    Absent,
}

/// What there is to know about one host, or about one phase, to judge it.
#[derive(Debug)]
pub(super) struct Case<'s> {
    pub(super) trace: &'s Trace,
    pub(super) thresholds: Thresholds,
    /// How long it may be out of reach.
    pub(super) absence: Option<SignedDuration>,
    pub(super) advice: Advice<'s>,
    /// True when there are older records that were not read.
    pub(super) is_cut_short: bool,
    pub(super) now: Timestamp,
}

impl Case<'_> {
    pub(super) fn verdict(&self) -> Verdict {
        let Self { trace, now, .. } = self;
        let Some((last, good)) = trace.newest.as_ref().zip(trace.last_good.as_ref()) else {
            return self.never();
        };
        let age = age(good, *now);
        let is_absent = last.status == Status::Unreachable
            && self.absence.is_some_and(|absence| age <= absence)
            && trace
                .newest_reached
                .as_ref()
                .is_some_and(|reached| reached.status.is_good());
        // Where it is absent, what was when it was there counts.
        let telling = if is_absent { good } else { last };
        let by_age = if is_absent { State::Ok } else { self.by_age(age) };
        let by_status = match telling.status {
            Status::Ok => State::Ok,
            _ => State::Warning,
        };
        let state = by_age.max(by_status);
        let verdict = Verdict {
            state,
            age: Some(age),
            thresholds: self.thresholds,
            since: None,
            why: None,
            hint: None,
            now: if is_absent { Some(Now::Absent) } else { self.turn() },
            last_good: Some(good.clone()),
            last_attempt: Some(last.clone()),
        };
        if state == State::Ok {
            return verdict;
        }
        let overdue = age.saturating_sub(self.thresholds.warn_after);
        let too_old = (by_age != State::Ok).then(|| now.saturating_sub(overdue).unwrap_or(*now));
        let bad_since = trace.bad_since.filter(|_| by_status != State::Ok);
        let since = [bad_since, too_old].into_iter().flatten().min();
        Verdict {
            since: since.map(|time| Since {
                time,
                or_longer: bad_since == Some(time) && !trace.knows_since && self.is_cut_short,
            }),
            why: Some(self.why(telling, by_age, age)),
            hint: self.advice.of(telling, by_age != State::Ok),
            ..verdict
        }
    }

    fn never(&self) -> Verdict {
        let last = self.trace.newest.as_ref();
        Verdict {
            state: State::Never,
            age: None,
            thresholds: self.thresholds,
            since: self.trace.bad_since.map(|time| Since {
                time,
                or_longer: self.is_cut_short,
            }),
            why: Some(last.map_or_else(|| self.advice.nothing_known(), said)),
            hint: match last {
                Some(last) => self.advice.after(last),
                None => Some(self.advice.of_the_unknown()),
            },
            now: self.turn(),
            last_good: None,
            last_attempt: last.cloned(),
        }
    }

    /// A warning, but not an alert, is put off while the run that makes up for it is at work.
    fn by_age(&self, age: SignedDuration) -> State {
        let Thresholds {
            warn_after,
            alert_after,
        } = self.thresholds;
        if age > alert_after {
            State::Alert
        } else if age > warn_after && self.trace.turn.is_none() {
            State::Warning
        } else {
            State::Ok
        }
    }

    fn turn(&self) -> Option<Now> {
        self.trace.turn.map(|turn| match turn {
            Turn::Come => Now::AtWork,
            Turn::ToCome => Now::Waiting,
        })
    }

    fn why(&self, telling: &Attempt, by_age: State, age: SignedDuration) -> String {
        let is_old = format!("{} is {} old", self.advice.good_result(), span(age));
        match (&telling.status, by_age) {
            (Status::Ok, _) => format!("{is_old}, and {}", self.advice.since_then()),
            (_, State::Ok) => said(telling),
            _ => format!("{}; {is_old}", said(telling)),
        }
    }
}

/// How old an attempt is. A time that is yet to come is not believed: then it is as old as its run.
pub(super) fn age(attempt: &Attempt, now: Timestamp) -> SignedDuration {
    let time = if attempt.time > now {
        attempt.run.start()
    } else {
        attempt.time
    };
    now.duration_since(time).max(SignedDuration::ZERO)
}

/// How an attempt ended, in the words of the record.
fn said(attempt: &Attempt) -> String {
    let status = match &attempt.status {
        Status::Unknown(word) if word.is_empty() => "ended in no way that the record tells".to_owned(),
        Status::Unknown(word) => format!("ended as `{word}`, which this version does not know"),
        Status::Interrupted if attempt.why.is_none() => "interrupted: the record breaks off".to_owned(),
        status => status.to_string(),
    };
    match &attempt.why {
        Some(why) if !why.is_empty() => format!("{status}: {why}"),
        _ => status,
    }
}

#[expect(clippy::ref_option, reason = "serde hands it over so")]
fn seconds<S: Serializer>(age: &Option<SignedDuration>, serializer: S) -> Result<S::Ok, S::Error> {
    age.as_ref().map(SignedDuration::as_secs).serialize(serializer)
}
