//! What is written to a terminal: its width, its colours, and nothing that would take hold of it.

use std::fmt::Display;
use std::io::{self, ErrorKind, Write};
use std::path::Path;

use anstyle::{AnsiColor, Style};
use anyhow::{Context, Result};
use jiff::Timestamp;
use jiff::tz::{AmbiguousOffset, TimeZone};
use terminal_size::{Width, terminal_size};
use textwrap::WordSplitter;

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

/// Says on standard error what went wrong, or is to be noted. Where that is lost, there is nobody to be told.
pub(super) fn complain(text: impl Display) {
    drop(
        anstream::stderr()
            .lock()
            .write_all(format!("{text}\n").as_bytes()),
    );
}

/// Says the steps of a work that must not stop half-way because nobody hears them.
#[derive(Default)]
pub(super) struct Steps {
    lost: Option<anyhow::Error>,
}

impl Steps {
    pub(super) fn say(&mut self, text: impl Display) {
        if self.lost.is_none() {
            self.lost = say(&format!("{text}\n")).err();
        }
    }

    /// Once all is done.
    ///
    /// # Errors
    /// When a step could not be said.
    pub(super) fn end(self) -> Result<()> {
        self.lost.map_or(Ok(()), Err)
    }
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
        // A unit's name that is cut at a hyphen is none.
        .word_splitter(WordSplitter::NoHyphenation)
        .initial_indent(indent)
        .subsequent_indent(indent);
    textwrap::fill(&text, options) + "\n"
}

/// So many of them: `1 file`, `2 files`.
pub(super) fn counted<N: Copy + Display + From<u8> + PartialEq>(number: N, name: &str) -> String {
    let plural = if number == N::from(1) { "" } else { "s" };
    format!("{number} {name}{plural}")
}

/// A time as the clock on the wall shows it, to the minute; with its offset where the clock showed that twice.
pub(super) fn local(time: Timestamp) -> String {
    let zone = TimeZone::system();
    let time = time.to_zoned(zone.clone());
    let form = match zone.to_ambiguous_timestamp(time.datetime()).offset() {
        AmbiguousOffset::Fold { .. } => "%Y-%m-%d %H:%M %:z",
        _ => "%Y-%m-%d %H:%M",
    };
    time.strftime(form).to_string()
}
