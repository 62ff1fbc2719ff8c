//! Time spans.

use std::fmt;
use std::time::Duration;

use jiff::{Span, SpanRound, Unit};
use serde::Deserialize;

use super::Refusal;

/// A time span of whole seconds, longer than nothing, such as `24h` or `1h 30min`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(try_from = "String")]
pub struct TimeSpan(Duration);

impl TimeSpan {
    /// A span of this number of hours.
    #[must_use]
    pub const fn hours(hours: u64) -> Self {
        Self(Duration::from_secs(hours * 3600))
    }

    /// A span of this number of minutes.
    #[must_use]
    pub const fn minutes(minutes: u64) -> Self {
        Self(Duration::from_secs(minutes * 60))
    }

    /// The span in seconds.
    #[must_use]
    pub const fn seconds(self) -> u64 {
        self.0.as_secs()
    }
}

impl TryFrom<String> for TimeSpan {
    type Error = Refusal;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        duration(&text)
            .filter(|span| span.as_secs() > 0 && span.subsec_nanos() == 0)
            .map(Self)
            .ok_or_else(|| {
                Refusal::new(
                    format!("`{text}` is not a time span"),
                    "write a number and a unit, such as `90s`, `15min`, `24h`, `3d` or `1h 30min`",
                )
            })
    }
}

impl fmt::Display for TimeSpan {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let in_days = SpanRound::new().largest(Unit::Day).days_are_24_hours();
        match Span::try_from(self.0).and_then(|span| span.round(in_days)) {
            Ok(span) => write!(formatter, "{span:#}"),
            // jiff has no span of more than 19,998 years.
            Err(_) => write!(formatter, "{}s", self.seconds()),
        }
    }
}

/// The duration of a text such as `1h 30min`; zero for an empty text, and none if it is no sequence of numbers and units.
///
/// This is not jiff's grammar, which has `1:30:00`, and neither `1M` nor `30min 1h`.
pub(crate) fn duration(text: &str) -> Option<Duration> {
    let is_letter = |c: char| c.is_ascii_alphabetic() || c == 'µ';
    let mut sum = 0_u128;
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let (number, unit_first) = rest.split_at(rest.find(is_letter)?);
        let end = unit_first.find(|c| !is_letter(c)).unwrap_or(unit_first.len());
        let (unit, after) = unit_first.split_at(end);
        sum = nanoseconds(number, length(unit)?)?.checked_add(sum)?;
        rest = after.trim_start();
    }
    let seconds = u64::try_from(sum / SECOND).ok()?;
    let below_a_second = u32::try_from(sum % SECOND).ok()?;
    Some(Duration::new(seconds, below_a_second))
}

/// A second in nanoseconds.
const SECOND: u128 = 1_000_000_000;

/// The names of each unit, and its length in nanoseconds; a month and a year are those of systemd.time(7): 30.44 and
/// 365.25 days.
pub(crate) const UNITS: [(&[&str], u128); 10] = [
    (&["ns", "nsec", "nanos"], 1),
    (&["us", "µs", "usec"], 1_000),
    (&["ms", "msec", "millis"], 1_000_000),
    (&["s", "sec", "secs", "second", "seconds"], SECOND),
    (&["m", "min", "mins", "minute", "minutes"], 60 * SECOND),
    (&["h", "hr", "hrs", "hour", "hours"], 3_600 * SECOND),
    (&["d", "day", "days"], 86_400 * SECOND),
    (&["w", "wk", "wks", "week", "weeks"], 604_800 * SECOND),
    (&["M", "month", "months"], 2_630_016 * SECOND),
    (&["y", "yr", "yrs", "year", "years"], 31_557_600 * SECOND),
];

/// The length of a unit in nanoseconds.
fn length(unit: &str) -> Option<u128> {
    let unit = UNITS.iter().find(|(names, _)| names.contains(&unit));
    unit.map(|(_, length)| *length)
}

/// A number of units, such as `90` or `1.5`, in nanoseconds. White space in a number has no meaning.
fn nanoseconds(number: &str, unit: u128) -> Option<u128> {
    let digits = |text: &str| -> Option<u128> {
        let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse::<u64>().ok().filter(|_| is_number).map(u128::from)
    };
    let number: String = number.split_whitespace().collect();
    let (whole, fraction) = number.split_once('.').unwrap_or((&number, "0"));
    let parts = 10_u128.checked_pow(u32::try_from(fraction.len()).ok()?)?;
    let fraction = digits(fraction)? * unit;
    fraction
        .is_multiple_of(parts)
        .then_some(digits(whole)? * unit + fraction / parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: u64 = 60;
    const HOUR: u64 = 60 * MINUTE;
    const DAY: u64 = 24 * HOUR;
    /// systemd.time(7): 30.44 days.
    const MONTH: u64 = 2_630_016;
    /// systemd.time(7): 365.25 days.
    const YEAR: u64 = 31_557_600;

    fn seconds(text: &str) -> Option<u64> {
        let span = TimeSpan::try_from(text.to_owned()).ok()?;
        Some(span.seconds())
    }

    #[test]
    fn every_name_of_a_unit_is_accepted() {
        for (names, unit) in [
            (&["s", "sec", "secs", "second", "seconds"][..], 1),
            (&["m", "min", "mins", "minute", "minutes"], MINUTE),
            (&["h", "hr", "hrs", "hour", "hours"], HOUR),
            (&["d", "day", "days"], DAY),
            (&["w", "wk", "wks", "week", "weeks"], 7 * DAY),
            (&["M", "month", "months"], MONTH),
            (&["y", "yr", "yrs", "year", "years"], YEAR),
        ] {
            for name in names {
                for count in [1, 2, 90] {
                    assert_eq!(seconds(&format!("{count}{name}")), Some(count * unit), "{name}");
                    assert_eq!(seconds(&format!("{count} {name}")), Some(count * unit), "{name}");
                }
            }
        }
        for (names, of_a_second) in [
            (&["ms", "msec", "millis"][..], 1_000),
            (&["us", "usec", "µs"], 1_000_000),
            (&["ns", "nsec", "nanos"], 1_000_000_000_u64),
        ] {
            for name in names {
                assert_eq!(seconds(&format!("{}{name}", 3 * of_a_second)), Some(3), "{name}");
                assert_eq!(seconds(&format!("{}{name}", of_a_second + 1)), None, "{name}");
            }
        }
    }

    #[test]
    fn every_arrangement_of_numbers_and_units_is_accepted() {
        for (text, span) in [
            ("2h 30min", 2 * HOUR + 30 * MINUTE),
            ("2h30min", 2 * HOUR + 30 * MINUTE),
            ("2 h 30 min", 2 * HOUR + 30 * MINUTE),
            ("  2h\t30min\n", 2 * HOUR + 30 * MINUTE),
            ("2h\u{a0}30min", 2 * HOUR + 30 * MINUTE),
            // In any order, and a unit more than once.
            ("30min 2h", 2 * HOUR + 30 * MINUTE),
            ("1h 1h", 2 * HOUR),
            (
                "1y 2M 3w 4d 5h 6m 7s",
                YEAR + 2 * MONTH + 25 * DAY + 5 * HOUR + 6 * MINUTE + 7,
            ),
            ("1year2months", YEAR + 2 * MONTH),
            ("0h 5min", 5 * MINUTE),
            ("007s", 7),
            ("90min", 90 * MINUTE),
            // White space does not end a number.
            ("1 5min", 15 * MINUTE),
            ("1.5h", 90 * MINUTE),
            ("1. 5 h", 90 * MINUTE),
            ("0.5d", 12 * HOUR),
            ("0.25 day 1.50min", 6 * HOUR + 90),
            ("1.5s 500ms", 2),
            ("0.5s 0.5s", 1),
            ("0.001min 940ms", 1),
            ("100y", 100 * YEAR),
        ] {
            assert_eq!(seconds(text), Some(span), "{text:?}");
        }
    }

    #[test]
    fn what_is_printed_is_what_was_written() {
        for (text, printed) in [
            ("90s", "1m 30s"),
            ("2h 30min", "2h 30m"),
            ("26h", "1d 2h"),
            ("365d", "365d"),
            ("1M", "30d 10h 33m 36s"),
            ("1y", "365d 6h"),
            ("7304484d", "7304484d"),
            ("18446744073709551615s", "18446744073709551615s"),
        ] {
            let span = TimeSpan::try_from(text.to_owned()).unwrap();
            assert_eq!(span.to_string(), printed);
            assert_eq!(TimeSpan::try_from(printed.to_owned()).unwrap(), span);
        }
    }

    #[test]
    fn other_texts_are_refused() {
        for text in [
            "",
            " ",
            "0",
            "0s",
            "1",
            "90",
            "h",
            "h1",
            "1 h 1",
            "soon",
            "infinity",
            "1.5s",
            "500ms",
            "1.s",
            ".5h",
            "1.5.5h",
            "1.5",
            "-1h",
            "+1h",
            "1h -1min",
            "1h, 30min",
            "1h and 30min",
            "1:30:00",
            "PT1H",
            "1,5h",
            "1e3s",
            "1_000s",
            "1H",
            "1Min",
            "1 m in",
            "1mo",
            "1mos",
            "1fortnight",
            "1h ago",
            "1µsec",
            "1μs",
            "1ö",
            "１h",
            "1h.",
            "1min.5s",
            "18446744073709551616s",
            "18446744073709551615h",
        ] {
            assert_eq!(seconds(text), None, "{text:?}");
        }
    }
}
