//! Follows chapters of the book in `docs`, command by command, as they are printed.
//!
//! An HTML comment on the line above a block defines what a test does with it:
//!
//! | comment | kind of block | what the test does |
//! | --- | --- | --- |
//! | `test: on jak` | `console` | runs the commands behind the prompts `# ` and `$ `; what stands below one is printed by it |
//! | `test: on each client` | `console` | the same on `ziz` and on `kai` |
//! | `test: on jak as user admin` | `console` | the same as that user |
//! | `test: on jak; there is a user admin` | `console` | sees to the second part before: `needs` has each of them |
//! | `test: on jak` | `bash`, `ini` | writes the file that the first line names |
//! | `test: fleet file` | `toml` | makes it the fleet file of the storage host |
//! | `test: merge into the fleet file` | `toml` | merges it into that file |
//! | `test: no, …` | any | nothing, for that reason |
//!
//! The tests of genbackup itself take the files `blocks`, `comment` and `fleet_file` by their paths.

mod blocks;
mod comment;
mod fleet_file;
mod follow;
mod needs;
mod place;
mod ready;
mod steps;

use anyhow::Context;

pub use blocks::{Block, blocks};
pub use comment::{Comment, Where};
pub use fleet_file::merged;
pub use follow::follow;
pub use ready::{new_machines, new_machines_with_genbackup, three_machines};
pub use steps::{Act, Command, Run, Step, commands, steps};

use crate::cache;

/// The text of a chapter, by its path in the repository.
///
/// # Errors
/// When it cannot be read.
pub fn page(chapter: &str) -> anyhow::Result<String> {
    std::fs::read_to_string(cache::workspace().join(chapter)).with_context(|| chapter.to_owned())
}

/// The paths of README.md and of all chapters.
///
/// # Errors
/// When a directory cannot be read.
#[cfg(test)]
fn chapters() -> anyhow::Result<Vec<String>> {
    let mut found = vec!["README.md".to_owned()];
    let mut directories = vec!["docs/src".to_owned()];
    while let Some(directory) = directories.pop() {
        for entry in std::fs::read_dir(cache::workspace().join(&directory))? {
            let entry = entry?;
            let path = format!("{directory}/{}", entry.file_name().to_string_lossy());
            if entry.file_type()?.is_dir() {
                directories.push(path);
            } else if entry.path().extension().is_some_and(|it| it == "md") {
                found.push(path);
            }
        }
    }
    Ok(found)
}
