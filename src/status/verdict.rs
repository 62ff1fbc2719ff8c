//! From what is known of a host, or of a phase, to its state.

use jiff::{SignedDuration, Timestamp};
use serde::{Serialize, Serializer};

use super::advice::Advice;
use super::attempt::Attempt;
use super::span::span;
use super::state::State;
use super::thresholds::Thresholds;
use super::trace::{Trace, Turn};
use crate::runs::record::Status;

/// The state of a host, or of a phase, and why.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Verdict {
    /// Its state.
    pub state: State,
    /// How old the last complete result is.
    #[serde(rename = "age-seconds", serialize_with = "seconds")]
    pub age: Option<SignedDuration>,
    /// How old that may be.
    #[serde(flatten)]
    pub thresholds: Thresholds,
    /// Since when it is not as it should be.
    pub since: Option<Since>,
    /// Why it is not `ok`. A host may have sent it: any character may be in it.
    pub why: Option<String>,
    /// What to do about it.
    pub hint: Option<String>,
    /// What it does now, in the run that is in progress.
    pub now: Option<Now>,
    /// The last complete result: `ok`.
    pub last_good: Option<Attempt>,
    /// The last snapshot of a host, complete or partial.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_snapshot: Option<Attempt>,
    /// The last attempt.
    pub last_attempt: Option<Attempt>,
}

/// Since when something is not as it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Since {
    /// The time.
    pub time: Timestamp,
}

/// What a host, or a phase, does now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Now {
    /// It is its turn.
    #[serde(rename = "at-work")]
    Running,
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
    pub(super) now: Timestamp,
}

impl Case<'_> {
    pub(super) fn verdict(&self) -> Verdict {
        let Self { trace, now, .. } = self;
        // Where no snapshot is complete, the first partial one counts: for so long there has been none.
        let reference = trace.last_good.as_ref().or(trace.first_partial.as_ref());
        let Some((last, reference)) = trace.newest.as_ref().zip(reference) else {
            return self.never();
        };
        let age = age(reference, *now);
        let may_be_absent =
            last.status == Status::Unreachable && self.absence.is_some_and(|absence| age <= absence);
        let reached = trace.newest_reached.as_ref();
        let reached = reached.filter(|reached| may_be_absent && reached.status.is_good());
        // Where it is absent, how it was when it was there counts. Absence excuses no partial snapshot.
        let decisive = reached.unwrap_or(last);
        let by_age = match reached {
            Some(reached) if reached.status.is_complete() => State::Ok,
            _ => self.by_age(age),
        };
        let by_status = if decisive.status.is_complete() {
            State::Ok
        } else {
            State::Warning
        };
        let state = by_age.max(by_status);
        let verdict = Verdict {
            state,
            age: trace.last_good.as_ref().map(|_| age),
            thresholds: self.thresholds,
            since: None,
            why: None,
            hint: None,
            now: reached.map_or_else(|| self.turn(), |_| Some(Now::Absent)),
            last_good: trace.last_good.clone(),
            last_snapshot: self.last_snapshot(),
            last_attempt: Some(last.clone()),
        };
        if state == State::Ok {
            return verdict;
        }
        let overdue = age.saturating_sub(self.thresholds.warn_after);
        let too_old = (by_age != State::Ok).then(|| now.saturating_sub(overdue).unwrap_or(*now));
        let bad_since = trace.bad_since.filter(|_| by_status != State::Ok);
        let since = [bad_since, too_old].into_iter().flatten().min();
        let is_stale = self::age(decisive, *now) > self.thresholds.warn_after;
        Verdict {
            since: since.map(|time| Since { time }),
            why: Some(self.why(decisive, by_age, age)),
            hint: self.advice.of(decisive, is_stale),
            ..verdict
        }
    }

    fn never(&self) -> Verdict {
        let last = self.trace.newest.as_ref();
        Verdict {
            state: State::Never,
            age: None,
            thresholds: self.thresholds,
            since: self.trace.bad_since.map(|time| Since { time }),
            why: Some(last.map_or_else(|| self.advice.nothing_known(), describe)),
            hint: match last {
                Some(last) => self.advice.after(last),
                None => Some(self.advice.of_the_unknown()),
            },
            now: self.turn(),
            last_good: None,
            last_snapshot: None,
            last_attempt: last.cloned(),
        }
    }

    fn last_snapshot(&self) -> Option<Attempt> {
        let last = self.trace.last_snapshot.clone();
        last.filter(|_| self.advice.is_of_a_host())
    }

    /// A warning, but not an alert, is put off while the run that makes up for it is in progress.
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
            Turn::Come => Now::Running,
            Turn::ToCome => Now::Waiting,
        })
    }

    fn why(&self, decisive: &Attempt, by_age: State, age: SignedDuration) -> String {
        let Self {
            trace, advice, now, ..
        } = self;
        let old = span(age);
        let Some(first_partial) = &trace.first_partial else {
            let is_old = format!("{} is {old} old", advice.good_result());
            return match (&decisive.status, by_age) {
                (Status::Ok, _) => format!("{is_old}, and {}", advice.since_then()),
                (_, State::Ok) => describe(decisive),
                _ => format!("{}; {is_old}", describe(decisive)),
            };
        };
        let described = describe(decisive);
        let noun = advice.noun();
        let partial_for = span(self::age(first_partial, *now));
        match &trace.last_good {
            Some(_) if by_age == State::Ok => described,
            Some(_) => {
                format!("{described}; its last complete {noun} is {old} old; partial for {partial_for}")
            }
            None => format!("{described}; it has no complete {noun}; partial for {partial_for}"),
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
fn describe(attempt: &Attempt) -> String {
    let status = match &attempt.status {
        Status::Unknown(word) if word.is_empty() => "ended, but the record has no status".to_owned(),
        Status::Unknown(word) => format!("ended with the unknown status `{word}`"),
        Status::Interrupted if attempt.why.is_none() => "interrupted: the record is incomplete".to_owned(),
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
