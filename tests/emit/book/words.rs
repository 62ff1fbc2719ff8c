//! Words that the documentation does not use, since another one is the field's.

use anyhow::Result;
use clap::CommandFactory;
use genbackup::cli::Arguments;

use super::pages;

/// In lower case: what is not written, and what is written in its place.
const WORDS: [(&str, &str); 6] = [
    ("can't", "cannot"),
    ("folder", "directory"),
    ("folders", "directories"),
    ("at work", "running, in progress"),
    ("neighbour", "system tool"),
    ("neighbours", "system tools"),
];

/// The words of a text that are not to be in it, each with what is around it.
fn found(text: &str) -> Vec<String> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let text = words.join(" ").to_lowercase();
    let mut found = Vec::new();
    for (word, better) in WORDS {
        for (start, _) in text.match_indices(word) {
            let (before, rest) = text.split_at(start);
            let behind = rest.get(word.len()..).unwrap_or_default();
            let is_whole =
                !before.ends_with(char::is_alphanumeric) && !behind.starts_with(char::is_alphanumeric);
            if is_whole {
                let before: String = before.chars().rev().take(30).collect();
                let before: String = before.chars().rev().collect();
                let behind: String = behind.chars().take(30).collect();
                found.push(format!("`{word}` for `{better}`: …{before}{word}{behind}…"));
            }
        }
    }
    found
}

#[test]
fn pages_use_the_words_of_the_field() -> Result<()> {
    for page in pages()? {
        let found = found(&page.text);
        assert!(found.is_empty(), "{}: {found:#?}", page.path);
    }
    Ok(())
}

#[test]
fn help_uses_the_words_of_the_field() {
    let mut command = Arguments::command();
    command.build();
    let mut helps = vec![command.render_long_help().to_string()];
    for verb in command.get_subcommands_mut() {
        helps.push(verb.render_long_help().to_string());
    }
    assert!(helps.len() > 15, "{helps:#?}");
    for help in helps {
        let found = found(&help);
        assert!(found.is_empty(), "{found:#?}: {help}");
    }
}

#[test]
fn a_word_is_found_where_a_line_breaks_and_not_within_another() {
    let text = "A run is at\n   work, and the Folder is kept. `snapfolder`, folderish, at workshop.";
    let found = found(text);
    assert_eq!(found.len(), 2, "{found:#?}");
    assert!(found[0].starts_with("`folder` for `directory`: "), "{found:#?}");
    assert!(found[1].starts_with("`at work` for "), "{found:#?}");
}
