//! So many points as so few: neighbours become one.

use std::collections::BTreeSet;

use super::series::Point;
use crate::anomaly::Kind;
use crate::record::{RunId, Status};

/// Points beside each other, as one.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Group {
    pub(super) first: RunId,
    pub(super) last: RunId,
    pub(super) runs: usize,
    /// How many of them went as they should.
    pub(super) ok: usize,
    /// How many left something to restore.
    pub(super) good: usize,
    /// How the last of them ended.
    pub(super) status: Status,
    /// The greatest of those that went well, so that no peak is lost.
    pub(super) seconds: Option<f64>,
    /// Likewise.
    pub(super) added: Option<u64>,
    /// The last one that is known.
    pub(super) files: Option<u64>,
    /// Likewise.
    pub(super) size: Option<u64>,
    /// What stands out.
    pub(super) stands_out: BTreeSet<Kind>,
}

impl Group {
    /// At most so many groups of points that are told in order.
    pub(super) fn of_all(points: &[Point], most: usize) -> Vec<Self> {
        let runs_a_group = points.len().div_ceil(most.max(1)).max(1);
        points.chunks(runs_a_group).filter_map(Self::of).collect()
    }

    fn of(points: &[Point]) -> Option<Self> {
        let (first, last) = points.first().zip(points.last())?;
        let good = || points.iter().filter(|point| point.status.is_good());
        Some(Self {
            first: first.run,
            last: last.run,
            runs: points.len(),
            ok: points.iter().filter(|point| point.status == Status::Ok).count(),
            good: good().count(),
            status: last.status.clone(),
            seconds: good().filter_map(|point| point.seconds).max_by(f64::total_cmp),
            added: good().filter_map(|point| point.figures.added_bytes).max(),
            files: good().filter_map(|point| point.figures.files).next_back(),
            size: good()
                .filter_map(|point| point.figures.processed_bytes)
                .next_back(),
            stands_out: points
                .iter()
                .flat_map(|point| &point.anomalies)
                .map(|anomaly| anomaly.kind)
                .collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use jiff::{SignedDuration, Timestamp};

    use super::*;
    use crate::health::Figures;

    fn point(number: i32, status: Status) -> Point {
        let start: Timestamp = "2026-11-01T04:00:00Z".parse().unwrap();
        let start = start + SignedDuration::from_hours(24) * number;
        Point {
            run: start.strftime("%Y%m%dT%H%M%SZ").to_string().parse().unwrap(),
            status,
            seconds: Some(f64::from(100 - number)),
            figures: Figures {
                files: Some(number.unsigned_abs().into()),
                ..Figures::default()
            },
            changes: Vec::new(),
            anomalies: Vec::new(),
        }
    }

    #[test]
    fn few_points_stay_as_they_are_and_many_keep_their_peaks_and_their_failures() {
        let points: Vec<Point> = (0..10).map(|number| point(number, Status::Ok)).collect();
        assert_eq!(Group::of_all(&points, 10).len(), 10);
        assert_eq!(Group::of_all(&[], 10), []);
        let points: Vec<Point> = (0..11)
            .map(|number| {
                let status = if number == 4 { Status::Failed } else { Status::Ok };
                point(number, status)
            })
            .collect();
        let groups = Group::of_all(&points, 4);
        let told = groups
            .iter()
            .map(|group| (group.runs, group.ok, group.seconds, group.files));
        assert_eq!(
            told.collect::<Vec<_>>(),
            [
                (3, 3, Some(100.0), Some(2)),
                (3, 2, Some(97.0), Some(5)),
                (3, 3, Some(94.0), Some(8)),
                (2, 2, Some(91.0), Some(10)),
            ]
        );
    }

    #[test]
    fn there_are_never_more_groups_than_may_be() {
        for count in 0..200 {
            let points: Vec<Point> = (0..count).map(|number| point(number, Status::Ok)).collect();
            for most in [1, 7, 90] {
                let groups = Group::of_all(&points, most);
                assert!(groups.len() <= most);
                assert_eq!(groups.iter().map(|group| group.runs).sum::<usize>(), points.len());
            }
        }
    }
}
