//! The reference: the chapters of the book that are made from the code, and the manual page of the fleet file.
//!
//! A key of the fleet file is described where [`crate::config::file`] has it, a verb where [`crate::cli`] has it, and a unit by
//! its own text. So a chapter cannot differ from the program, and a test compares the chapters with it.

mod exposure;
mod fleet_file;
mod keys;
mod manual;
mod nix;
mod units;
mod verbs;

use anyhow::Result;
use clap::Command;

pub use exposure::{BOUNDS, RESTORE_BOUND};
pub use keys::{Key, Table, Without, tables};
pub(crate) use manual::manual_page;
pub use units::{FLEET, kind};

/// A file of the reference.
#[derive(Debug)]
pub struct Page {
    /// Its name.
    pub name: &'static str,
    /// Its text.
    pub text: String,
}

/// The first blocks of a chapter: its title, and where its text comes from.
fn head(title: &str) -> Vec<String> {
    let origin = "<!-- `cargo xtask docs` writes this chapter from the code. -->";
    vec![format!("# {title}"), origin.to_owned()]
}

/// Blocks of Markdown as a text.
fn document(blocks: &[String]) -> String {
    blocks.join("\n\n") + "\n"
}

/// A table of Markdown.
fn rows(columns: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let head = [columns.join(" | "), vec!["---"; columns.len()].join(" | ")];
    let rows = rows.into_iter().map(|cells| cells.join(" | "));
    let lines = head.into_iter().chain(rows);
    lines
        .map(|line| format!("| {line} |"))
        .collect::<Vec<_>>()
        .join("\n")
}

/// A list of facts of Markdown, each with its name.
fn facts(facts: impl IntoIterator<Item = (&'static str, String)>) -> String {
    let lines = facts.into_iter().map(|(name, fact)| format!("- {name}: {fact}"));
    lines.collect::<Vec<_>>().join("\n")
}

/// The text of `nix/defaults.nix`, from which the NixOS module takes defaults and lists.
///
/// # Errors
/// When its template cannot be filled in: a bug.
pub fn nix_defaults() -> Result<String> {
    nix::defaults(&tables())
}

/// The generated chapters of the book; `command` is the command line that they describe.
///
/// # Errors
/// When a verb has no help, or the fleet of [`FLEET`] has a problem: both are bugs.
pub fn chapters(command: &Command) -> Result<Vec<Page>> {
    Ok(vec![
        Page {
            name: "fleet-toml.md",
            text: fleet_file::chapter(&tables()),
        },
        Page {
            name: "verbs.md",
            text: verbs::chapter(command)?,
        },
        Page {
            name: "units.md",
            text: units::chapter()?,
        },
    ])
}
