//! The examples of README.md that people copy do what it says of them: the offsite copy with the real rclone, the hook
//! with the real sqlite3.

#![expect(
    clippy::disallowed_methods,
    reason = "rclone, restic and sqlite3 run as an admin would have them run"
)]

#[expect(dead_code, reason = "the program under test runs in its own tests")]
#[path = "support/command.rs"]
mod command;
#[path = "readme/offsite.rs"]
mod offsite;
#[path = "readme/sqlite.rs"]
mod sqlite;

use anyhow::{Context, Result};

const README: &str = include_str!("../README.md");

/// The block of code that holds a line.
fn block(line: &str) -> Result<&'static str> {
    let mut blocks = README.split("\n```").skip(1).step_by(2);
    let found = blocks.find(|block| block.lines().any(|other| other == line));
    let found = found.with_context(|| format!("no block of README.md has the line {line:?}"))?;
    let (_, code) = found.split_once('\n').context("a block has lines")?;
    Ok(code)
}
