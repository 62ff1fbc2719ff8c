//! Draws snapshots on an axis of their ages, from now to years ago.

use jiff::SignedDuration;

use crate::repository::retention::Kept;
use crate::status::span;

/// The width of the columns before the axis: the row's name, the number of snapshots, the age of the oldest.
const LEFT: usize = 34;
/// The shortest axis that is drawn.
const SHORTEST_AXIS: usize = 16;
/// The ages that are marked below the axis.
const TICKS: [(&str, i64); 6] = [
    ("1h", 3600),
    ("1d", 86_400),
    ("1w", 7 * 86_400),
    ("1m", 30 * 86_400),
    ("1y", 365 * 86_400),
    ("10y", 3650 * 86_400),
];

/// The meaning of the marks.
const LEGEND: &str = "`|` is one snapshot, `3` three, `+` ten or more; the age increases to the right";

/// A table with one row for each time. If the width allows, each row shows its snapshots: `|` for one, a digit for up
/// to nine, `+` for more.
pub(super) fn of(rows: &[(&str, &Kept)], width: usize) -> Vec<String> {
    let columns = width.saturating_sub(LEFT);
    let axis = (columns >= SHORTEST_AXIS)
        .then(|| Axis::of(rows, columns))
        .flatten();
    let head = format!("{:<10}{:>9}  {:<11}", "after", "snapshots", "the oldest");
    let mut lines = vec![match axis {
        Some(_) => format!("{head}  each by its age"),
        None => head.trim_end().to_owned(),
    }];
    for (name, kept) in rows {
        let count = kept.ages.len();
        let oldest = kept.oldest().map_or_else(String::new, age);
        let drawn = axis.as_ref().map_or_else(String::new, |axis| axis.draw(kept));
        let line = format!("{name:<10}{count:>9}  {oldest:<11}  {drawn}");
        lines.push(line.trim_end().to_owned());
    }
    if let Some(axis) = axis {
        lines.push(format!("{:LEFT$}{}", "", axis.ticks()));
        lines.extend(textwrap::wrap(LEGEND, width).into_iter().map(Into::into));
    }
    lines
}

/// An age in whole days, or a time span of less than a day.
pub(super) fn age(age: SignedDuration) -> String {
    match age.as_hours() / 24 {
        0 if age.is_zero() => "just made".to_owned(),
        0 => span(age),
        1 => "1 day".to_owned(),
        days => format!("{days} days"),
    }
}

/// A logarithmic scale of ages. The first column is now.
struct Axis {
    columns: usize,
    youngest: f64,
    oldest: f64,
}

impl Axis {
    /// The axis of all rows; `None` if no snapshot is older than another.
    fn of(rows: &[(&str, &Kept)], columns: usize) -> Option<Self> {
        let ages = rows.iter().flat_map(|(_, kept)| &kept.ages);
        let ages = ages
            .filter(|age| age.is_positive())
            .map(SignedDuration::as_secs_f64);
        let youngest = ages.clone().min_by(f64::total_cmp)?;
        let oldest = ages.max_by(f64::total_cmp)?;
        Some(Self {
            columns,
            youngest,
            // A single age would give no scale.
            oldest: oldest.max(youngest * 2.0),
        })
    }

    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a column of a terminal"
    )]
    fn column(&self, age: f64) -> usize {
        if age < self.youngest {
            return 0;
        }
        let part = (age / self.youngest).ln() / (self.oldest / self.youngest).ln();
        // The first two columns are for the newest snapshot and a space.
        2 + (part * (self.columns.saturating_sub(3)) as f64).round() as usize
    }

    fn draw(&self, kept: &Kept) -> String {
        let mut counts = vec![0_u32; self.columns];
        for age in &kept.ages {
            let column = self.column(age.as_secs_f64());
            if let Some(count) = counts.get_mut(column) {
                *count += 1;
            }
        }
        let mark = |count: u32| match count {
            0 => ' ',
            1 => '|',
            2..=9 => char::from_digit(count, 10).unwrap_or('+'),
            _ => '+',
        };
        counts.into_iter().map(mark).collect()
    }

    /// The ages below the axis, as many as fit.
    fn ticks(&self) -> String {
        let mut line = "now".to_owned();
        for (name, seconds) in TICKS {
            #[expect(clippy::cast_precision_loss, reason = "ten years in seconds are exact")]
            let age = seconds as f64;
            let column = self.column(age);
            let has_room = column > line.len() && column + name.len() <= self.columns;
            if age >= self.youngest && has_room {
                line = format!("{line:column$}{name}");
            }
        }
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(days: &[i64]) -> Kept {
        let ages = days.iter().map(|days| SignedDuration::from_hours(24 * days));
        Kept { ages: ages.collect() }
    }

    #[test]
    fn a_mark_is_one_snapshot_and_a_digit_several() {
        let row = kept(&[0, 1, 2, 4, 7, 8, 9, 400]);
        assert_eq!(
            of(&[("1 year", &row)], LEFT + 24),
            [
                "after     snapshots  the oldest   each by its age",
                "1 year            8  400 days     | | |  | 2|            |",
                "                                  now      1w   1m",
                "`|` is one snapshot, `3` three, `+` ten or more; the age",
                "increases to the right",
            ]
        );
    }

    #[test]
    fn lines_fit_and_a_narrow_one_has_no_axis() {
        let row = kept(&(0..60).collect::<Vec<_>>());
        for width in [LEFT, LEFT + 15, LEFT + 16, 80, 200] {
            let lines = of(&[("10 years", &row)], width);
            assert!(lines.iter().all(|line| line.len() <= width), "{lines:#?}");
            assert_eq!(lines.len() > 2, width >= LEFT + 16, "{lines:#?}");
        }
    }

    #[test]
    fn without_a_snapshot_none_is_the_oldest() {
        let (none, one) = (kept(&[]), kept(&[0]));
        assert_eq!(
            of(&[("1 week", &none), ("1 month", &one)], 80),
            [
                "after     snapshots  the oldest",
                "1 week            0",
                "1 month           1  just made"
            ]
        );
    }

    #[test]
    fn one_snapshot_has_no_axis() {
        assert_eq!(
            of(&[("1 week", &kept(&[0]))], 80),
            [
                "after     snapshots  the oldest",
                "1 week            1  just made"
            ]
        );
    }
}
