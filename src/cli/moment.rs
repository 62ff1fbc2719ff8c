//! A time as people say it. What they say is taken to its end: a day to midnight, a minute to its last second, so that
//! `--at 2026-11-20` has what was backed up on that day.

use jiff::civil::{Date, DateTime, Weekday};
use jiff::{Span, Timestamp, ToSpan, Unit, Zoned};

use crate::model::Refusal;

/// From when to when it lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Moment {
    pub(super) first: Timestamp,
    /// Within it.
    pub(super) last: Timestamp,
}

impl Moment {
    /// Reads what somebody says at a certain time, in whose zone it is.
    ///
    /// # Errors
    /// When it is no time.
    pub(super) fn parse(text: &str, now: &Zoned) -> Result<Self, Refusal> {
        let words = text.trim().to_ascii_lowercase();
        let read = day(&words, now.date())
            .map(|day| Self::lasting(day.to_datetime(jiff::civil::Time::midnight()), Unit::Day, now))
            .or_else(|| {
                let minute = parsed(&words, &["%Y-%m-%d %H:%M", "%Y-%m-%dt%H:%M"])?;
                Some(Self::lasting(minute, Unit::Minute, now))
            })
            .or_else(|| {
                let second = parsed(&words, &["%Y-%m-%d %H:%M:%S", "%Y-%m-%dt%H:%M:%S"])?;
                Some(Self::lasting(second, Unit::Second, now))
            })
            .or_else(|| {
                ago(&words, now)
                    .or_else(|| instant(text.trim()))
                    .map(|time| Some(Self::at(time)))
            });
        read.flatten().ok_or_else(|| {
            Refusal::new(
                format!("`{text}` is no time"),
                "write a day (`2026-11-20`, `yesterday`, `last friday`), a time (`2026-11-20 04:00`), or how long ago (`2 days ago`)",
            )
        })
    }

    fn at(time: Timestamp) -> Self {
        Self {
            first: time,
            last: time,
        }
    }

    /// So long, in the zone of `now`.
    fn lasting(start: DateTime, unit: Unit, now: &Zoned) -> Option<Self> {
        let first = start.to_zoned(now.time_zone().clone()).ok()?;
        let long = match unit {
            Unit::Day => 1.day(),
            Unit::Minute => 1.minute(),
            _ => 1.second(),
        };
        let next = first.checked_add(long).ok()?.timestamp();
        Some(Self {
            first: first.timestamp(),
            last: next.checked_sub(1.nanosecond()).ok()?,
        })
    }
}

fn day(words: &str, today: Date) -> Option<Date> {
    match words {
        "today" => return Some(today),
        "yesterday" => return today.yesterday().ok(),
        _ => {}
    }
    // The last one before today.
    let weekday = match words.strip_prefix("last ").unwrap_or(words) {
        "monday" => Weekday::Monday,
        "tuesday" => Weekday::Tuesday,
        "wednesday" => Weekday::Wednesday,
        "thursday" => Weekday::Thursday,
        "friday" => Weekday::Friday,
        "saturday" => Weekday::Saturday,
        "sunday" => Weekday::Sunday,
        _ => return Date::strptime("%Y-%m-%d", words).ok(),
    };
    today.nth_weekday(-1, weekday).ok()
}

fn parsed(words: &str, forms: &[&str]) -> Option<DateTime> {
    forms.iter().find_map(|form| DateTime::strptime(form, words).ok())
}

/// `2 days ago`, `3h ago`, as jiff reads them.
fn ago(words: &str, now: &Zoned) -> Option<Timestamp> {
    if words == "now" {
        return Some(now.timestamp());
    }
    let span: Span = words.parse().ok().filter(|span: &Span| span.is_negative())?;
    Some(now.checked_add(span).ok()?.timestamp())
}

/// With a zone of its own: `2026-11-20T04:00:00Z`, `2026-11-20T04:00[Europe/Berlin]`.
fn instant(text: &str) -> Option<Timestamp> {
    text.parse()
        .ok()
        .or_else(|| Some(text.parse::<Zoned>().ok()?.timestamp()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A Tuesday, noon, between daylight saving times: the day before the clocks went from 25 hours to a day.
    fn moment(text: &str) -> Option<(String, String)> {
        let now: Zoned = "2026-11-24T12:00:00[Europe/Berlin]".parse().unwrap();
        let local = |time: Timestamp| {
            let time = time.to_zoned(now.time_zone().clone());
            time.strftime("%Y-%m-%d %H:%M:%S").to_string()
        };
        let Moment { first, last } = Moment::parse(text, &now).ok()?;
        Some((local(first), local(last)))
    }

    #[test]
    fn what_people_say_is_taken_to_its_end() {
        for (text, first, last) in [
            ("today", "2026-11-24 00:00:00", "2026-11-24 23:59:59"),
            ("yesterday", "2026-11-23 00:00:00", "2026-11-23 23:59:59"),
            (" Yesterday ", "2026-11-23 00:00:00", "2026-11-23 23:59:59"),
            ("last friday", "2026-11-20 00:00:00", "2026-11-20 23:59:59"),
            ("Monday", "2026-11-23 00:00:00", "2026-11-23 23:59:59"),
            // Today is one, too.
            ("last tuesday", "2026-11-17 00:00:00", "2026-11-17 23:59:59"),
            ("2026-11-20", "2026-11-20 00:00:00", "2026-11-20 23:59:59"),
            // Of 25 hours.
            ("2026-10-25", "2026-10-25 00:00:00", "2026-10-25 23:59:59"),
            ("2026-11-20 04:00", "2026-11-20 04:00:00", "2026-11-20 04:00:59"),
            ("2026-11-20T04:00", "2026-11-20 04:00:00", "2026-11-20 04:00:59"),
            (
                "2026-11-20 04:00:07",
                "2026-11-20 04:00:07",
                "2026-11-20 04:00:07",
            ),
            (
                "2026-11-20T04:00:07Z",
                "2026-11-20 05:00:07",
                "2026-11-20 05:00:07",
            ),
            (
                "2026-11-20T04:00:07[Asia/Tokyo]",
                "2026-11-19 20:00:07",
                "2026-11-19 20:00:07",
            ),
            ("now", "2026-11-24 12:00:00", "2026-11-24 12:00:00"),
            ("2 days ago", "2026-11-22 12:00:00", "2026-11-22 12:00:00"),
            ("1 month ago", "2026-10-24 12:00:00", "2026-10-24 12:00:00"),
            ("90m ago", "2026-11-24 10:30:00", "2026-11-24 10:30:00"),
        ] {
            let expected = (first.to_owned(), last.to_owned());
            assert_eq!(moment(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "",
            "tomorrow",
            "2 days",
            "-",
            "2026-13-01",
            "2026-02-30",
            "next friday",
            "04:00",
            "2026-11-20 25:00",
        ] {
            assert_eq!(moment(text), None, "{text}");
        }
    }
}
