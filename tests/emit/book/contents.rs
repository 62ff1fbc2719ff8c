//! What the book consists of.

use std::collections::BTreeSet;
use std::fs;

use anyhow::Result;

use super::links::resolve;
use super::markdown::{code, links};
use super::{Page, SUMMARY, chapters, pages, root};

/// Bytes of README.md: what a reader reads before the first decision.
const README_BYTES: u64 = 6_000;

#[test]
fn each_chapter_is_in_the_table_of_contents_once() -> Result<()> {
    let listed = links(&Page::read(SUMMARY)?.text);
    let listed: Vec<String> = listed.iter().filter_map(|link| resolve(SUMMARY, link)).collect();
    let listed_once: BTreeSet<String> = listed.iter().cloned().collect();
    assert_eq!(listed.len(), listed_once.len(), "twice: {listed:#?}");
    let there: BTreeSet<String> = chapters()?.into_iter().map(|chapter| chapter.path).collect();
    let missing: Vec<_> = listed_once.difference(&there).collect();
    assert!(
        missing.is_empty(),
        "{SUMMARY} lists missing chapters: {missing:#?}"
    );
    let unlisted: Vec<_> = there.difference(&listed_once).collect();
    assert!(unlisted.is_empty(), "{SUMMARY} does not list {unlisted:#?}");
    Ok(())
}

#[test]
fn the_readme_is_short() -> Result<()> {
    let bytes = fs::metadata(root().join("README.md"))?.len();
    assert!(bytes <= README_BYTES, "{bytes} bytes");
    Ok(())
}

/// The tests read blocks line by line, and readers see what mdBook makes of the page.
#[test]
fn tests_find_the_blocks_that_mdbook_shows() -> Result<()> {
    for page in pages()? {
        let blocks = page.blocks()?;
        let found = blocks.into_iter().map(|block| (block.kind, block.text));
        assert_eq!(found.collect::<Vec<_>>(), code(&page.text), "{}", page.path);
    }
    Ok(())
}
