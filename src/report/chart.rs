//! Points as a drawing, by plotters. What plotters can't say is said around it: the drawing has a name and a description,
//! and the page has a style that gives its few colours their meaning, in the light and in the dark.

use std::ops::Range;

use bytesize::{GIB, KIB, MIB, TIB};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan, Zoned};
use plotters::coord::ranged1d::{DefaultFormatting, KeyPointHint, Ranged};
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;

use super::Error;
use crate::runs::record::RunId;

/// As wide as a phone, so that its letters can be read on one.
pub(super) const SIZE: (u32, u32) = (360, 170);
/// The colours that `page.css` replaces: the axes and their letters, the points, what is marked, and versions, whose
/// lines it draws with dashes; plotters would make an element of each dash.
const FRAME: RGBColor = RGBColor(1, 1, 1);
const POINTS: RGBColor = RGBColor(2, 2, 2);
const MARKS: RGBColor = RGBColor(3, 3, 3);
const VERSIONS: RGBColor = RGBColor(4, 4, 4);
/// One stroke of a cross.
const HALF: [(i32, i32); 2] = [(-4, 4), (4, -4)];
/// The strokes of a cross, as one line.
const CROSS: [(i32, i32); 5] = [(-4, -4), (4, 4), (0, 0), (4, -4), (-4, 4)];
const SECONDS_A_DAY: f64 = 86_400.0;
/// Fewer would give a day two labels.
const DAYS: f64 = 6.0;
/// From so many days on, an axis shows months.
const MONTHS: f64 = 200.0;
/// So many labels have room below it.
const TICKS: usize = 4;

/// What is drawn.
#[derive(Debug, Default)]
pub(super) struct Drawing {
    /// The runs that have a place on the axis, whether there is a value or none: all drawings of a host have the same.
    pub(super) runs: Vec<RunId>,
    /// A value for each run, in the unit of the axis.
    pub(super) values: Vec<(RunId, f64)>,
    /// The runs that stand out, at their values.
    pub(super) rings: Vec<(RunId, f64)>,
    /// The runs that did not go well.
    pub(super) crosses: Vec<RunId>,
    /// The runs that lack something.
    pub(super) halves: Vec<RunId>,
    /// The runs before which a version changed, each with its number.
    pub(super) versions: Vec<(RunId, usize)>,
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
    /// The drawing as SVG.
    ///
    /// # Errors
    /// When plotters refuses it.
    pub(super) fn svg(&self, zone: &TimeZone) -> Result<String, Error> {
        let mut svg = String::new();
        self.draw(&mut svg, zone)
            .map_err(|error| Error(format!("cannot draw a chart: {error}")))?;
        Ok(svg)
    }

    fn draw(&self, svg: &mut String, zone: &TimeZone) -> Result<(), Box<dyn std::error::Error>> {
        let days = self.runs.iter().copied().map(day);
        let (first, last) = days.fold((f64::INFINITY, f64::NEG_INFINITY), |(first, last), day| {
            (day.min(first), day.max(last))
        });
        let first = first.min(last - DAYS);
        let margin = (last - first) * 0.03;
        let values = self.values.iter().map(|(_, value)| *value);
        let greatest = values.fold(0.0, f64::max);
        let top = if greatest > 0.0 { greatest * 1.15 } else { 1.0 };

        let (left, right) = (first - margin, last + margin);
        let days = Days {
            axis: (left..right).into(),
            ticks: ticks(left, right, zone),
        };
        let root = SVGBackend::with_string(svg, SIZE).into_drawing_area();
        let mut chart = ChartBuilder::on(&root)
            .margin(6)
            .margin_right(14)
            .x_label_area_size(22)
            .y_label_area_size(40)
            .build_cartesian_2d(days, 0.0..top)?;
        let letters = || ("sans-serif", 14).into_font().color(&FRAME);
        chart
            .configure_mesh()
            .disable_x_mesh()
            .light_line_style(TRANSPARENT)
            .bold_line_style(FRAME.mix(0.15))
            .axis_style(FRAME)
            .label_style(letters())
            .x_labels(TICKS)
            .y_labels(4)
            .x_label_formatter(&|day| label(*day, right - left, zone))
            .y_label_formatter(&|value| number(*value, top))
            .draw()?;
        let at = |(run, value): &(RunId, f64)| (day(*run), *value);
        for (run, number) in &self.versions {
            let day = day(*run);
            let line = vec![(day, 0.0), (day, top)];
            chart.draw_series([PathElement::new(line, VERSIONS)])?;
            let text = Text::new(number.to_string(), (day, top), letters());
            chart.draw_series([text])?;
        }
        chart.draw_series(LineSeries::new(
            self.values.iter().map(at),
            POINTS.stroke_width(2),
        ))?;
        // A line of one point can't be seen.
        if let [only] = &self.values[..] {
            chart.draw_series([Circle::new(at(only), 3, POINTS.filled())])?;
        }
        let rings = self.rings.iter().map(at);
        chart.draw_series(rings.map(|at| Circle::new(at, 5, MARKS.stroke_width(2))))?;
        let crosses = self.crosses.iter().map(|run| (day(*run), 0.0));
        let cross = || PathElement::new(CROSS.to_vec(), MARKS.stroke_width(2));
        chart.draw_series(crosses.map(|at| EmptyElement::at(at) + cross()))?;
        let halves = self.halves.iter().map(|run| (day(*run), 0.0));
        let half = || PathElement::new(HALF.to_vec(), MARKS.stroke_width(2));
        chart.draw_series(halves.map(|at| EmptyElement::at(at) + half()))?;
        root.present()?;
        Ok(())
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

/// An axis with labels where we want them.
struct Days {
    axis: RangedCoordf64,
    ticks: Vec<f64>,
}

impl Ranged for Days {
    type FormatOption = DefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, limit: (i32, i32)) -> i32 {
        self.axis.map(value, limit)
    }

    fn key_points<Hint: KeyPointHint>(&self, _hint: Hint) -> Vec<f64> {
        self.ticks.clone()
    }

    fn range(&self) -> Range<f64> {
        self.axis.range()
    }
}

/// Where the axis has a label: at the beginning of a day, or of a month, as the clock on the wall shows it; as often as
/// there is room for, and not so near to the right that a label would be cut off.
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
        for (drawing, lines, circles) in [
            (of(&[(1, 0.0)], &[]), 1, 2),
            (of(&[(1, 5.0), (30, 1e12)], &[2, 3]), 1, 1),
            (of(&[], &[1]), 1, 0),
        ] {
            let svg = drawing.svg(&TimeZone::UTC).unwrap();
            assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
            assert!(svg.matches("<polyline").count() >= lines, "{svg}");
            assert_eq!(svg.matches("<circle").count(), circles, "{svg}");
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
