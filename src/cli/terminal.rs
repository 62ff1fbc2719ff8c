//! What is written to a terminal: its width, its colours, and nothing that would take hold of it.

use std::io::{self, ErrorKind, Write};

use anstyle::{AnsiColor, Style};
use anyhow::{Context, Result};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use terminal_size::{Width, terminal_size};

use crate::health::State;

/// The columns of the terminal; `None` where standard output is none: then a line is as long as it is.
pub(super) fn width() -> Option<u16> {
    terminal_size().map(|(Width(width), _)| width)
}

/// Says something to people: in colours on a terminal, and without them elsewhere.
///
/// # Errors
/// When it can't be written, as on a full disk.
pub(super) fn say(text: &str) -> Result<()> {
    write(anstream::stdout().lock(), text)
}

/// Says something to machines, letter by letter.
///
/// # Errors
/// When it can't be written, as on a full disk.
pub(super) fn hand_over(text: &str) -> Result<()> {
    write(io::stdout().lock(), text)
}

fn write(mut output: impl Write, text: &str) -> Result<()> {
    match output.write_all(text.as_bytes()).and_then(|()| output.flush()) {
        // Who has read enough, such as `head`, may go.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        said => said.context("can't write to standard output"),
    }
}

/// The colour of a state. Where it goes to no terminal, or nobody wants colours, `anstream` takes it out.
pub(super) fn style(state: State) -> Style {
    let color = match state {
        State::Ok => AnsiColor::Green,
        State::Warning => AnsiColor::Yellow,
        State::Never => AnsiColor::Magenta,
        State::Alert => AnsiColor::Red,
    };
    color.on_default().bold()
}

/// A text that somebody else wrote, without what a terminal obeys: control characters, and those that change the order
/// of what is read (Unicode Technical Report 36).
pub(super) fn harmless(text: &str) -> String {
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

/// A text that somebody else may have written, in lines that fit into the terminal.
pub(super) fn wrapped(text: &str, indent: &str) -> String {
    let text = harmless(text);
    let width = width().map_or(usize::MAX, usize::from);
    let options = textwrap::Options::new(width)
        .initial_indent(indent)
        .subsequent_indent(indent);
    textwrap::fill(&text, options) + "\n"
}

/// A time as the clock on the wall shows it, to the minute.
pub(super) fn local(time: Timestamp) -> String {
    let time = time.to_zoned(TimeZone::system());
    time.strftime("%Y-%m-%d %H:%M").to_string()
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
}
