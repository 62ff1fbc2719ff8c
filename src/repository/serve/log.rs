//! The lines of the journal about a connection: one for each refusal, up to a number.

use std::sync::atomic::{AtomicU64, Ordering};

use http::{Method, Uri};

use super::refusal::Refusal;
use super::request::is_probe;
use crate::system::journal;
use crate::text::bounded;

/// Refusals with a line of their own: a client must not fill the journal.
const LINES: u64 = 20;
/// Characters of a path that are shown; one of a repository has 74.
const LONGEST: usize = 100;

/// Counts refusals.
#[derive(Debug, Default)]
pub(super) struct Log {
    refused: AtomicU64,
}

impl Log {
    /// Prints a line about a refusal.
    pub(super) fn refused(&self, method: &Method, uri: &Uri, refusal: &Refusal) {
        if refusal.is_normal() || (*refusal == Refusal::Unknown && is_probe(uri.path())) {
            return;
        }
        let before = self.refused.fetch_add(1, Ordering::Relaxed);
        if before < LINES {
            let asked = bounded(&format!("{method} {uri}"), LONGEST);
            journal::warn(format_args!("refused: {asked}: {refusal}"));
        } else if before == LINES {
            journal::warn("refused: further requests, which are only counted");
        }
    }

    /// How many requests were refused.
    pub(super) fn count(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }
}
