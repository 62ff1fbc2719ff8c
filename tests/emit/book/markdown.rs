//! A page as mdBook reads it.

use std::collections::{BTreeMap, BTreeSet};

use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};

/// Those of mdBook 0.5.
fn parser(text: &str) -> Parser<'_> {
    let options = Options::ENABLE_TABLES
        | Options::ENABLE_FOOTNOTES
        | Options::ENABLE_STRIKETHROUGH
        | Options::ENABLE_TASKLISTS
        | Options::ENABLE_HEADING_ATTRIBUTES
        | Options::ENABLE_SMART_PUNCTUATION
        | Options::ENABLE_DEFINITION_LIST;
    Parser::new_ext(text, options)
}

/// Where links and images lead.
pub(super) fn links(text: &str) -> Vec<String> {
    let targets = parser(text).filter_map(|event| match event {
        Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => Some(dest_url.to_string()),
        _ => None,
    });
    targets.collect()
}

/// The anchors of the headings, as mdBook makes them. Letters become lower case, digits, `-` and `_` stay,
/// white space becomes `-`, and all else is removed. An anchor that is already taken gets a number.
pub(super) fn anchors(text: &str) -> BTreeSet<String> {
    let mut anchors = BTreeSet::new();
    let mut taken: BTreeMap<String, usize> = BTreeMap::new();
    let mut heading: Option<(Option<String>, String)> = None;
    for event in parser(text) {
        match event {
            Event::Start(Tag::Heading { id, .. }) => {
                heading = Some((id.map(|id| id.to_string()), String::new()));
            }
            Event::Text(words) | Event::Code(words) => {
                if let Some((_, title)) = &mut heading {
                    title.push_str(&words);
                }
            }
            Event::End(TagEnd::Heading(_)) => {
                let (id, title) = heading.take().unwrap_or_default();
                let anchor = id.unwrap_or_else(|| anchor(&title));
                let number = taken.entry(anchor.clone()).or_default();
                anchors.insert(match *number {
                    0 => anchor,
                    number => format!("{anchor}-{number}"),
                });
                *number += 1;
            }
            _ => {}
        }
    }
    anchors
}

fn anchor(title: &str) -> String {
    let characters = title.trim().chars().filter_map(|character| match character {
        character if character.is_alphanumeric() || ['-', '_'].contains(&character) => {
            Some(character.to_ascii_lowercase())
        }
        character if character.is_whitespace() => Some('-'),
        _ => None,
    });
    characters.collect()
}

/// The fenced blocks of code: their kinds and their texts.
pub(super) fn code(text: &str) -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = Vec::new();
    let mut is_block = false;
    for event in parser(text) {
        match event {
            Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(kind))) => {
                is_block = true;
                found.push((kind.to_string(), String::new()));
            }
            Event::Text(words) if is_block => {
                if let Some((_, block)) = found.last_mut() {
                    block.push_str(&words);
                }
            }
            Event::End(TagEnd::CodeBlock) => is_block = false,
            _ => {}
        }
    }
    found
}

#[test]
fn anchors_are_those_of_mdbook() {
    let text = "# A `--flag`, and *more*\n\n## «Über» it\n\n### Twice\n\n### Twice\n\n## Named {#a-name}\n\n## 1. It's so\n";
    let expected = [
        "1-its-so",
        "a---flag-and-more",
        "a-name",
        "twice",
        "twice-1",
        "Über-it",
    ];
    assert_eq!(anchors(text), BTreeSet::from(expected.map(str::to_owned)));
}

#[test]
fn links_are_found_and_code_is_none() {
    let text =
        "[a](b.md#c) `[d](e)` ![f](g.svg) [h]\n\n[h]: https://i.example\n\n```console\n# [j](k)\n```\n";
    assert_eq!(links(text), ["b.md#c", "g.svg", "https://i.example"]);
}
