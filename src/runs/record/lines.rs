//! A record's lines, each an event or not, in bounded memory.

use std::fmt;
use std::io::{self, BufRead, Read};

use super::about::About;
use super::event::{Event, What};
use super::reason::Reason;

/// The bytes of the longest line that is read, its newline not counted.
///
/// The longest that the scripts write is a `host-finished`, below 5 MB. It has four lists of at most a
/// hundred paths. Each is cut off after 2000 characters, of at most six bytes each (`\u0007`).
pub const LINE_LIMIT: usize = 8 << 20;

/// One line.
#[derive(Debug, Clone, PartialEq)]
pub enum Line {
    /// An event.
    Good(Event),
    /// None.
    Bad(BadLine),
}

/// A line that is no event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BadLine {
    /// Which one, counted from 1.
    pub number: u64,
    /// What is wrong with it.
    pub reason: Reason,
}

impl fmt::Display for BadLine {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { number, reason } = self;
        write!(formatter, "line {number}: {reason}")
    }
}

/// The lines of a record, in order: one item for each. Holds one line of at most [`LINE_LIMIT`] bytes.
///
/// An error is the reader's own, such as a disk that fails, and the last item.
#[derive(Debug)]
pub struct Lines<R> {
    reader: R,
    buffer: Vec<u8>,
    number: u64,
    is_over: bool,
    about: Option<About>,
}

impl<R: BufRead> Lines<R> {
    /// The lines that `reader` gives.
    pub const fn of(reader: R) -> Self {
        Self {
            reader,
            buffer: Vec::new(),
            number: 0,
            is_over: false,
            about: None,
        }
    }

    /// The same without what is about nothing of this; the lines that are left keep their numbers.
    #[must_use]
    pub fn about(self, about: About) -> Self {
        Self {
            about: Some(about),
            ..self
        }
    }

    fn read_line(&mut self) -> io::Result<Option<Line>> {
        loop {
            self.skip_what_does_not_matter()?;
            self.buffer.clear();
            let longest = LINE_LIMIT as u64 + 1;
            let mut bounded = self.reader.by_ref().take(longest);
            if bounded.read_until(b'\n', &mut self.buffer)? == 0 {
                return Ok(None);
            }
            self.number += 1;
            let matters = |about: &About| about.may_be_in(&self.buffer);
            if self.buffer.len() > LINE_LIMIT || self.about.as_ref().is_none_or(matters) {
                break;
            }
        }
        let has_end = self.buffer.pop_if(|byte| *byte == b'\n').is_some();
        let event = if self.buffer.len() > LINE_LIMIT {
            self.reader.skip_until(b'\n')?;
            Err(Reason::TooLong)
        } else {
            match parse(&self.buffer) {
                Err(_) if !has_end => Err(Reason::CutOff),
                event => event,
            }
        };
        Ok(Some(match event {
            Ok(event) => Line::Good(event),
            Err(reason) => Line::Bad(BadLine {
                number: self.number,
                reason,
            }),
        }))
    }

    /// Skips the lines that are whole in the reader's buffer and do not matter, without a copy of them.
    fn skip_what_does_not_matter(&mut self) -> io::Result<()> {
        let Some(about) = &self.about else {
            return Ok(());
        };
        loop {
            let chunk = self.reader.fill_buf()?;
            let mut skipped = 0;
            let mut rest = chunk;
            while let Some(end) = memchr::memchr(b'\n', rest)
                && let Some((line, after)) = rest.split_at_checked(end + 1)
                && !about.may_be_in(line)
            {
                skipped += line.len();
                self.number += 1;
                rest = after;
            }
            let is_all = rest.is_empty();
            self.reader.consume(skipped);
            if skipped == 0 || !is_all {
                return Ok(());
            }
        }
    }

    /// Leaves of a run's beginning the hosts that matter. True when none of what matters is in the run.
    fn is_irrelevant(&self, line: &mut Line) -> bool {
        match (&self.about, line) {
            (Some(about), Line::Good(event)) => match &mut event.what {
                What::RunStarted(started) => {
                    about.retain(&mut started.hosts);
                    about.is_in_no_run_of(&started.hosts, started.beside)
                }
                _ => false,
            },
            _ => false,
        }
    }
}

fn parse(line: &[u8]) -> Result<Event, Reason> {
    Event::parse(std::str::from_utf8(line).map_err(|_| Reason::NotUtf8)?)
}

impl<R: BufRead> Iterator for Lines<R> {
    type Item = io::Result<Line>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_over {
            return None;
        }
        let mut line = self.read_line();
        self.is_over = match &mut line {
            Ok(Some(line)) => self.is_irrelevant(line),
            _ => true,
        };
        line.transpose()
    }
}
