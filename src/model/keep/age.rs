//! How far back a rule of a keep policy reaches.

use std::fmt;

use jiff::Span;
use jiff::civil::{Date, DateTime};

use crate::model::Refusal;

/// An age in restic's words (`ParseDuration` in its `internal/data/duration.go`): whole years, months, days and hours,
/// such as `30d` or `1y5m7d2h`. Not zero; each unit once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Age {
    years: u16,
    months: u16,
    days: u16,
    hours: u16,
}

impl Age {
    /// The units, in the order in which restic prints them.
    pub(crate) const UNITS: [char; 4] = ['y', 'm', 'd', 'h'];

    /// The time that is this much before `newest`, by restic's calendar (Go's `AddDate`). The 31st of October
    /// less one month is the 31st of September, which is the 1st of October.
    #[must_use]
    pub fn before(self, newest: DateTime) -> DateTime {
        self.checked_before(newest).unwrap_or(DateTime::MIN)
    }

    fn checked_before(self, newest: DateTime) -> Option<DateTime> {
        let Self {
            years,
            months,
            days,
            hours,
        } = self;
        let newest_month = i64::from(newest.year()) * 12 + i64::from(newest.month()) - 1;
        let month = newest_month - i64::from(years) * 12 - i64::from(months);
        let year = i16::try_from(month.div_euclid(12)).ok()?;
        let first = Date::new(year, i8::try_from(month.rem_euclid(12) + 1).ok()?, 1).ok()?;
        let days = i64::from(newest.day()) - 1 - i64::from(days);
        let date = first.checked_add(Span::new().try_days(days).ok()?).ok()?;
        let hours = Span::new().try_hours(-i64::from(hours)).ok()?;
        date.to_datetime(newest.time()).checked_add(hours).ok()
    }
}

impl TryFrom<&str> for Age {
    type Error = Refusal;

    fn try_from(text: &str) -> Result<Self, Self::Error> {
        let mut numbers = [None; Self::UNITS.len()];
        let mut rest = text;
        while !rest.is_empty() {
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            let (number, tail) = rest.split_at(digits);
            let unit = tail.chars().next();
            let place = unit.and_then(|unit| Self::UNITS.iter().position(|known| *known == unit));
            let (true, Some(place)) = (digits > 0, place) else {
                return Err(unreadable(text));
            };
            let number = number.parse::<u16>().map_err(|_| {
                Refusal::new(
                    format!("`{text}` is out of range"),
                    format!("write numbers up to {}; `unlimited` sets no limit", u16::MAX),
                )
            })?;
            match numbers.get_mut(place) {
                Some(slot @ None) => *slot = Some(number),
                _ => return Err(unreadable(text)),
            }
            rest = tail.get(1..).unwrap_or_default();
        }
        let [years, months, days, hours] = numbers.map(Option::unwrap_or_default);
        if (years, months, days, hours) == (0, 0, 0, 0) {
            return Err(unreadable(text));
        }
        Ok(Self {
            years,
            months,
            days,
            hours,
        })
    }
}

fn unreadable(text: &str) -> Refusal {
    let weeks = text.strip_suffix('w').and_then(|weeks| weeks.parse::<u32>().ok());
    Refusal::new(
        format!("`{text}` is not an age"),
        match weeks.and_then(|weeks| weeks.checked_mul(7)).filter(|days| *days > 0) {
            Some(days) => format!("write `{days}d`: restic has no unit for weeks"),
            None => "write numbers and units without spaces, each unit once, such as `30d` or `1y6m`; the units are \
                     `y` (years), `m` (months), `d` (days) and `h` (hours)"
                .to_owned(),
        },
    )
}

impl fmt::Display for Age {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let numbers = [self.years, self.months, self.days, self.hours];
        for (number, unit) in numbers.iter().zip(Self::UNITS).filter(|(number, _)| **number > 0) {
            write!(formatter, "{number}{unit}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_has_restic_s_units_each_once() {
        for (text, shown) in [
            ("30d", "30d"),
            ("1y5m7d2h", "1y5m7d2h"),
            ("2d1y", "1y2d"),
            ("0y36h", "36h"),
            ("65535d", "65535d"),
        ] {
            let age = Age::try_from(text).map(|age| age.to_string());
            assert_eq!(age.as_deref(), Ok(shown), "{text}");
        }
        for text in [
            "", "30", "d", "0d", "-1d", "+1d", "1d1d", "1 d", "1.5d", "30D", "1s", "65536h", "4w",
        ] {
            assert!(Age::try_from(text).is_err(), "{text}");
        }
    }

    #[test]
    fn weeks_are_shown_in_days() {
        let hint = Age::try_from("4w").unwrap_err().hint;
        assert!(hint.starts_with("write `28d`"), "{hint}");
    }

    #[test]
    fn a_month_less_is_the_same_day_or_what_follows() {
        let before = |age: &str, newest: &str| {
            let newest: DateTime = newest.parse().unwrap();
            Age::try_from(age).unwrap().before(newest).to_string()
        };
        assert_eq!(before("1m", "2026-10-31T04:00:00"), "2026-10-01T04:00:00");
        assert_eq!(before("1y", "2024-02-29T04:00:00"), "2023-03-01T04:00:00");
        assert_eq!(before("1m1d30h", "2026-03-01T04:00:00"), "2026-01-29T22:00:00");
        assert_eq!(before("65535y", "2026-03-01T04:00:00"), DateTime::MIN.to_string());
    }
}
