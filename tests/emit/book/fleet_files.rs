//! The fleet files of the book, and the excerpts that are added to them.

#![expect(
    clippy::disallowed_methods,
    reason = "the program runs as its users run it, on files of the book"
)]

use std::fs;

use anyhow::{Context, Result, ensure};

use super::comment::Comment;
use super::fleet_file::merged;
use super::{Page, chapters, pages};
use crate::command::{genbackup, run};

/// The chapter that the others continue, unless they show a whole fleet file.
const THREE_MACHINES: &str = "docs/src/getting-started/three-machines.md";
/// Excerpts of these show single keys of tables that other chapters have.
const OF_SINGLE_KEYS: [&str; 2] = ["docs/src/how-to/troubleshooting.md", "docs/src/reference/"];

/// Checks that `check` takes a fleet file.
fn check(text: &str) -> Result<()> {
    let directory = tempfile::tempdir()?;
    let file = directory.path().join("fleet.toml");
    fs::write(&file, text)?;
    let mut command = genbackup();
    let checked = run(command.arg("--fleet").arg(&file).args(["check", "--no-exposure"]))?;
    ensure!(
        checked.status.success(),
        "{text}{}{}",
        checked.stdout,
        checked.stderr
    );
    Ok(())
}

/// The whole fleet files of a page.
fn whole(page: &Page) -> Result<Vec<String>> {
    let blocks = page.blocks()?.into_iter();
    let whole = blocks.filter(|block| block.comment == Some(Comment::FleetFile));
    Ok(whole.map(|block| block.text).collect())
}

#[test]
fn each_block_of_toml_is_toml() -> Result<()> {
    for page in pages()? {
        for block in page.blocks()? {
            if block.kind == "toml" {
                let parsed = toml::from_str::<toml::Table>(&block.text);
                parsed.with_context(|| format!("{}:{}", page.path, block.line))?;
            }
        }
    }
    Ok(())
}

#[test]
fn each_whole_fleet_file_is_accepted() -> Result<()> {
    let mut files = 0;
    for page in pages()? {
        for text in whole(&page)? {
            check(&text).with_context(|| page.path.clone())?;
            files += 1;
        }
    }
    assert!(files > 4, "only {files} fleet files were found");
    Ok(())
}

#[test]
fn each_excerpt_is_accepted_with_those_before_it() -> Result<()> {
    let base = whole(&Page::read(THREE_MACHINES)?)?;
    let base = base.first().context("Three machines shows no fleet file")?;
    let mut excerpts = 0;
    for page in chapters()? {
        if OF_SINGLE_KEYS.iter().any(|path| page.path.starts_with(path)) {
            continue;
        }
        let mut fleet = whole(&page)?.pop().unwrap_or_else(|| base.clone());
        for block in page.blocks()? {
            if block.kind != "toml" || block.comment == Some(Comment::FleetFile) {
                continue;
            }
            let place = || format!("{}:{}", page.path, block.line);
            fleet = merged(&fleet, &block.text).with_context(place)?;
            check(&fleet).with_context(place)?;
            excerpts += 1;
        }
    }
    assert!(excerpts > 20, "only {excerpts} excerpts were found");
    Ok(())
}
