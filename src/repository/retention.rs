//! What restic's forget keeps: of some snapshots, and after years of runs.
//!
//! The rules are restic's own, of `ApplyPolicy` in its `snapshot_policy.go`, for the periods that a
//! [`KeepPolicy`] knows. `tests/records/keep.rs` holds them against the real restic.

mod years;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use crate::model::{Age, Keep, KeepPolicy, Limit, Period, ResticVersion};

pub(crate) use years::{Horizon, Kept, after_years};

/// A snapshot, as far as forget looks at it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Snapshot {
    /// When it was made: the newest comes first.
    pub time: Timestamp,
    /// What the clock of the host that made it showed.
    on_the_clock: DateTime,
    /// The same on the clock of the host that made it: a day, a week, a month are those of that clock.
    marks: Marks,
}

impl Snapshot {
    /// A snapshot of that moment, and what the clock of its host showed.
    #[must_use]
    pub fn new(time: Timestamp, on_the_clock: DateTime) -> Self {
        Self {
            time,
            on_the_clock,
            marks: Marks::of(on_the_clock),
        }
    }

    /// The time so much before this one, on the same clock: a snapshot of that time is too old for a rule with that age.
    fn less(&self, age: Age) -> Timestamp {
        let as_utc = |time: DateTime| time.to_zoned(TimeZone::UTC).map(|time| time.timestamp());
        let elapsed = as_utc(self.on_the_clock).and_then(|newest| {
            let before = as_utc(age.before(self.on_the_clock))?;
            Ok(newest.duration_since(before))
        });
        let time = elapsed.and_then(|elapsed| self.time.checked_sub(elapsed));
        time.unwrap_or(Timestamp::MIN)
    }
}

/// The hour, day, week, month and year of a snapshot, as numbers of which two are equal only for the same one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Marks {
    hour: i64,
    day: i64,
    week: i64,
    month: i64,
    year: i64,
}

impl Marks {
    fn of(time: DateTime) -> Self {
        let date = time.date();
        let [year, month, day] = [date.year(), date.month().into(), date.day().into()].map(i64::from);
        let week = date.iso_week_date();
        let day = (year * 100 + month) * 100 + day;
        Self {
            hour: day * 100 + i64::from(time.hour()),
            day,
            week: i64::from(week.year()) * 100 + i64::from(week.week()),
            month: year * 100 + month,
            year,
        }
    }

    /// What two snapshots share when a rule takes them for one; with `last`, no two do.
    fn of_period(&self, period: Period, place: usize) -> i64 {
        match period {
            Period::Last => i64::try_from(place).unwrap_or(i64::MAX),
            Period::Hourly => self.hour,
            Period::Daily => self.day,
            Period::Weekly => self.week,
            Period::Monthly => self.month,
            Period::Yearly => self.year,
        }
    }
}

/// What forget does with the oldest snapshot while a rule has some left to keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Oldest {
    /// Every such rule keeps it.
    Stays,
    /// It is one like any other.
    IsNoException,
}

impl Oldest {
    /// What a version of restic does.
    #[must_use]
    pub fn of(restic: ResticVersion) -> Self {
        if restic.keeps_the_oldest() {
            Self::Stays
        } else {
            Self::IsNoException
        }
    }
}

/// The rules that keep each of the snapshots, which come the newest first; none where it is forgotten.
#[must_use]
pub fn forget(snapshots: &[Snapshot], policy: &KeepPolicy, oldest: Oldest) -> Vec<Vec<Keep>> {
    let mut keepers = vec![Vec::new(); snapshots.len()];
    each_kept(snapshots, policy, oldest, |place, rule| {
        if let Some(keepers) = keepers.get_mut(place) {
            keepers.push(rule);
        }
    });
    keepers
}

/// Calls `keep` with each snapshot's place and each rule that keeps it, one rule after the other.
fn each_kept(snapshots: &[Snapshot], policy: &KeepPolicy, oldest: Oldest, mut keep: impl FnMut(usize, Keep)) {
    let Some(newest) = snapshots.first() else { return };
    for rule in policy.rules() {
        let (mut left, too_old) = match rule.limit {
            Limit::Count(count) => (Some(count), Timestamp::MIN),
            Limit::Unlimited => (None, Timestamp::MIN),
            Limit::Within(age) => (None, newest.less(age)),
        };
        let mut last = None;
        for (place, snapshot) in snapshots.iter().enumerate() {
            if left == Some(0) || snapshot.time <= too_old {
                break;
            }
            let mark = snapshot.marks.of_period(rule.period, place);
            let is_the_oldest = oldest == Oldest::Stays && place + 1 == snapshots.len();
            if last != Some(mark) || is_the_oldest {
                last = Some(mark);
                left = left.map(|left| left - 1);
                keep(place, *rule);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(times: &[&str], policy: &str, oldest: Oldest) -> Vec<String> {
        let snapshots: Vec<_> = times
            .iter()
            .map(|time| {
                let time: DateTime = time.parse().unwrap();
                Snapshot::new(time.in_tz("UTC").unwrap().timestamp(), time)
            })
            .collect();
        let policy = KeepPolicy::try_from(policy.to_owned()).unwrap();
        let keepers = forget(&snapshots, &policy, oldest);
        let words = |rules: &Vec<Keep>| rules.iter().map(Keep::word).collect::<Vec<_>>().join(" ");
        keepers.iter().map(words).collect()
    }

    #[test]
    fn the_newest_of_a_day_stays() {
        let times = [
            "2026-11-24T20:00",
            "2026-11-24T04:00",
            "2026-11-23T04:00",
            "2026-11-20T04:00",
        ];
        assert_eq!(
            kept(&times, "2 daily", Oldest::IsNoException),
            ["daily", "", "daily", ""]
        );
    }

    #[test]
    fn a_week_is_the_iso_week_and_may_be_of_another_year() {
        // 2026-12-31 is a Thursday of week 53, as are the days until Sunday, 3 January.
        let times = [
            "2027-01-04T04:00",
            "2027-01-03T04:00",
            "2026-12-31T04:00",
            "2026-12-27T04:00",
        ];
        assert_eq!(
            kept(&times, "9 weekly, 2 yearly", Oldest::IsNoException),
            ["weekly yearly", "weekly", "yearly", "weekly"]
        );
    }

    #[test]
    fn a_rule_with_some_left_keeps_the_oldest_since_restic_0_16() {
        let times = ["2026-11-24T04:00", "2026-11-23T04:00", "2026-11-22T04:00"];
        assert_eq!(
            kept(&times, "1 last, 2 monthly", Oldest::Stays),
            ["last monthly", "", "monthly"]
        );
        assert_eq!(
            kept(&times, "1 last, 2 monthly", Oldest::IsNoException),
            ["last monthly", "", ""]
        );
        assert_eq!(
            kept(&times, "1 monthly", Oldest::Stays),
            ["monthly", "", ""],
            "none left"
        );
    }

    #[test]
    fn a_snapshot_of_the_hour_before_is_another_hour_s() {
        let times = ["2026-11-24T04:59", "2026-11-24T04:00", "2026-11-24T03:59"];
        assert_eq!(
            kept(&times, "3 hourly", Oldest::IsNoException),
            ["hourly", "", "hourly"]
        );
    }

    #[test]
    fn an_age_is_counted_back_from_the_newest_snapshot() {
        let times = [
            "2026-11-24T04:00",
            "2026-11-23T20:00",
            "2026-11-23T04:00",
            "2026-11-22T04:01",
            "2026-11-22T04:00",
        ];
        assert_eq!(
            kept(&times, "within 2d", Oldest::Stays),
            ["within", "within", "within", "within", ""],
            "what is exactly as old as the age is forgotten"
        );
        assert_eq!(
            kept(&times, "within-daily 1d1h", Oldest::Stays),
            ["within-daily", "within-daily", "", "", ""]
        );
        assert_eq!(
            kept(times.get(..3).unwrap(), "within-daily 2d", Oldest::Stays),
            ["within-daily", "within-daily", "within-daily"],
            "the oldest, where it is not too old"
        );
    }

    #[test]
    fn without_a_limit_the_newest_of_each_period_stays() {
        let times = [
            "2026-11-24T04:00",
            "2025-03-01T04:00",
            "2025-02-01T04:00",
            "1999-01-01T04:00",
        ];
        assert_eq!(
            kept(&times, "unlimited yearly", Oldest::IsNoException),
            ["yearly", "yearly", "", "yearly"]
        );
    }
}
