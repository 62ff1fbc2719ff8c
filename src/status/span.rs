//! Spans of time as people write them.

use jiff::fmt::friendly::{Designator, SpanPrinter};
use jiff::{RoundMode, SignedDuration, Span, SpanRound, Unit};

/// A span in its two largest units, such as `1d 5h`; nothing below zero.
#[must_use]
pub fn span(duration: SignedDuration) -> String {
    let duration = duration.max(SignedDuration::ZERO);
    let smallest = match duration.as_secs() {
        ..3600 => Unit::Second,
        3600..86400 => Unit::Minute,
        _ => Unit::Hour,
    };
    let rounded = SpanRound::new()
        .largest(Unit::Day)
        .smallest(smallest)
        .mode(RoundMode::Trunc)
        .days_are_24_hours();
    Span::try_from(duration)
        .and_then(|span| span.round(rounded))
        .map_or_else(
            |_| "ages".to_owned(),
            |span| {
                SpanPrinter::new()
                    .designator(Designator::Compact)
                    .span_to_string(&span)
            },
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_has_its_two_largest_units() {
        for (seconds, text) in [
            (-5, "0s"),
            (0, "0s"),
            (59, "59s"),
            (3599, "59m 59s"),
            (3600, "1h"),
            (7259, "2h"),
            (86_399, "23h 59m"),
            (86_400, "1d"),
            (104_400, "1d 5h"),
            (400 * 86_400, "400d"),
        ] {
            assert_eq!(span(SignedDuration::from_secs(seconds)), text);
        }
        assert_eq!(span(SignedDuration::MAX), "ages");
    }
}
