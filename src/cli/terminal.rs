//! What is written to a terminal: its width, its colours, and nothing that would take hold of it.

use std::io::{self, ErrorKind, Write};

use anstyle::{AnsiColor, Style};
use anyhow::{Context, Result};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use terminal_size::{Width, terminal_size};

use crate::health::State;

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

/// A time as the clock on the wall shows it, to the minute.
pub(super) fn local(time: Timestamp) -> String {
    let time = time.to_zoned(TimeZone::system());
    time.strftime("%Y-%m-%d %H:%M").to_string()
}
