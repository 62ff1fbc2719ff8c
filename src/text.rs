//! Makes untrusted text safe to print, shortens it, counts in words, and shows times.

use std::fmt::Display;

use jiff::Timestamp;
use jiff::tz::{AmbiguousOffset, TimeZone};

/// A text with control characters escaped, and with the characters escaped that change the order of the displayed text
/// (Unicode Technical Report 36).
#[must_use]
pub(crate) fn harmless(text: &str) -> String {
    text.chars()
        .map(|character| match character {
            '\u{61c}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}' => character.escape_unicode().to_string(),
            character if character.is_control() => character.escape_default().to_string(),
            character => character.to_string(),
        })
        .collect()
}

/// The start of a text, at most `longest` characters. `…` marks a cut.
#[must_use]
pub(crate) fn shortened(text: &str, longest: usize) -> String {
    match text.char_indices().nth(longest) {
        None => text.to_owned(),
        Some(_) => text
            .chars()
            .take(longest.saturating_sub(1))
            .chain(['…'])
            .collect(),
    }
}

/// The start of a text, at most `longest` characters, escaped as by [`harmless`].
#[must_use]
pub(crate) fn bounded(text: &str, longest: usize) -> String {
    // The rest is cut off, so it need not be escaped.
    let start: String = text.chars().take(longest.saturating_add(1)).collect();
    shortened(&harmless(&start), longest)
}

/// A number with a noun: `1 file`, `2 files`.
#[must_use]
pub(crate) fn counted<N: Copy + Display + From<u8> + PartialEq>(number: N, name: &str) -> String {
    let plural = if number == N::from(1) { "" } else { "s" };
    format!("{number} {name}{plural}")
}

/// A time in the local time zone, to the minute. If the clock showed this time twice, the offset is added.
#[must_use]
pub(crate) fn local(time: Timestamp) -> String {
    let zone = TimeZone::system();
    let time = time.to_zoned(zone.clone());
    let form = match zone.to_ambiguous_timestamp(time.datetime()).offset() {
        AmbiguousOffset::Fold { .. } => "%Y-%m-%d %H:%M %:z",
        _ => "%Y-%m-%d %H:%M",
    };
    time.strftime(form).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_spelled_out_the_rest_stays() {
        assert_eq!(
            harmless("gr\u{f6}\u{df}e\u{1b}]0;x\u{7}\n\r\0\u{202e}\u{85}\u{7f} | \\ \u{e01} 日本"),
            "größe\\u{1b}]0;x\\u{7}\\n\\r\\u{0}\\u{202e}\\u{85}\\u{7f} | \\ \u{e01} 日本"
        );
    }

    #[test]
    fn a_text_that_is_too_long_is_cut_and_marked() {
        assert_eq!(shortened("größe", 5), "größe");
        assert_eq!(shortened("größer", 5), "größ…");
    }

    #[test]
    fn what_is_spelled_out_counts_as_it_is_shown() {
        for (text, shown) in [("", ""), ("four", "four"), ("fives", "fiv…"), ("a\0", "a\\u…")] {
            assert_eq!(bounded(text, 4), shown);
        }
        assert_eq!(bounded(&"\u{202e}".repeat(1_000_000), 300).chars().count(), 300);
    }
}
