//! Writes the record of a run.
//!
//! A record that cannot be written never stops a backup. The writer prints the reason once, and reports at
//! the end that the record is incomplete.

#![expect(
    clippy::disallowed_methods,
    reason = "a run appends to its record while it is running; only `genbackup record` adds a whole file"
)]

use std::fs::{File, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use jiff::Timestamp;

use super::directory::file_name;
use super::event::{Event, What};
use super::run::RunId;
use crate::system::journal;

/// User and group restic may read a record, and nobody else: it contains names of files.
const MODE: u32 = 0o640;
/// The delay between two searches for a free name.
const PAUSE: Duration = Duration::from_millis(100);

/// The record of one run, to which threads append events.
#[derive(Debug)]
pub(crate) struct Writer {
    run: RunId,
    path: PathBuf,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    is_incomplete: bool,
}

/// The right to append. While a thread holds it, the events of other threads wait.
#[derive(Debug)]
pub(crate) struct Guard<'w> {
    writer: &'w Writer,
    state: MutexGuard<'w, State>,
}

impl Writer {
    /// Begins a record, which gives the run its name: the second in which it begins. Each second has room for
    /// one record, and belongs to the process that creates the file first.
    #[must_use]
    pub(crate) fn begin(directory: &Path) -> Self {
        loop {
            let writer = Self::of(directory, RunId::at(Timestamp::now()));
            match create(&writer.path) {
                Err(error) if error.kind() == ErrorKind::AlreadyExists => thread::park_timeout(PAUSE),
                // If the file cannot be created, the first event reports that.
                _ => return writer,
            }
        }
    }

    /// Continues the record of a run.
    #[must_use]
    pub(crate) fn of(directory: &Path, run: RunId) -> Self {
        Self {
            run,
            path: directory.join(file_name(run)),
            state: Mutex::default(),
        }
    }

    /// The name of the run.
    #[must_use]
    pub(crate) const fn run(&self) -> RunId {
        self.run
    }

    /// The file.
    #[must_use]
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Waits for the right to append.
    pub(crate) fn guard(&self) -> Guard<'_> {
        Guard {
            writer: self,
            state: self.state.lock().unwrap_or_else(PoisonError::into_inner),
        }
    }

    /// Appends what happens now.
    pub(crate) fn append(&self, what: What) {
        self.guard().append(&Event::now(what));
    }

    /// False if an event could not be written.
    #[must_use]
    pub(crate) fn is_complete(&self) -> bool {
        !self.guard().state.is_incomplete
    }
}

impl Guard<'_> {
    /// Appends an event.
    pub(crate) fn append(&mut self, event: &Event) {
        let path = &self.writer.path;
        let written = { event.line().map_err(io::Error::from) }.and_then(|line| append(path, &line));
        if let Err(error) = written
            && !std::mem::replace(&mut self.state.is_incomplete, true)
        {
            let path = path.display();
            journal::warn(format_args!(
                "cannot write the record {path} ({error}); the run continues without it"
            ));
        }
    }
}

fn create(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new().append(true).create_new(true).open(path)?;
    // The unit's umask is stricter.
    file.set_permissions(Permissions::from_mode(MODE))?;
    Ok(file)
}

/// Appends one line. The file is opened each time, so that a record that somebody removed or a disk that was full costs
/// only what happened meanwhile.
fn append(path: &Path, line: &str) -> io::Result<()> {
    let opened = OpenOptions::new().read(true).append(true).open(path);
    let mut file = match opened {
        Err(error) if error.kind() == ErrorKind::NotFound => create(path)?,
        opened => opened?,
    };
    // The last line may be incomplete, if the disk was full.
    let mut text = String::with_capacity(line.len() + 1);
    if file.seek(SeekFrom::End(0))? > 0 {
        file.seek(SeekFrom::End(-1))?;
        let mut last = [0];
        file.read_exact(&mut last)?;
        if last != [b'\n'] {
            text.push('\n');
        }
    }
    text.push_str(line);
    file.write_all(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runs::record::{Run, Warning, open};

    fn warning(why: &str) -> What {
        What::Warning(Warning { why: why.to_owned() })
    }

    #[test]
    fn a_line_that_a_full_disk_cut_off_costs_no_other_line() {
        let directory = tempfile::tempdir().unwrap();
        let writer = Writer::begin(directory.path());
        writer.append(warning("one"));
        let cut_off = OpenOptions::new().append(true).open(writer.path());
        cut_off.unwrap().write_all(b"{\"event\":\"warn").unwrap();
        writer.append(warning("two"));
        let run = Run::read(writer.run(), open(directory.path(), writer.run()).unwrap()).unwrap();
        assert_eq!(run.warnings, ["one", "two"]);
        assert_eq!(run.bad_lines.count, 1);
        assert!(writer.is_complete());
        let mode = writer.path().metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, MODE);
    }

    #[test]
    fn two_records_of_one_second_have_two_names() {
        let directory = tempfile::tempdir().unwrap();
        let [one, other] = [(); 2].map(|()| Writer::begin(directory.path()).run());
        assert!(one < other);
    }

    #[test]
    fn a_record_that_cannot_be_written_is_incomplete() {
        // Nobody can create a file there.
        let writer = Writer::begin(Path::new("/proc"));
        assert!(writer.is_complete());
        writer.append(warning("one"));
        assert!(!writer.is_complete());
    }
}
