//! Mistakes that make a text no TOML.

use toml::de::Error;

use crate::model::Refusal;
use crate::problem::Problems;

/// Notes the syntax errors; true when the text can be understood all the same, because all that is wrong with
/// it is that something is there twice.
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
            // The keys of a table that is there twice are not the mistake.
            if twice_from != Some(table) {
                let at = text.get(span.clone()).unwrap_or_default();
                problems.refuse(
                    span,
                    Refusal::new(
                        format!("`{at}` is there twice"),
                        "give each key, and each host, once; two hosts need two names",
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
            format!("the value `{at}` is not understood"),
            "put strings in double quotes",
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
            "close it with `\"`; a `\\` in it is written `\\\\`",
        ),
        (
            "key with no value",
            "this key has no value",
            "write `key = \"value\"`",
        ),
        (
            "invalid unquoted key",
            "this character can't stand in a key",
            "write `key = \"value\"`; a key of other characters than a to z, 0 to 9, `-` and `_` stands in quotes",
        ),
        (
            "unclosed table",
            "the name of this table does not end",
            "write it in brackets: `[table]`",
        ),
        (
            "missing comma between array elements",
            "the list before this does not end, or lacks a comma",
            "write a `,` between its items, and `]` at its end",
        ),
        (
            "unclosed array",
            "the list before this does not end",
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
                    "strings stand in double quotes, lists and names of tables in brackets; see toml.io",
                )
            },
            |(_, what, hint)| Refusal::new(*what, *hint),
        )
}
