//! Prints the lines of a unit, which systemd writes to the journal. An error of the journal never ends a backup.

use std::fmt::Display;
use std::io::{Write, stderr, stdout};

/// Prints a line about the normal course.
pub(crate) fn note(line: impl Display) {
    drop(writeln!(stdout(), "{line}"));
}

/// Prints a line about a problem.
pub(crate) fn warn(line: impl Display) {
    drop(writeln!(stderr(), "{line}"));
}
