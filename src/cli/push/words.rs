//! Texts that come from a client in part: a terminal obeys none of them.

use crate::cli::terminal::{counted, harmless};

/// Lines of an error that are printed.
const MOST: usize = 200;

/// A text whose lines and tabs stay, and whose other control characters are escaped.
pub(super) fn printable(text: &str) -> String {
    let line = |line: &str| line.split('\t').map(harmless).collect::<Vec<_>>().join("\t");
    text.split('\n').map(line).collect::<Vec<_>>().join("\n")
}

/// An error of several lines: those in its middle are left out where they are many. The hint at its end stays.
pub(super) fn complaint(text: &str) -> String {
    let (what, hint) = match text.rsplit_once("\nhint: ") {
        Some((what, hint)) => (what, format!("\nhint: {hint}")),
        None => (text, String::new()),
    };
    let lines: Vec<&str> = what.split('\n').collect();
    let Some((shown, rest)) = lines.split_at_checked(MOST).filter(|(_, rest)| !rest.is_empty()) else {
        return printable(text);
    };
    printable(&format!(
        "{}\n({})\n{hint}",
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
        let text = "cannot write: why\n\nhint: push again";
        assert_eq!(complaint(text), text);
        assert_eq!(complaint("one line"), "one line");
        let full = vec!["x"; MOST].join("\n");
        assert_eq!(complaint(&full), full);
    }

    #[test]
    fn a_long_error_keeps_its_start_and_its_hint() {
        let text = format!("modified:\n{}\nhint: use \u{1b}", "-line\n".repeat(100_000));
        let shown = complaint(&text);
        assert!(shown.starts_with("modified:\n-line\n"), "{shown}");
        assert!(
            shown.ends_with("-line\n(99802 more lines)\n\nhint: use \\u{1b}"),
            "{shown}"
        );
        assert_eq!(shown.lines().count(), MOST + 3);
    }
}
