//! The examples of README.md that people copy do what it says of them: the offsite copy with the real rclone, the hook
//! with the real sqlite3.

#![expect(
    clippy::disallowed_methods,
    reason = "rclone, restic and sqlite3 run as an admin would have them run"
)]

mod offsite;
mod sqlite;

use std::path::Path;

use anyhow::{Context, Result};

/// The block of code that holds a line.
fn block(line: &str) -> Result<String> {
    // Read by the test, not by the compiler: clippy also checks this file where there is no README.md, in the package.
    let readme = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md"))?;
    let mut blocks = readme.split("\n```").skip(1).step_by(2);
    let found = blocks.find(|block| block.lines().any(|other| other == line));
    let found = found.with_context(|| format!("no block of README.md has the line {line:?}"))?;
    let (_, code) = found.split_once('\n').context("a block has lines")?;
    Ok(code.to_owned())
}
