//! Output to a terminal: width, colours, and escaped control characters.

use std::fmt::Display;
use std::io::{self, ErrorKind, Write};
use std::path::Path;

use anstyle::{AnsiColor, Style};
use anyhow::{Context, Result};
use terminal_size::{Width, terminal_size};
use textwrap::WordSplitter;

use crate::apply;
use crate::status::State;

pub(super) use crate::text::{counted, harmless, local};

/// The number of columns of the terminal; `None` without a terminal. Then lines are not wrapped.
pub(super) fn width() -> Option<u16> {
    terminal_size().map(|(Width(width), _)| width)
}

/// Prints a text for people, with colours only on a terminal.
///
/// # Errors
/// When it cannot be written, as on a full disk.
pub(super) fn print(text: &str) -> Result<()> {
    write(anstream::stdout().lock(), text.as_bytes())
}

/// Prints a text for machines, unchanged.
///
/// # Errors
/// When it cannot be written, as on a full disk.
pub(super) fn hand_over(text: impl AsRef<[u8]>) -> Result<()> {
    write(io::stdout().lock(), text.as_ref())
}

/// Prints an error, a warning or a note on standard error. Ignores a write error, which could not be reported.
pub(super) fn complain(text: impl Display) {
    drop(
        anstream::stderr()
            .lock()
            .write_all(format!("{text}\n").as_bytes()),
    );
}

/// Prints the steps of a task that must not stop halfway if its output is lost.
#[derive(Default)]
pub(super) struct Steps {
    lost: Option<anyhow::Error>,
}

impl Steps {
    pub(super) fn print(&mut self, text: impl Display) {
        if self.lost.is_none() {
            self.lost = print(&format!("{text}\n")).err();
        }
    }

    /// Ends the task.
    ///
    /// # Errors
    /// When a step could not be printed.
    pub(super) fn end(self) -> Result<()> {
        self.lost.map_or(Ok(()), Err)
    }
}

/// Replaces a file with a text atomically. Without a file, or if it is `-`, prints to standard output.
///
/// # Errors
/// When it cannot be written.
pub(super) fn hand_over_to(file: Option<&Path>, text: &str) -> Result<()> {
    match file.filter(|file| *file != Path::new("-")) {
        Some(file) => apply::replace(file, text.as_bytes()),
        None => hand_over(text),
    }
}

fn write(mut output: impl Write, text: &[u8]) -> Result<()> {
    match output.write_all(text).and_then(|()| output.flush()) {
        // The reader, such as `head`, may stop reading.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        result => result.context("cannot write to standard output"),
    }
}

/// The colour of a state. `anstream` removes it if the output is not a terminal or colours are not wanted.
pub(super) fn style(state: State) -> Style {
    let color = match state {
        State::Ok => AnsiColor::Green,
        State::Warning => AnsiColor::Yellow,
        State::Never => AnsiColor::Magenta,
        State::Alert => AnsiColor::Red,
    };
    color.on_default().bold()
}

/// An untrusted text, escaped and wrapped to the width of the terminal.
pub(super) fn wrapped(text: &str, indent: &str) -> String {
    let text = harmless(text);
    let width = width().map_or(usize::MAX, usize::from);
    let options = textwrap::Options::new(width)
        // A unit's name must not be cut at a hyphen.
        .word_splitter(WordSplitter::NoHyphenation)
        .initial_indent(indent)
        .subsequent_indent(indent);
    textwrap::fill(&text, options) + "\n"
}
