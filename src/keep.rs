//! What restic's forget keeps: of some snapshots, and after years of runs.
//!
//! The rules are restic's own, of `ApplyPolicy` in its `snapshot_policy.go`, for the periods that a
//! [`KeepPolicy`] knows. `tests/keep.rs` holds them against the real restic.

mod years;

use jiff::Timestamp;
use jiff::civil::DateTime;

use crate::model::{Keep, KeepPolicy, ResticVersion};

pub use years::{Horizon, Kept, after_years};

/// A snapshot, as far as forget looks at it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Snapshot {
    /// When it was made: the newest comes first.
    pub time: Timestamp,
    /// The same on the clock of the host that made it: a day, a week, a month are those of that clock.
    marks: Marks,
}

impl Snapshot {
    /// A snapshot of that moment, and what the clock of its host showed.
    #[must_use]
    pub fn new(time: Timestamp, on_the_clock: DateTime) -> Self {
        Self {
            time,
            marks: Marks::of(on_the_clock),
        }
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
    fn of_period(&self, period: &str, place: usize) -> i64 {
        match period {
            "hourly" => self.hour,
            "daily" => self.day,
            "weekly" => self.week,
            "monthly" => self.month,
            "yearly" => self.year,
            _ => i64::try_from(place).unwrap_or(i64::MAX),
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

/// The periods of the rules that keep each of the snapshots, which come the newest first; none where it is forgotten.
#[must_use]
pub fn forget(snapshots: &[Snapshot], policy: &KeepPolicy, oldest: Oldest) -> Vec<Vec<&'static str>> {
    let mut keepers = vec![Vec::new(); snapshots.len()];
    for Keep { period, count } in policy.rules() {
        let mut left = *count;
        let mut last = None;
        for (place, (snapshot, keepers)) in snapshots.iter().zip(&mut keepers).enumerate() {
            if left == 0 {
                break;
            }
            let mark = snapshot.marks.of_period(period, place);
            let is_the_oldest = oldest == Oldest::Stays && place + 1 == snapshots.len();
            if last != Some(mark) || is_the_oldest {
                last = Some(mark);
                left -= 1;
                keepers.push(*period);
            }
        }
    }
    keepers
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
        keepers.iter().map(|keepers| keepers.join(" ")).collect()
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
}
