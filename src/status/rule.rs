//! The rule 3-2-1-1-0: three copies, two media, one elsewhere, one that nobody can destroy, no error. Each
//! point is judged from what was done and found, with its age, and not from the fleet file.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::report::{Item, Report};
use super::span::span;
use super::state::State;
use super::trace::Tampered;
use crate::model::{Fleet, Offsite};
use crate::runs::record::Phase;

/// How old an attempt to destroy something in a copy may be; it is made each week.
pub(super) const TAMPERED_WITHIN: SignedDuration = SignedDuration::from_hours(15 * 24);

/// One point of the rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Point {
    /// What is wanted: `3 copies`.
    pub wanted: &'static str,
    /// Whether it is so.
    pub is_met: bool,
    /// From what that follows.
    pub evidence: String,
}

/// A copy that counts: the last attempt was a whole copy, and is not too old.
struct Proven<'r> {
    item: &'r Item,
    offsite: &'r Offsite,
    /// Whether it is on the same file system as the repository; `None` if that is unknown.
    shares_file_system: Option<bool>,
}

impl<'r> Proven<'r> {
    fn of(item: &'r Item, fleet: &'r Fleet) -> Option<Self> {
        let (_, offsite) = fleet
            .offsite
            .iter()
            .find(|(name, _)| name.as_str() == item.name)?;
        let last = item.verdict.last_attempt.as_ref()?;
        let counts = last.status.is_complete() && item.verdict.state < State::Never;
        counts.then(|| Self {
            item,
            offsite,
            shares_file_system: match offsite.kind.directory() {
                Some(_) => last.copied.as_ref().and_then(|copied| copied.same_file_system),
                None => Some(false),
            },
        })
    }

    fn with_age(&self) -> String {
        let age = self.item.verdict.age.map(span).unwrap_or_default();
        format!("{} ({age} ago)", self.item.name)
    }
}

/// The points, in their order; none for a fleet without copies in other places.
#[must_use]
pub fn rule(report: &Report, fleet: &Fleet) -> Vec<Point> {
    if report.copies.is_empty() {
        return Vec::new();
    }
    let proven: Vec<Proven<'_>> = report
        .copies
        .iter()
        .filter_map(|item| Proven::of(item, fleet))
        .collect();
    let is_kept = report.hosts.iter().all(|host| host.verdict.state < State::Never);
    vec![
        copies(fleet, is_kept, &proven),
        media(is_kept, &proven),
        elsewhere(&proven),
        immutable(&proven, report.time),
        errors(report),
    ]
}

fn copies(fleet: &Fleet, is_kept: bool, proven: &[Proven<'_>]) -> Point {
    let mut all = vec!["the files on the hosts".to_owned()];
    if is_kept {
        all.push(format!("the repository on {}", fleet.storage.name));
    }
    all.extend(proven.iter().map(Proven::with_age));
    Point {
        wanted: "3 copies",
        is_met: all.len() >= 3,
        evidence: all.join(", "),
    }
}

fn media(is_kept: bool, proven: &[Proven<'_>]) -> Point {
    let apart = proven
        .iter()
        .filter(|copy| copy.shares_file_system == Some(false));
    let places: BTreeSet<&str> = apart.map(|copy| copy.offsite.place.as_str()).collect();
    let all = usize::from(is_kept) + places.len();
    Point {
        wanted: "2 media",
        is_met: all >= 2,
        evidence: match places.len() {
            0 => "no copy is on another file system than the repository".to_owned(),
            _ => format!(
                "the file system of the repository; {}",
                places.into_iter().collect::<Vec<_>>().join(", ")
            ),
        },
    }
}

fn elsewhere(proven: &[Proven<'_>]) -> Point {
    let away = proven
        .iter()
        .filter(|copy| copy.offsite.kind.directory().is_none());
    let away: Vec<String> = away.map(Proven::with_age).collect();
    Point {
        wanted: "1 elsewhere",
        is_met: !away.is_empty(),
        evidence: if away.is_empty() {
            "no complete copy is outside of the storage host".to_owned()
        } else {
            away.join(", ")
        },
    }
}

fn immutable(proven: &[Proven<'_>], now: Timestamp) -> Point {
    let tried = proven.iter().filter_map(|copy| {
        let Tampered { time, result } = copy.item.tampered.as_ref()?;
        let age = now.duration_since(*time);
        let is_recent = age <= TAMPERED_WITHIN;
        let texts = format!("{}: {result} {} ago", copy.item.name, span(age));
        Some((is_recent && result == "refused", texts))
    });
    let (are_met, texts): (Vec<bool>, Vec<String>) = tried.unzip();
    Point {
        wanted: "1 immutable",
        is_met: are_met.contains(&true),
        evidence: if texts.is_empty() {
            "no attempt to destroy something in a copy is recorded".to_owned()
        } else {
            texts.join(", ")
        },
    }
}

fn errors(report: &Report) -> Point {
    let bad = report.items().filter(|item| item.verdict.state != State::Ok);
    let bad: Vec<String> = bad.map(Item::shown).collect();
    let check = report
        .phases
        .iter()
        .find(|phase| phase.name == Phase::Check.name());
    let checked = match check.map(|check| check.verdict.age) {
        None => "no check of the repository is expected".to_owned(),
        Some(None) => "the repository was never checked".to_owned(),
        Some(Some(age)) => format!("the last check of the repository was {} ago", span(age)),
    };
    Point {
        wanted: "0 errors",
        is_met: bad.is_empty() && check.is_some(),
        evidence: if bad.is_empty() {
            checked
        } else {
            format!("not healthy: {}; {checked}", bad.join(", "))
        },
    }
}
