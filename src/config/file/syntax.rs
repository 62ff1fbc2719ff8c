//! Errors in the syntax of TOML.

use toml::de::Error;

use crate::config::problem::Problems;
use crate::model::Refusal;

/// Notes the syntax errors. Returns true if the text can still be understood, because its only errors are
/// keys or tables that occur twice.
pub(super) fn note(problems: &mut Problems<'_>, text: &str, errors: &[Error]) -> bool {
    let mut errors: Vec<(usize, &Error)> = errors
        .iter()
        .map(|error| (error.span().map_or(0, |span| span.start), error))
        .collect();
    errors.sort_by_key(|(start, _)| *start);

    let mut understood = true;
    let mut last_line = None;
    let mut twice_from = None;
    for (start, error) in errors {
        let span = error.span().unwrap_or_default();
        let table = table_start(text, start);
        if is_twice(error) {
            // The repeated keys of a table that occurs twice are not reported.
            if twice_from != Some(table) {
                let at = text.get(span.clone()).unwrap_or_default();
                problems.refuse(
                    span,
                    Refusal::new(
                        format!("`{at}` occurs twice"),
                        "write each key and each table once; give each host its own name",
                    ),
                );
            }
            if line_start(text, start) == table {
                twice_from = Some(table);
            }
            continue;
        }
        understood = false;
        // What follows on the same line, or behind a list without its end, follows from it.
        let line = line_start(text, start);
        if last_line.replace(line) != Some(line) {
            let at = text.get(span.clone()).unwrap_or_default();
            problems.refuse_text(span, explain(error.message(), at));
        }
        if ["array", "inline table", "multi-line"]
            .iter()
            .any(|word| error.message().contains(word))
        {
            break;
        }
    }
    understood
}

fn is_twice(error: &Error) -> bool {
    error.message().starts_with("duplicate key")
}

fn line_start(text: &str, offset: usize) -> usize {
    let before = text.get(..offset).unwrap_or(text);
    before.rfind('\n').map_or(0, |newline| newline + 1)
}

/// Where the line of the `[table]` starts that this place is in.
fn table_start(text: &str, offset: usize) -> usize {
    let mut start = line_start(text, offset);
    while start > 0
        && !text
            .get(start..)
            .unwrap_or_default()
            .trim_start()
            .starts_with('[')
    {
        start = line_start(text, start - 1);
    }
    start
}

fn explain(message: &str, at: &str) -> Refusal {
    if message.starts_with("string values must be quoted") && !at.trim().is_empty() {
        return Refusal::new(
            format!("`{at}` is not a value of TOML"),
            "write a string in double quotes",
        );
    }
    let known = [
        (
            "string values must be quoted",
            "this key has no value",
            "write `key = \"value\"`",
        ),
        (
            "invalid basic string",
            "this string does not end on its line",
            "close it with `\"`; write a backslash in it as `\\\\`",
        ),
        (
            "key with no value",
            "this key has no value",
            "write `key = \"value\"`",
        ),
        (
            "invalid unquoted key",
            "a key cannot contain this character",
            "write `key = \"value\"`; a key with other characters than letters, digits, `-` and `_` needs quotes",
        ),
        (
            "unclosed table",
            "the name of this table is not closed",
            "write the name in brackets: `[table]`",
        ),
        (
            "missing comma between array elements",
            "the list before this place is not closed, or lacks a comma",
            "write `,` between its items and `]` at its end",
        ),
        (
            "unclosed array",
            "the list before this place is not closed",
            "write `]` at its end",
        ),
    ];
    let first = message.lines().next().unwrap_or_default();
    known
        .iter()
        .find(|(start, _, _)| first.starts_with(start))
        .map_or_else(
            || {
                Refusal::new(
                    format!("this is not TOML: {first}"),
                    "write strings in double quotes, lists and table names in brackets; see https://toml.io",
                )
            },
            |(_, what, hint)| Refusal::new(*what, *hint),
        )
}
