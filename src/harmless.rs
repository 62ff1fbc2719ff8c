//! What somebody else wrote, made fit to be shown.

/// A text that somebody else wrote, without what a terminal obeys: control characters, and those that change the order
/// of what is read (Unicode Technical Report 36).
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

/// The same, and no longer than so many characters: what is cut off ends in `…`.
pub(crate) fn bounded(text: &str, most: usize) -> String {
    // What is beyond can't be seen, so it need not be looked at.
    let start: String = text.chars().take(most.saturating_add(1)).collect();
    let shown = harmless(&start);
    if shown.chars().count() <= most {
        return shown;
    }
    let kept = shown.chars().take(most.saturating_sub(1));
    kept.chain(std::iter::once('…')).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_obeys_is_spelled_out_and_the_rest_stays() {
        assert_eq!(
            harmless("gr\u{f6}\u{df}e\u{1b}]0;x\u{7}\n\r\0\u{202e}\u{85}\u{7f} | \\ \u{e01} 日本"),
            "größe\\u{1b}]0;x\\u{7}\\n\\r\\u{0}\\u{202e}\\u{85}\\u{7f} | \\ \u{e01} 日本"
        );
    }

    #[test]
    fn a_text_that_is_too_long_is_cut_off_and_shows_it() {
        for (text, shown) in [
            ("", ""),
            ("four", "four"),
            ("fives", "fiv…"),
            ("日本語日本", "日本語…"),
            ("a\0", "a\\u…"),
        ] {
            assert_eq!(bounded(text, 4), shown);
        }
        assert_eq!(bounded(&"\u{202e}".repeat(1_000_000), 300).chars().count(), 300);
    }
}
