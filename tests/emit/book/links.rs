//! Links between pages of the repository: the page or file exists, and so does the heading.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;

use super::markdown::{anchors, links};
use super::{CHAPTERS, Page, SUMMARY, pages, root};

/// Pages that are no chapters.
const OTHERS: [&str; 4] = [
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
];

/// The path in the repository of what a page names by a relative path; none where that leads out of it.
pub(super) fn resolve(page: &str, path: &str) -> Option<String> {
    let mut parts: Vec<&str> = page.split('/').collect();
    parts.pop();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

/// What is wrong with a link.
fn complaint(page: &str, link: &str, anchors: &BTreeMap<String, BTreeSet<String>>) -> Option<&'static str> {
    if link.contains("://") || link.starts_with("mailto:") {
        return None;
    }
    let (path, anchor) = match link.split_once('#') {
        Some((path, anchor)) => (path, Some(anchor)),
        None => (link, None),
    };
    let target = if path.is_empty() {
        Some(page.to_owned())
    } else {
        resolve(page, path)
    };
    let is_of_the_book = |path: &str| path.starts_with(&format!("{CHAPTERS}/"));
    let Some(target) = target.filter(|target| !is_of_the_book(page) || is_of_the_book(target)) else {
        return Some("it leads out of the book");
    };
    if !root().join(&target).exists() {
        return Some("there is no such file");
    }
    let anchor = anchor?;
    let exists = anchors
        .get(&target)
        .is_some_and(|anchors| anchors.contains(anchor));
    if exists {
        None
    } else {
        Some("there is no such heading")
    }
}

#[test]
fn each_link_leads_somewhere() -> Result<()> {
    let mut all = pages()?;
    for other in OTHERS.iter().chain(&[SUMMARY]) {
        all.push(Page::read(other)?);
    }
    let headings = all
        .iter()
        .map(|page| (page.path.clone(), anchors(&page.text)))
        .collect();
    let mut wrong = Vec::new();
    for Page { path, text } in &all {
        for link in links(text) {
            if let Some(why) = complaint(path, &link, &headings) {
                wrong.push(format!("{path}: {link}: {why}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    Ok(())
}

#[test]
fn a_link_that_leads_nowhere_is_found() {
    let page = "docs/src/how-to/hooks.md";
    let headings = BTreeMap::from([(page.to_owned(), BTreeSet::from(["a".to_owned()]))]);
    for (link, expected) in [
        ("#a", None),
        ("#b", Some("there is no such heading")),
        ("hooks.md#a", None),
        ("../SUMMARY.md", None),
        ("nothing.md", Some("there is no such file")),
        ("../../../README.md", Some("it leads out of the book")),
        ("../../../../README.md", Some("it leads out of the book")),
        ("https://example.net/#b", None),
    ] {
        assert_eq!(complaint(page, link, &headings), expected, "{link}");
    }
}
