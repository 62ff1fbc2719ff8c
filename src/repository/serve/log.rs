//! The lines of the journal about a connection: one for each refusal, up to a number.

use std::sync::atomic::{AtomicU64, Ordering};

use http::{Method, Uri};

use super::refusal::Refusal;
use super::request::is_probe;
use crate::text::bounded;

/// Refusals with a line of their own: a client must not fill the journal.
const LINES: u64 = 20;
/// Characters of a path that are shown; one of a repository has 74.
const LONGEST: usize = 100;

/// Prints problems, and counts refusals.
#[derive(Debug)]
pub(super) struct Log {
    print: fn(&str),
    refused: AtomicU64,
}

impl Log {
    /// A log that prints its lines by `print`.
    pub(super) fn new(print: fn(&str)) -> Self {
        Self {
            print,
            refused: AtomicU64::new(0),
        }
    }

    /// Prints a line about a problem of the storage host itself.
    pub(super) fn warn(&self, line: &str) {
        (self.print)(line);
    }

    /// Prints a line about a refusal.
    pub(super) fn refused(&self, method: &Method, uri: &Uri, refusal: &Refusal) {
        if refusal.is_normal() || (*refusal == Refusal::Unknown && is_probe(uri.path())) {
            return;
        }
        let before = self.refused.fetch_add(1, Ordering::Relaxed);
        if before < LINES {
            let path = uri.path_and_query().map_or("", |path| path.as_str());
            let asked = bounded(&format!("{method} {path}"), LONGEST);
            (self.print)(&format!("refused: {asked}: {refusal}"));
        } else if before == LINES {
            (self.print)("refused: further requests, which are only counted");
        }
    }

    /// How many requests were refused.
    pub(super) fn count(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }
}
