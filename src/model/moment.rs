//! Parses times as people write them. A moment includes its end: a day lasts until midnight, a minute until its last
//! second. So `--at 2026-11-20` includes what was backed up on that day.

use jiff::civil::{Date, DateTime, Time, Weekday};
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{SignedDuration, Span, Timestamp, ToSpan, Zoned};

use super::Refusal;

/// A span of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// The first instant.
    pub first: Timestamp,
    /// The last instant within the span.
    pub last: Timestamp,
}

/// The accepted forms, for an error message.
const FORMS: &str = "write a day (`2026-11-20`, `yesterday`, `last friday`), a time (`2026-11-20 04:00`, \
                     `yesterday 04:00`, `04:00` of today), or how long ago (`2 days ago`, `a week ago`)";

impl Moment {
    /// Parses a text, relative to a time and in its time zone.
    ///
    /// # Errors
    /// When the text is not a time.
    pub fn parse(text: &str, now: &Zoned) -> Result<Self, Refusal> {
        let words = text.trim().to_ascii_lowercase();
        let read = day(&words, now.date())
            .map(|day| Self::of_day(day, now.time_zone()))
            .or_else(|| {
                let (start, long) = time(&words, now.date())?;
                Some(Self::lasting(start, long, now.time_zone()))
            })
            .or_else(|| minute_of_an_offset(&words).map(Some))
            .or_else(|| {
                ago(&words, now)
                    .or_else(|| instant(text.trim()))
                    .map(|time| Some(Self::at(time)))
            });
        read.flatten()
            .ok_or_else(|| Refusal::new(format!("`{text}` is not a time"), FORMS))
    }

    fn at(time: Timestamp) -> Self {
        Self {
            first: time,
            last: time,
        }
    }

    /// From the first midnight of a day to the first of the next one.
    fn of_day(day: Date, zone: &TimeZone) -> Option<Self> {
        let midnight = |day: Date| Some(readings(day.to_datetime(Time::midnight()), zone)?.0);
        Some(Self {
            first: midnight(day)?,
            last: midnight(day.tomorrow().ok()?)?.checked_sub(1.nanosecond()).ok()?,
        })
    }

    /// A span of this length by the clock of a zone. A time that the clock showed twice lasts from the first to the
    /// second one. A time that the clock skipped is empty, at the moment when the clock was put forward.
    fn lasting(start: DateTime, long: SignedDuration, zone: &TimeZone) -> Option<Self> {
        let (first, again) = readings(start, zone)?;
        let is_skipped = first.to_zoned(zone.clone()).datetime() != start;
        let long = if is_skipped { SignedDuration::ZERO } else { long };
        Some(Self {
            first,
            last: again.checked_add(long).ok()?.checked_sub(1.nanosecond()).ok()?,
        })
    }
}

/// When a clock showed this time for the first and for the last time, or when the clock skipped it.
fn readings(clock: DateTime, zone: &TimeZone) -> Option<(Timestamp, Timestamp)> {
    let reading = zone.to_ambiguous_timestamp(clock);
    if let AmbiguousOffset::Gap { before, .. } = reading.offset() {
        let behind = before
            .to_timestamp(clock)
            .ok()?
            .checked_add(1.nanosecond())
            .ok()?;
        let forward = zone.preceding(behind).next()?.timestamp();
        return Some((forward, forward));
    }
    Some((reading.earlier().ok()?, reading.later().ok()?))
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

/// A minute or a second of a day (by default, today), and its length.
fn time(words: &str, today: Date) -> Option<(DateTime, SignedDuration)> {
    let (of, clock) = match words.rsplit_once([' ', 't']) {
        Some((of, clock)) => (day(of.trim_end(), today)?, clock),
        None => (today, words),
    };
    let minute = Time::strptime("%H:%M", clock).map(|time| (time, SignedDuration::from_mins(1)));
    let second = |_| Time::strptime("%H:%M:%S", clock).map(|time| (time, SignedDuration::from_secs(1)));
    let (time, long) = minute.or_else(second).ok()?;
    Some((of.to_datetime(time), long))
}

/// `2026-10-25 02:30 +01:00`, as the list shows a time that the clock showed twice.
fn minute_of_an_offset(words: &str) -> Option<Moment> {
    let time = Timestamp::strptime("%Y-%m-%d %H:%M %:z", words).ok()?;
    Moment::lasting(
        TimeZone::UTC.to_datetime(time),
        SignedDuration::from_mins(1),
        &TimeZone::UTC,
    )
}

/// `2 days ago` and `3h ago`, as jiff parses them, and `a week ago`.
fn ago(words: &str, now: &Zoned) -> Option<Timestamp> {
    if words == "now" {
        return Some(now.timestamp());
    }
    let one = words.strip_prefix("a ").or_else(|| words.strip_prefix("an "));
    let words = one.map_or_else(|| words.to_owned(), |unit| format!("1 {unit}"));
    let span: Span = words.parse().ok().filter(|span: &Span| span.is_negative())?;
    Some(now.checked_add(span).ok()?.timestamp())
}

/// A time with a zone: `2026-11-20T04:00:00Z`, `2026-11-20T04:00[Europe/Berlin]`.
fn instant(text: &str) -> Option<Timestamp> {
    text.parse()
        .ok()
        .or_else(|| Some(text.parse::<Zoned>().ok()?.timestamp()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The moment that a text means at a time, as a clock of that time zone shows it.
    fn moment_at(now: &str, text: &str) -> Option<(String, String)> {
        let now: Zoned = now.parse().unwrap();
        let local = |time: Timestamp| {
            let time = time.to_zoned(now.time_zone().clone());
            time.strftime("%Y-%m-%d %H:%M:%S %:z").to_string()
        };
        let Moment { first, last } = Moment::parse(text, &now).ok()?;
        Some((local(first), local(last)))
    }

    /// On a Tuesday, at noon, between daylight saving times.
    fn moment(text: &str) -> Option<(String, String)> {
        moment_at("2026-11-24T12:00:00[Europe/Berlin]", text)
    }

    #[test]
    fn moment_lasts_until_the_end_of_its_unit() {
        for (text, first, last) in [
            ("today", "2026-11-24 00:00:00", "2026-11-24 23:59:59"),
            ("yesterday", "2026-11-23 00:00:00", "2026-11-23 23:59:59"),
            (" Yesterday ", "2026-11-23 00:00:00", "2026-11-23 23:59:59"),
            ("last friday", "2026-11-20 00:00:00", "2026-11-20 23:59:59"),
            ("Monday", "2026-11-23 00:00:00", "2026-11-23 23:59:59"),
            // Today is one, too.
            ("last tuesday", "2026-11-17 00:00:00", "2026-11-17 23:59:59"),
            ("2026-11-20", "2026-11-20 00:00:00", "2026-11-20 23:59:59"),
            ("2026-11-20 04:00", "2026-11-20 04:00:00", "2026-11-20 04:00:59"),
            ("2026-11-20T04:00", "2026-11-20 04:00:00", "2026-11-20 04:00:59"),
            ("04:00", "2026-11-24 04:00:00", "2026-11-24 04:00:59"),
            ("4:00", "2026-11-24 04:00:00", "2026-11-24 04:00:59"),
            ("04:00:07", "2026-11-24 04:00:07", "2026-11-24 04:00:07"),
            ("yesterday 12:00", "2026-11-23 12:00:00", "2026-11-23 12:00:59"),
            ("last friday  04:00", "2026-11-20 04:00:00", "2026-11-20 04:00:59"),
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
                "2026-11-20 04:00 +00:00",
                "2026-11-20 05:00:00",
                "2026-11-20 05:00:59",
            ),
            (
                "2026-11-20T04:00:07[Asia/Tokyo]",
                "2026-11-19 20:00:07",
                "2026-11-19 20:00:07",
            ),
            ("now", "2026-11-24 12:00:00", "2026-11-24 12:00:00"),
            ("2 days ago", "2026-11-22 12:00:00", "2026-11-22 12:00:00"),
            ("a week ago", "2026-11-17 12:00:00", "2026-11-17 12:00:00"),
            ("an hour ago", "2026-11-24 11:00:00", "2026-11-24 11:00:00"),
            ("90m ago", "2026-11-24 10:30:00", "2026-11-24 10:30:00"),
        ] {
            let expected = (format!("{first} +01:00"), format!("{last} +01:00"));
            assert_eq!(moment(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn a_clock_that_was_changed_is_read_as_it_was_seen() {
        for (zone, text, first, last) in [
            // Of 25 hours, and of 23.
            (
                "Europe/Berlin",
                "2026-10-25",
                "2026-10-25 00:00:00 +02:00",
                "2026-10-25 23:59:59 +01:00",
            ),
            (
                "Europe/Berlin",
                "2026-03-29",
                "2026-03-29 00:00:00 +01:00",
                "2026-03-29 23:59:59 +02:00",
            ),
            // An hour that was there twice, with what is before and behind it.
            (
                "Europe/Berlin",
                "2026-10-25 01:59",
                "2026-10-25 01:59:00 +02:00",
                "2026-10-25 01:59:59 +02:00",
            ),
            (
                "Europe/Berlin",
                "2026-10-25 02:30",
                "2026-10-25 02:30:00 +02:00",
                "2026-10-25 02:30:59 +01:00",
            ),
            (
                "Europe/Berlin",
                "2026-10-25 02:30 +02:00",
                "2026-10-25 02:30:00 +02:00",
                "2026-10-25 02:30:59 +02:00",
            ),
            (
                "Europe/Berlin",
                "2026-10-25 03:00",
                "2026-10-25 03:00:00 +01:00",
                "2026-10-25 03:00:59 +01:00",
            ),
            (
                "America/Los_Angeles",
                "2026-11-01 01:00",
                "2026-11-01 01:00:00 -07:00",
                "2026-11-01 01:00:59 -08:00",
            ),
            // Half an hour, in the other half of the year.
            (
                "Australia/Lord_Howe",
                "2026-04-05 01:45",
                "2026-04-05 01:45:00 +11:00",
                "2026-04-05 01:45:59 +10:30",
            ),
            // An hour that was not there: nothing is in it, and what comes first is what was before it.
            (
                "Europe/Berlin",
                "2026-03-29 02:30",
                "2026-03-29 03:00:00 +02:00",
                "2026-03-29 01:59:59 +01:00",
            ),
            // Midnight was there twice: the day begins with the first; and was not there.
            (
                "America/Havana",
                "2026-11-01",
                "2026-11-01 00:00:00 -04:00",
                "2026-11-01 23:59:59 -05:00",
            ),
            (
                "Africa/Cairo",
                "2026-04-24",
                "2026-04-24 01:00:00 +03:00",
                "2026-04-24 23:59:59 +03:00",
            ),
            // A day that was not there.
            (
                "Pacific/Apia",
                "2011-12-30",
                "2011-12-31 00:00:00 +14:00",
                "2011-12-29 23:59:59 -10:00",
            ),
            (
                "UTC",
                "2026-10-25 02:30",
                "2026-10-25 02:30:00 +00:00",
                "2026-10-25 02:30:59 +00:00",
            ),
        ] {
            let expected = (first.to_owned(), last.to_owned());
            let now = format!("2026-11-24T12:00:00[{zone}]");
            assert_eq!(moment_at(&now, text), Some(expected), "{zone}: {text}");
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
            "25:00",
            "yesterday noon",
            "12:00 yesterday ago",
            "2026-11-20 25:00",
            "2026-11-20 04:00 +99:00",
        ] {
            assert_eq!(moment(text), None, "{text}");
        }
    }
}
