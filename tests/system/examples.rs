//! The examples of the book that people copy do what it describes: the hook with the real sqlite3.

#![expect(
    clippy::disallowed_methods,
    reason = "sqlite3 runs as an admin would have it run"
)]

mod sqlite;

use std::path::Path;

use anyhow::{Context, Result};

/// The chapters, below the repository.
const CHAPTERS: &str = "docs/src/how-to";

/// The block of code of a chapter that holds a line.
pub(crate) fn block(chapter: &str, line: &str) -> Result<String> {
    // Read by the test, not by the compiler: clippy also checks this file where there is no book, in the package.
    let chapters = Path::new(env!("CARGO_MANIFEST_DIR")).join(CHAPTERS);
    let text = std::fs::read_to_string(chapters.join(chapter))?;
    let mut blocks = text.split("\n```").skip(1).step_by(2);
    let found = blocks.find(|block| block.lines().any(|other| other == line));
    let found = found.with_context(|| format!("no block of {chapter} has the line {line:?}"))?;
    let (_, code) = found.split_once('\n').context("a block has lines")?;
    Ok(code.to_owned())
}
