//! Years of runs, each of which leaves a snapshot and is followed by forget.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Span};

use super::{Oldest, Snapshot, each_kept};
use crate::model::KeepPolicy;

/// What is kept at the end of some time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Kept {
    /// How old each snapshot is at the last run; the newest first, whose age is nothing.
    pub ages: Vec<SignedDuration>,
}

impl Kept {
    /// The age of the oldest; none where there is no snapshot.
    #[must_use]
    pub(crate) fn oldest(&self) -> Option<SignedDuration> {
        self.ages.last().copied()
    }

    /// The longest time between two snapshots of which the older one is not older than `age`; none where there are no
    /// two.
    #[must_use]
    pub(crate) fn longest_gap(&self, age: SignedDuration) -> Option<SignedDuration> {
        let gap = |pair: &[SignedDuration]| match pair {
            [newer, older] if *older <= age => Some(*older - *newer),
            _ => None,
        };
        self.ages.windows(2).filter_map(gap).max()
    }
}

/// What is known of the runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Horizon {
    /// There are more, behind the last that is known.
    TheLastKnown,
    /// There is none behind the last.
    Endless,
}

/// What is kept at the end of each span from `start`, if a good run is at each of these times, in order. A
/// span that ends behind the horizon is skipped: nothing is known of it.
#[must_use]
pub(crate) fn after_years(
    start: DateTime,
    spans: &[Span],
    (runs, horizon): (&[DateTime], Horizon),
    policy: &KeepPolicy,
    oldest: Oldest,
) -> Vec<Option<Kept>> {
    let mut snapshots: Vec<Snapshot> = Vec::new();
    let mut runs = runs.iter().copied().peekable();
    let mut kept = Vec::new();
    for span in spans {
        let end = start.checked_add(*span).unwrap_or(DateTime::MAX);
        while let Some(run) = runs.next_if(|run| *run <= end) {
            let Ok(time) = run.to_zoned(TimeZone::UTC) else {
                continue;
            };
            snapshots.insert(0, Snapshot::new(time.timestamp(), run));
            let mut stays = vec![false; snapshots.len()];
            each_kept(&snapshots, policy, oldest, |place, _| {
                if let Some(stays) = stays.get_mut(place) {
                    *stays = true;
                }
            });
            let mut stays = stays.into_iter();
            snapshots.retain(|_| stays.next().unwrap_or(true));
        }
        let is_known = horizon == Horizon::Endless || runs.peek().is_some();
        kept.push(is_known.then(|| state(&snapshots)));
    }
    kept
}

fn state(snapshots: &[Snapshot]) -> Kept {
    let newest = snapshots.first().map(|snapshot| snapshot.time);
    let age = |snapshot: &Snapshot| Some(newest?.duration_since(snapshot.time));
    Kept {
        ages: snapshots.iter().filter_map(age).collect(),
    }
}

#[cfg(test)]
mod tests {
    use jiff::ToSpan;

    use super::*;

    fn nights(start: DateTime) -> Vec<DateTime> {
        start.series(1.day()).take(4000).collect()
    }

    #[test]
    fn gaps_over_ten_years_are_a_day_a_week_a_month_a_year() {
        let start: DateTime = "2026-11-24T12:00".parse().unwrap();
        let policy = KeepPolicy::try_from("30 daily, 5 weekly, 12 monthly, 10 yearly".to_owned()).unwrap();
        let spans = [1.week(), 1.month(), 1.year(), 10.years()];
        let runs = nights("2026-11-25T04:00".parse().unwrap());
        let kept = after_years(
            start,
            &spans,
            (&runs, Horizon::TheLastKnown),
            &policy,
            Oldest::Stays,
        );
        let kept: Vec<Kept> = kept.into_iter().map(Option::unwrap).collect();
        let figures: Vec<_> = kept
            .iter()
            .map(|kept| (kept.ages.len(), kept.oldest().unwrap().as_hours() / 24))
            .collect();
        assert_eq!(figures, [(7, 6), (30, 29), (41, 364), (48, 3251)]);
        let gap = |days: i64| {
            let gap = kept[3]
                .longest_gap(SignedDuration::from_hours(24 * days))
                .unwrap();
            gap.as_hours() / 24
        };
        assert_eq!((gap(7), gap(29), gap(364), gap(3650)), (1, 1, 31, 366));
    }

    #[test]
    fn a_time_behind_the_last_known_run_is_unknown() {
        let start: DateTime = "2026-11-24T12:00".parse().unwrap();
        let policy = KeepPolicy::try_from("1 last".to_owned()).unwrap();
        let runs: Vec<_> = nights(start).into_iter().take(8).collect();
        let spans = [3.days(), 1.year()];
        let one = Some(Kept {
            ages: vec![SignedDuration::ZERO],
        });
        for (horizon, later) in [(Horizon::TheLastKnown, None), (Horizon::Endless, one.clone())] {
            let kept = after_years(start, &spans, (&runs, horizon), &policy, Oldest::Stays);
            assert_eq!(kept, [one.clone(), later], "{horizon:?}");
        }
    }
}
