//! The book in `docs` and README.md stay true. Every chapter is in the table of contents, and every link
//! leads somewhere. genbackup accepts every command, fleet file and excerpt. Stories in `vmtests` run the
//! commands.

mod commands;
mod contents;
mod fleet_files;
mod links;
mod markdown;
mod words;

#[expect(unreachable_pub, reason = "it is public where it belongs")]
#[path = "../../vmtests/src/book/blocks.rs"]
mod blocks;
#[expect(unreachable_pub, reason = "it is public where it belongs")]
#[path = "../../vmtests/src/book/comment.rs"]
mod comment;
#[expect(unreachable_pub, reason = "it is public where it belongs")]
#[path = "../../vmtests/src/book/fleet_file.rs"]
mod fleet_file;

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

/// The chapters, below the repository.
const CHAPTERS: &str = "docs/src";
/// Their table of contents.
const SUMMARY: &str = "docs/src/SUMMARY.md";

/// A page of Markdown.
struct Page {
    /// Its path in the repository.
    path: String,
    text: String,
}

impl Page {
    fn read(path: &str) -> Result<Self> {
        Ok(Self {
            path: path.to_owned(),
            text: fs::read_to_string(root().join(path)).with_context(|| path.to_owned())?,
        })
    }

    /// Its blocks of code.
    fn blocks(&self) -> Result<Vec<blocks::Block>> {
        blocks::blocks(&self.text).with_context(|| self.path.clone())
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All chapters, without the table of contents.
fn chapters() -> Result<Vec<Page>> {
    let mut paths = Vec::new();
    let mut directories = vec![CHAPTERS.to_owned()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(root().join(&directory))? {
            let entry = entry?;
            let path = format!("{directory}/{}", entry.file_name().to_string_lossy());
            if entry.file_type()?.is_dir() {
                directories.push(path);
            } else if is_markdown(&path) && path != SUMMARY {
                paths.push(path);
            }
        }
    }
    paths.sort_unstable();
    paths.iter().map(|path| Page::read(path)).collect()
}

fn is_markdown(path: &str) -> bool {
    Path::new(path).extension().is_some_and(|it| it == "md")
}

/// README.md and all chapters.
fn pages() -> Result<Vec<Page>> {
    let mut pages = vec![Page::read("README.md")?];
    pages.extend(chapters()?);
    Ok(pages)
}
