//! Makes the texts of a client safe for a record and a journal.

/// The most characters of a text that are recorded.
const LONGEST: usize = 2000;

/// The start of a text; `…` marks a cut.
pub(super) fn cut(text: &str) -> String {
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// A text with a space in the place of control characters, which can break lines and control a terminal.
pub(super) fn on_one_line(text: &str) -> String {
    if !text.contains(char::is_control) {
        return text.to_owned();
    }
    let words = text.split(|c: char| c.is_control() || c == ' ');
    words
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

/// The start of a text, without control characters.
pub(super) fn short(text: &str) -> String {
    on_one_line(&cut(text))
}

/// A name with its control characters escaped.
pub(super) fn spelled_out(name: &str) -> String {
    if !name.contains(char::is_control) {
        return name.to_owned();
    }
    let spelled = name.chars().map(|character| {
        if character.is_control() {
            format!("\\u{{{:02x}}}", u32::from(character))
        } else {
            character.to_string()
        }
    });
    spelled.collect()
}
