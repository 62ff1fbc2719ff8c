//! Texts that come from a client in part: a terminal obeys none of them.

use crate::cli::terminal::{counted, harmless};

/// Lines of an error that are printed.
const MOST: usize = 200;

/// A text whose lines and tabs stay, and whose other control characters are escaped.
pub(super) fn printable(text: &str) -> String {
    let line = |line: &str| line.split('\t').map(harmless).collect::<Vec<_>>().join("\t");
    text.split('\n').map(line).collect::<Vec<_>>().join("\n")
}

/// An error of several lines, with its hint: the lines in the middle are left out where they are many.
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
    fn lines_and_tabs_stay_and_what_a_terminal_obeys_is_escaped() {
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
