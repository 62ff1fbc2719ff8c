//! Many points as few: adjacent points become one.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use super::series::Point;
use crate::runs::record::{RunId, Status};
use crate::status::anomaly::Kind;

/// Adjacent points, as one.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Group {
    pub(super) first: RunId,
    pub(super) last: RunId,
    pub(super) runs: usize,
    /// How many of them went as they should.
    pub(super) ok: usize,
    /// How many lack something.
    pub(super) partial: usize,
    /// How many left something to restore.
    pub(super) good: usize,
    /// How the last of them ended.
    pub(super) status: Status,
    /// The median of those that succeeded, which is what one alone would most likely be. Where something
    /// stands out, it is the greatest, so that no peak is lost.
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

/// The newest points stay single, up to half of the groups.
const NEWEST: usize = 30;

impl Group {
    /// At most this number of groups of points, in order. A remarkable point is a separate group, the newest
    /// first where there are too many. In a larger group, a night without files would be one among many.
    pub(super) fn of_all(points: &[Point], most: usize) -> Vec<Self> {
        let most = most.max(1);
        if points.len() <= most {
            return points.chunks(1).filter_map(Self::of).collect();
        }
        let newest = NEWEST.min(most / 2);
        let (older, newest) = points.split_at(points.len() - newest);
        let room = most - newest.len();
        let alone = alone(older, room);
        let is_alone = |point: &Point| alone.contains(&point.run);
        let parts: Vec<&[Point]> = older
            .chunk_by(|one, next| !is_alone(one) && !is_alone(next))
            .collect();
        let least = (older.len() - alone.len()).div_ceil(room - alone.len());
        let fits = |runs: &usize| parts.iter().map(|part| part.len().div_ceil(*runs)).sum::<usize>() <= room;
        let runs_a_group = (least..=older.len()).find(fits).unwrap_or(older.len());
        let older = parts.iter().flat_map(|part| part.chunks(runs_a_group));
        older.chain(newest.chunks(1)).filter_map(Self::of).collect()
    }

    fn of(points: &[Point]) -> Option<Self> {
        let (first, last) = points.first().zip(points.last())?;
        let good = || points.iter().filter(|point| point.status.is_good());
        let anomalies = points.iter().flat_map(|point| &point.anomalies);
        let stands_out: BTreeSet<Kind> = anomalies.map(|anomaly| anomaly.kind).collect();
        Some(Self {
            first: first.run,
            last: last.run,
            runs: points.len(),
            ok: points.iter().filter(|point| point.status == Status::Ok).count(),
            partial: points
                .iter()
                .filter(|point| point.status == Status::Partial)
                .count(),
            good: good().count(),
            status: last.status.clone(),
            seconds: typical(
                good().filter_map(|point| point.seconds).collect(),
                f64::total_cmp,
                stands_out.is_empty(),
            ),
            added: typical(
                good().filter_map(|point| point.figures.added_bytes).collect(),
                u64::cmp,
                stands_out.is_empty(),
            ),
            files: good().filter_map(|point| point.figures.files).next_back(),
            size: good()
                .filter_map(|point| point.figures.processed_bytes)
                .next_back(),
            stands_out,
        })
    }
}

/// The median of values, or the greatest of them.
fn typical<T: Copy>(mut values: Vec<T>, order: fn(&T, &T) -> Ordering, is_median: bool) -> Option<T> {
    values.sort_by(order);
    let place = if is_median {
        values.len() / 2
    } else {
        values.len().saturating_sub(1)
    };
    values.get(place).copied()
}

/// The runs of the newest points that are remarkable. They get half of the room, or as much as leaves one
/// group for what is between them.
fn alone(points: &[Point], room: usize) -> BTreeSet<RunId> {
    let mut alone = BTreeSet::new();
    let (mut parts, mut end) = (1, points.len());
    let remarkable = points
        .iter()
        .enumerate()
        .filter(|(_, point)| point.is_remarkable());
    for (place, point) in remarkable.rev() {
        // A remarkable point splits its group into a part before it and one behind it.
        let split = usize::from(place > 0) + usize::from(place + 1 < end);
        let after = parts + split - 1;
        if alone.len() + 1 > room / 2 || alone.len() + 1 + after > room {
            break;
        }
        (parts, end) = (after, place);
        alone.insert(point.run);
    }
    alone
}

#[cfg(test)]
mod tests {
    use jiff::{SignedDuration, Timestamp};

    use super::*;
    use crate::status::Figures;
    use crate::status::anomaly::Anomaly;
    use crate::status::history::Change;

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
    fn few_points_stay_and_of_many_the_older_are_grouped() {
        let points: Vec<Point> = (0..10).map(|number| point(number, Status::Ok)).collect();
        assert_eq!(Group::of_all(&points, 10).len(), 10);
        assert_eq!(Group::of_all(&[], 10), []);
        let points: Vec<Point> = (0..13).map(|number| point(number, Status::Ok)).collect();
        let shown: Vec<_> = Group::of_all(&points, 6)
            .iter()
            .map(|group| (group.runs, group.seconds, group.files))
            .collect();
        let alone = |number: u32| (1, Some(f64::from(100 - number)), Some(number.into()));
        assert_eq!(
            shown,
            [
                (4, Some(99.0), Some(3)),
                (4, Some(95.0), Some(7)),
                (2, Some(92.0), Some(9)),
                alone(10),
                alone(11),
                alone(12)
            ]
        );
    }

    #[test]
    fn what_is_remarkable_is_never_one_among_many() {
        let mut points: Vec<Point> = (0..365).map(|number| point(number, Status::Ok)).collect();
        points[20].status = Status::Failed;
        points[21].status = Status::Partial;
        points[100].figures.files = Some(0);
        points[100].anomalies.push(Anomaly {
            kind: Kind::Files,
            value: 0.0,
            usual: None,
        });
        points[200].changes.push(Change {
            program: "restic".to_owned(),
            from: "0.16.5".to_owned(),
            to: "0.18.0".to_owned(),
            hosts: Vec::new(),
        });
        let groups = Group::of_all(&points, 90);
        for number in [20, 21, 100, 200] {
            let run = points[number].run;
            let group = groups
                .iter()
                .find(|group| (group.first..=group.last).contains(&run));
            let group = group.unwrap();
            assert_eq!((group.runs, group.first), (1, run), "{number}");
            assert_eq!(group.status, points[number].status);
        }
        assert!(groups.len() > 80, "{}", groups.len());
        assert!(groups.iter().rev().take(30).all(|group| group.runs == 1));
    }

    #[test]
    fn there_are_never_more_groups_than_may_be() {
        for count in 0..200 {
            let points: Vec<Point> = (0..count).map(|number| point(number, Status::Ok)).collect();
            for most in [1, 2, 7, 90] {
                for bad in [1, 2, 7, 1000] {
                    let points: Vec<Point> = points
                        .iter()
                        .enumerate()
                        .map(|(number, point)| Point {
                            status: if number % bad == 0 {
                                Status::Failed
                            } else {
                                Status::Ok
                            },
                            ..point.clone()
                        })
                        .collect();
                    let groups = Group::of_all(&points, most);
                    assert!(groups.len() <= most, "{count} in {most}: {}", groups.len());
                    assert_eq!(groups.iter().map(|group| group.runs).sum::<usize>(), points.len());
                    assert!(groups.windows(2).all(|pair| pair[0].last < pair[1].first));
                }
            }
        }
    }
}
