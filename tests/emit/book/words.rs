//! Words that the documentation does not use, since another one is the field's.

use std::path::{Path, PathBuf};

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

/// More of them, which have another sense in some texts, but not in comments.
const WORDS_OF_COMMENTS: [(&str, &str); 10] = [
    ("says", "prints, reports, states"),
    ("said", "printed, reported"),
    ("tells", "notifies, prints"),
    ("told", "notified"),
    ("so many", "the number of"),
    ("mistake", "problem, bug"),
    ("mend", "fix"),
    ("beside", "next to, ad hoc"),
    ("goes by", "follows from, uses"),
    ("passed over", "skipped"),
];

/// The words of a text that it must not contain, each with its context.
fn found(text: &str) -> Vec<String> {
    found_of(&WORDS, text)
}

fn found_of(wrong: &[(&str, &str)], text: &str) -> Vec<String> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let text = words.join(" ").to_lowercase();
    let mut found = Vec::new();
    for (word, better) in wrong {
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

/// The Rust files below a directory.
fn sources(directory: &Path) -> Result<Vec<PathBuf>> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(directory)? {
        let path = entry?.path();
        if path.is_dir() {
            all.append(&mut sources(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            all.push(path);
        }
    }
    Ok(all)
}

/// The comments of a source as one text.
fn comments(source: &str) -> String {
    let lines = source
        .lines()
        .filter_map(|line| line.trim_start().strip_prefix("//"));
    lines
        .map(|line| line.trim_start_matches(['/', '!']))
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn comments_use_the_words_of_the_field() -> Result<()> {
    let wrong = [&WORDS[..], &WORDS_OF_COMMENTS[..]].concat();
    let mut count = 0;
    for directory in ["src", "tests", "vmtests/src", "vmtests/tests", "xtask/src"] {
        for path in sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join(directory))? {
            let found = found_of(&wrong, &comments(&std::fs::read_to_string(&path)?));
            assert!(found.is_empty(), "{}: {found:#?}", path.display());
            count += 1;
        }
    }
    assert!(count > 500, "{count} files");
    Ok(())
}

#[test]
fn comments_are_read_as_one_text() {
    let source = "//! A run is at\n//! work.\nlet said = 1;\n    /// It says\n";
    let wrong = [&WORDS[..], &WORDS_OF_COMMENTS[..]].concat();
    assert_eq!(found_of(&wrong, &comments(source)).len(), 2);
}

#[test]
fn a_word_is_found_where_a_line_breaks_and_not_within_another() {
    let text = "A run is at\n   work, and the Folder is kept. `snapfolder`, folderish, at workshop.";
    let found = found(text);
    assert_eq!(found.len(), 2, "{found:#?}");
    assert!(found[0].starts_with("`folder` for `directory`: "), "{found:#?}");
    assert!(found[1].starts_with("`at work` for "), "{found:#?}");
}
