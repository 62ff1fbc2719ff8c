//! How old the last good result may be.

use jiff::SignedDuration;

use crate::model::{Monitor, Schedule, TimeSpan};

/// The longest gap of a schedule that gives none: a run a night.
const DAY: SignedDuration = SignedDuration::from_hours(24);
/// What a threshold that nobody chose has to spare: the run itself takes its time, and in autumn a day has 25 hours.
const SPARE: SignedDuration = SignedDuration::from_hours(1);

/// How old the last good result may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Thresholds {
    /// Older is a warning.
    pub warn_after: SignedDuration,
    /// Older is an alert.
    pub alert_after: SignedDuration,
}

impl Thresholds {
    /// Those of `[monitor]`. Without it they follow the schedule: the longest gap between two runs, put off as far as
    /// can be, and an hour; then a sixth of that gap, an hour at least, until the alert. A run a night gives 25 and 29
    /// hours.
    #[must_use]
    pub fn of(monitor: Option<&Monitor>, schedule: &Schedule, longest_gap: Option<SignedDuration>) -> Self {
        if let Some(Monitor {
            warn_after,
            alert_after,
        }) = monitor
        {
            return Self {
                warn_after: duration(*warn_after),
                alert_after: duration(*alert_after),
            };
        }
        let gap = longest_gap.unwrap_or(DAY);
        let delay = schedule.randomized_delay.map_or(SignedDuration::ZERO, duration);
        let warn_after = gap.saturating_add(delay).saturating_add(SPARE);
        Self {
            warn_after,
            alert_after: warn_after.saturating_add((gap / 6).max(SPARE)),
        }
    }
}

/// A span of the fleet as jiff counts.
pub(super) fn duration(span: TimeSpan) -> SignedDuration {
    SignedDuration::from_secs(i64::try_from(span.seconds()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Calendar, CatchUp};

    fn hours(gap: Option<i64>, delay: Option<u64>) -> (i64, i64) {
        let schedule = Schedule {
            calendar: Calendar::try_from("daily".to_owned()).unwrap(),
            randomized_delay: delay.map(TimeSpan::hours),
            catch_up: CatchUp::Never,
            max_parallel: 1,
            time_limit: TimeSpan::hours(12),
        };
        let Thresholds {
            warn_after,
            alert_after,
        } = Thresholds::of(None, &schedule, gap.map(SignedDuration::from_hours));
        (warn_after.as_hours(), alert_after.as_hours())
    }

    #[test]
    fn thresholds_that_nobody_chose_follow_the_schedule() {
        assert_eq!(hours(Some(24), None), (25, 29));
        assert_eq!(hours(Some(1), None), (2, 3), "every hour");
        assert_eq!(hours(Some(72), None), (73, 85), "not at the weekend");
        assert_eq!(hours(Some(24), Some(2)), (27, 31), "put off by up to two hours");
        assert_eq!(hours(None, None), (25, 29), "a schedule that tells no gap");
    }

    #[test]
    fn the_fleet_s_own_thresholds_are_taken_as_they_are() {
        let schedule = Schedule {
            calendar: Calendar::try_from("daily".to_owned()).unwrap(),
            randomized_delay: Some(TimeSpan::hours(1)),
            catch_up: CatchUp::Never,
            max_parallel: 1,
            time_limit: TimeSpan::hours(12),
        };
        let monitor = Monitor {
            warn_after: TimeSpan::hours(24),
            alert_after: TimeSpan::hours(28),
        };
        let thresholds = Thresholds::of(Some(&monitor), &schedule, Some(SignedDuration::from_hours(1)));
        assert_eq!(thresholds.warn_after.as_hours(), 24);
        assert_eq!(thresholds.alert_after.as_hours(), 28);
    }
}
