//! How old the last good result may be.

use jiff::SignedDuration;
use serde::{Serialize, Serializer};

use crate::model::{Monitor, TimeSpan};

/// The longest gap of a schedule that gives none: a run a night.
const DAY: SignedDuration = SignedDuration::from_hours(24);
/// The reserve of a threshold that nobody chose: the run itself takes its time, and in autumn a day has 25
/// hours.
const SPARE: SignedDuration = SignedDuration::from_hours(1);

/// How old the last good result may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Thresholds {
    /// Older is a warning.
    #[serde(rename = "warn-after-seconds", serialize_with = "seconds")]
    pub warn_after: SignedDuration,
    /// Older is an alert.
    #[serde(rename = "alert-after-seconds", serialize_with = "seconds")]
    pub alert_after: SignedDuration,
}

impl Thresholds {
    /// Those that somebody chose.
    pub(super) fn chosen(monitor: &Monitor) -> Self {
        let Monitor {
            warn_after,
            alert_after,
        } = monitor;
        Self {
            warn_after: duration(*warn_after),
            alert_after: duration(*alert_after),
        }
    }

    /// Those that follow from a schedule. The warning comes after the longest gap between two runs, put off
    /// as far as can be, and an hour. The alert comes a sixth of that gap later, at least an hour. A run a
    /// night gives 25 and 29 hours.
    pub(super) fn following(longest_gap: Option<SignedDuration>, delay: Option<TimeSpan>) -> Self {
        let gap = longest_gap.unwrap_or(DAY);
        let delay = delay.map_or(SignedDuration::ZERO, duration);
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

fn seconds<S: Serializer>(age: &SignedDuration, serializer: S) -> Result<S::Ok, S::Error> {
    age.as_secs().serialize(serializer)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hours(gap: Option<i64>, delay: Option<u64>) -> (i64, i64) {
        let gap = gap.map(SignedDuration::from_hours);
        let Thresholds {
            warn_after,
            alert_after,
        } = Thresholds::following(gap, delay.map(TimeSpan::hours));
        (warn_after.as_hours(), alert_after.as_hours())
    }

    #[test]
    fn thresholds_that_nobody_chose_follow_the_schedule() {
        assert_eq!(hours(Some(24), None), (25, 29));
        assert_eq!(hours(Some(1), None), (2, 3), "every hour");
        assert_eq!(hours(Some(72), None), (73, 85), "not at the weekend");
        assert_eq!(hours(Some(24), Some(2)), (27, 31), "put off by up to two hours");
        assert_eq!(hours(None, None), (25, 29), "a schedule without a known gap");
    }

    #[test]
    fn thresholds_that_somebody_chose_are_taken_as_they_are() {
        let Thresholds {
            warn_after,
            alert_after,
        } = Thresholds::chosen(&Monitor {
            warn_after: TimeSpan::hours(24),
            alert_after: TimeSpan::hours(28),
        });
        assert_eq!((warn_after.as_hours(), alert_after.as_hours()), (24, 28));
    }
}
