//! Texts that come in part from a client. Their control characters are escaped.

use crate::cli::terminal::{counted, harmless};

/// The number of lines of an error that are printed.
const MOST: usize = 200;

/// The text with its control characters escaped, except line breaks and tabs.
pub(super) fn printable(text: &str) -> String {
    let line = |line: &str| line.split('\t').map(harmless).collect::<Vec<_>>().join("\t");
    text.split('\n').map(line).collect::<Vec<_>>().join("\n")
}

/// An error and its hint. The lines of the error after the first [`MOST`] are counted, not printed.
pub(super) fn complaint(what: &str, hint: Option<&str>) -> String {
    let hint = hint.map_or_else(String::new, |hint| format!("\n\nhint: {hint}"));
    let lines: Vec<&str> = what.split('\n').collect();
    let Some((shown, rest)) = lines.split_at_checked(MOST).filter(|(_, rest)| !rest.is_empty()) else {
        return printable(&format!("{what}{hint}"));
    };
    printable(&format!(
        "{}\n({}){hint}",
        shown.join("\n"),
        counted(rest.len(), "more line")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_controls_except_line_breaks_and_tabs() {
        assert_eq!(
            printable("a\tb\n\u{1b}[2J\r\u{202e}\n"),
            "a\tb\n\\u{1b}[2J\\r\\u{202e}\n"
        );
    }

    #[test]
    fn a_short_error_stays_as_it_is() {
        assert_eq!(
            complaint("cannot write: why", Some("push again")),
            "cannot write: why\n\nhint: push again"
        );
        assert_eq!(complaint("one line", None), "one line");
        let full = vec!["x"; MOST].join("\n");
        assert_eq!(complaint(&full, None), full);
    }

    #[test]
    fn a_long_error_keeps_its_start_and_its_hint() {
        let what = format!("modified:{}", "\n-line".repeat(100_000));
        let shown = complaint(&what, Some("use \u{1b}"));
        assert!(shown.starts_with("modified:\n-line\n"), "{shown}");
        assert!(
            shown.ends_with("-line\n(99801 more lines)\n\nhint: use \\u{1b}"),
            "{shown}"
        );
        assert_eq!(shown.lines().count(), MOST + 3);
    }
}
