//! Points as a drawing. The places of everything are computed here, `templates/printed/report/chart.svg` draws them, and
//! `page.css` has their colours, in the light and in the dark.

use askama::Template;
use bytesize::{GIB, KIB, MIB, TIB};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan, Zoned};

use crate::runs::record::RunId;

/// As wide as a phone, so that its letters can be read on one.
pub(super) const SIZE: (u32, u32) = (360, 170);
/// The sides of the area that has the points; next to it and below it are an axis and its labels.
const LEFT: f64 = 46.0;
const RIGHT: f64 = 345.0;
const TOP: f64 = 6.0;
const BOTTOM: f64 = 141.0;
const SECONDS_A_DAY: f64 = 86_400.0;
/// Fewer would give a day two labels.
const DAYS: f64 = 6.0;
/// From this number of days on, an axis shows months.
const MONTHS: f64 = 200.0;
/// The number of labels that have room below it.
const TICKS: usize = 4;
/// How many numbers have room next to the other axis.
const NUMBERS: f64 = 4.0;

/// What is drawn.
#[derive(Debug, Default)]
pub(super) struct Drawing {
    /// The runs that have a place on the axis, whether there is a value or none: all drawings of a host have the same.
    pub(super) runs: Vec<RunId>,
    /// A value for each run, in the unit of the axis.
    pub(super) values: Vec<(RunId, f64)>,
    /// The runs that stand out, at their values.
    pub(super) rings: Vec<(RunId, f64)>,
    /// The runs that did not succeed.
    pub(super) crosses: Vec<RunId>,
    /// The runs that lack something.
    pub(super) halves: Vec<RunId>,
    /// The runs before which a version changed, each with its number.
    pub(super) versions: Vec<(RunId, usize)>,
}

/// The places of what is drawn.
#[derive(Debug, Template)]
#[template(path = "printed/report/chart.svg")]
pub(super) struct Picture {
    numbers: Vec<(f64, String)>,
    days: Vec<(f64, String)>,
    versions: Vec<(f64, usize)>,
    points: Vec<(f64, f64)>,
    rings: Vec<(f64, f64)>,
    crosses: Vec<f64>,
    halves: Vec<f64>,
}

/// How an axis counts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Unit {
    pub(super) name: &'static str,
    pub(super) factor: f64,
}

impl Unit {
    pub(super) fn of_seconds(greatest: f64) -> Self {
        let (name, factor) = match greatest {
            ..120.0 => ("seconds", 1.0),
            ..7200.0 => ("minutes", 60.0),
            _ => ("hours", 3600.0),
        };
        Self { name, factor }
    }

    pub(super) fn of_bytes(greatest: f64) -> Self {
        #[expect(clippy::cast_precision_loss, reason = "they are powers of two")]
        let units =
            [("TiB", TIB), ("GiB", GIB), ("MiB", MIB), ("KiB", KIB)].map(|(name, size)| (name, size as f64));
        let (name, factor) = units
            .into_iter()
            .find(|(_, size)| greatest >= *size)
            .unwrap_or(("bytes", 1.0));
        Self { name, factor }
    }
}

impl Drawing {
    pub(super) fn picture(&self, zone: &TimeZone) -> Picture {
        let days = self.runs.iter().copied().map(day);
        let (first, last) = days.fold((f64::INFINITY, f64::NEG_INFINITY), |(first, last), day| {
            (day.min(first), day.max(last))
        });
        let first = first.min(last - DAYS);
        let margin = (last - first) * 0.03;
        let (begin, end) = (first - margin, last + margin);
        let values = self.values.iter().map(|(_, value)| *value);
        let greatest = values.fold(0.0, f64::max);
        let top = if greatest > 0.0 { greatest * 1.15 } else { 1.0 };

        let across = |day: f64| (LEFT + (RIGHT - LEFT) * (day - begin) / (end - begin)).round();
        let up = |value: f64| (BOTTOM - (BOTTOM - TOP) * value / top).round();
        let at = |(run, value): &(RunId, f64)| (across(day(*run)), up(*value));
        let below = |run: &RunId| across(day(*run));
        let numbers = numbers(top).into_iter();
        let ticks = ticks(begin, end, zone).into_iter();
        let versions = self.versions.iter();
        Picture {
            numbers: numbers.map(|value| (up(value), number(value, top))).collect(),
            days: ticks
                .map(|day| (across(day), label(day, end - begin, zone)))
                .collect(),
            versions: versions.map(|(run, number)| (below(run), *number)).collect(),
            points: self.values.iter().map(at).collect(),
            rings: self.rings.iter().map(at).collect(),
            crosses: self.crosses.iter().map(below).collect(),
            halves: self.halves.iter().map(below).collect(),
        }
    }
}

/// When a run began, in days since 1970.
fn day(run: RunId) -> f64 {
    day_of(run.start())
}

#[expect(clippy::cast_precision_loss, reason = "a drawing shows no seconds")]
fn day_of(time: Timestamp) -> f64 {
    time.as_second() as f64 / SECONDS_A_DAY
}

/// Where the axis has a label: at the beginning of a day, or of a month, in local time. There are as many
/// labels as there is room for, and none so near to the right that it would be cut off.
fn ticks(first: f64, last: f64, zone: &TimeZone) -> Vec<f64> {
    let Some((from, to)) = zoned(first, zone).zip(zoned(last, zone)) else {
        return Vec::new();
    };
    let (from, to) = (from.date(), to.date());
    let most = last - (last - first) * 0.06;
    let places = |dates: &mut dyn Iterator<Item = Date>| -> Vec<f64> {
        let begin = |date: Date| Some(day_of(date.to_zoned(zone.clone()).ok()?.timestamp()));
        let days = dates.take_while(|date| *date <= to).filter_map(begin);
        days.filter(|day| (first..=most).contains(day)).collect()
    };
    let every_days = |days: i64| places(&mut from.series(days.days()));
    let every_months = |months: i32| {
        let number = |date: &Date| i32::from(date.year()) * 12 + i32::from(date.month()) - 1;
        let mut firsts = from.first_of_month().series(1.month());
        places(&mut firsts.by_ref().filter(|date| number(date) % months == 0))
    };
    let days: &[i64] = if last - first < MONTHS {
        &[1, 2, 4, 7, 14]
    } else {
        &[]
    };
    let days = days.iter().map(|days| every_days(*days));
    let months = [1, 2, 3, 6, 12, 24, 60, 120].into_iter().map(every_months);
    let mut all = days.chain(months);
    all.find(|ticks| ticks.len() <= TICKS).unwrap_or_default()
}

fn zoned(day: f64, zone: &TimeZone) -> Option<Zoned> {
    let since = SignedDuration::try_from_secs_f64(day * SECONDS_A_DAY).ok()?;
    let time = Timestamp::from_duration(since).ok()?;
    Some(time.to_zoned(zone.clone()))
}

fn label(day: f64, days: f64, zone: &TimeZone) -> String {
    let format = if days >= MONTHS { "%b %Y" } else { "%b %-d" };
    zoned(day, zone).map_or_else(String::new, |time| time.strftime(format).to_string())
}

/// Round numbers from zero to the top: as many as there is room for.
fn numbers(top: f64) -> Vec<f64> {
    let power = 10_f64.powf((top / NUMBERS).log10().floor());
    let mut steps = [1.0, 2.0, 5.0, 10.0].into_iter().map(|step| step * power);
    let step = steps.find(|step| (top / step).floor() < NUMBERS).unwrap_or(top);
    let all = (0..).map(|count| f64::from(count) * step);
    all.take_while(|number| *number <= top).collect()
}

fn number(value: f64, top: f64) -> String {
    match top {
        ..2.0 => format!("{value:.2}"),
        ..10.0 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(day: u32) -> RunId {
        format!("202611{day:02}T040000Z").parse().unwrap()
    }

    #[test]
    fn whatever_is_drawn_has_a_place_in_the_drawing() {
        let of = |values: &[(u32, f64)], crosses: &[u32]| Drawing {
            runs: values
                .iter()
                .map(|(day, _)| run(*day))
                .chain(crosses.iter().copied().map(run))
                .collect(),
            values: values.iter().map(|(day, value)| (run(*day), *value)).collect(),
            rings: values
                .iter()
                .take(1)
                .map(|(day, value)| (run(*day), *value))
                .collect(),
            crosses: crosses.iter().copied().map(run).collect(),
            halves: Vec::new(),
            versions: vec![(run(3), 1)],
        };
        for (drawing, circles) in [
            (of(&[(1, 0.0)], &[]), 2),
            (of(&[(1, 5.0), (30, 1e12)], &[2, 3]), 1),
            (of(&[], &[1]), 0),
        ] {
            let svg = drawing.picture(&TimeZone::UTC).to_string();
            assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
            assert_eq!(svg.matches("<circle").count(), circles, "{svg}");
            assert_eq!(svg.matches("<path class=\"version\"").count(), 1, "{svg}");
        }
    }

    #[test]
    fn numbers_of_an_axis_are_round() {
        for (top, expected) in [
            (1.0, &[0.0, 0.5, 1.0][..]),
            (3.9, &[0.0, 1.0, 2.0, 3.0]),
            (4.0, &[0.0, 2.0, 4.0]),
            (60.4, &[0.0, 20.0, 40.0, 60.0]),
            (12_345.0, &[0.0, 5000.0, 10_000.0]),
        ] {
            assert_eq!(numbers(top), expected);
        }
    }

    #[test]
    fn an_axis_has_round_labels_as_the_clock_on_the_wall_shows_them() {
        let zone = TimeZone::fixed(jiff::tz::offset(5));
        let labels = |first: &str, last: &str| -> Vec<String> {
            let at = |time: &str| day_of(time.parse().unwrap());
            let (first, last) = (at(first), at(last));
            let ticks = ticks(first, last, &zone);
            assert!(ticks.iter().all(|tick| (first..=last).contains(tick)));
            ticks
                .iter()
                .map(|tick| {
                    let time = zoned(*tick, &zone).unwrap();
                    assert_eq!(time.time(), jiff::civil::time(0, 0, 0, 0));
                    label(*tick, last - first, &zone)
                })
                .collect()
        };
        for (first, last, expected) in [
            (
                "2025-11-24T12:00:00Z",
                "2026-11-24T12:00:00Z",
                &["Jan 2026", "Apr 2026", "Jul 2026", "Oct 2026"][..],
            ),
            (
                "2026-08-02T12:00:00Z",
                "2026-11-24T12:00:00Z",
                &["Sep 1", "Oct 1", "Nov 1"],
            ),
            // It is the next day there already.
            (
                "2026-11-17T20:00:00Z",
                "2026-11-24T20:00:00Z",
                &["Nov 20", "Nov 22", "Nov 24"],
            ),
        ] {
            assert_eq!(labels(first, last), expected);
        }
    }

    #[test]
    fn a_unit_is_the_greatest_that_leaves_a_number_to_read() {
        for (seconds, name) in [
            (0.0, "seconds"),
            (119.0, "seconds"),
            (120.0, "minutes"),
            (7200.0, "hours"),
        ] {
            assert_eq!(Unit::of_seconds(seconds).name, name);
        }
        for (bytes, name) in [(0.0, "bytes"), (1024.0, "KiB"), (1e9, "MiB"), (1e15, "TiB")] {
            assert_eq!(Unit::of_bytes(bytes).name, name);
        }
    }
}
