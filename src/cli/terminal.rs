//! What is written to a terminal: its width, its colours, and nothing that would take hold of it.

use std::io::{self, ErrorKind, Write};
use std::path::Path;

use anstyle::{AnsiColor, Style};
use anyhow::{Context, Result};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use terminal_size::{Width, terminal_size};

use crate::health::State;
use crate::write;

pub(super) use crate::text::harmless;

/// The columns of the terminal; `None` where standard output is none: then a line is as long as it is.
pub(super) fn width() -> Option<u16> {
    terminal_size().map(|(Width(width), _)| width)
}

/// Says something to people: in colours on a terminal, and without them elsewhere.
///
/// # Errors
/// When it can't be written, as on a full disk.
pub(super) fn say(text: &str) -> Result<()> {
    write(anstream::stdout().lock(), text.as_bytes())
}

/// Says something to machines, letter by letter.
///
/// # Errors
/// When it can't be written, as on a full disk.
pub(super) fn hand_over(text: impl AsRef<[u8]>) -> Result<()> {
    write(io::stdout().lock(), text.as_ref())
}

/// The same into a file, whole at any moment; without one, or where it is called `-`, to standard output.
///
/// # Errors
/// When it can't be written.
pub(super) fn hand_over_to(file: Option<&Path>, text: &str) -> Result<()> {
    match file.filter(|file| *file != Path::new("-")) {
        Some(file) => write::replace(file, text.as_bytes()),
        None => hand_over(text),
    }
}

fn write(mut output: impl Write, text: &[u8]) -> Result<()> {
    match output.write_all(text).and_then(|()| output.flush()) {
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
