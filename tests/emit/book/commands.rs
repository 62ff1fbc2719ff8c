//! The commands of the book: a comment names what tests do with them, and genbackup accepts its own.

use std::fs;

use anyhow::{Result, ensure};
use clap::CommandFactory;
use genbackup::cli::Arguments;

use super::comment::Comment;
use super::{pages, root};

/// The list of the stories that follow chapters.
const STORIES: &str = "vmtests/tests/stories/the_book.rs";

#[test]
fn each_block_of_commands_names_what_tests_do_with_it() -> Result<()> {
    let mut blocks = 0;
    for page in pages()? {
        for block in page.blocks()? {
            let has_commands = block.kind == "console";
            // The reader makes that file, and so does the test.
            let is_a_file = block.file().is_some();
            ensure!(
                block.comment.is_some() || !(has_commands || is_a_file),
                "{}:{}: the block has no comment for tests",
                page.path,
                block.line
            );
            blocks += usize::from(has_commands);
        }
    }
    assert!(blocks > 100, "only {blocks} blocks were found");
    Ok(())
}

#[test]
fn each_chapter_with_commands_has_a_story() -> Result<()> {
    let stories = fs::read_to_string(root().join(STORIES))?;
    for page in pages()? {
        let mut blocks = page.blocks()?.into_iter();
        let has_commands = blocks.any(|block| matches!(block.comment, Some(Comment::On { .. })));
        let is_followed = stories.contains(&format!("\"{}\"", page.path));
        assert_eq!(has_commands, is_followed, "{} in {STORIES}", page.path);
    }
    Ok(())
}

/// The commands of a line of shell, as their words. What a `$(…)` outside quotes becomes is not computed.
fn commands(line: &str) -> Vec<Vec<String>> {
    let mut commands = vec![Vec::new()];
    let mut word: Option<String> = None;
    let mut quote = None;
    for character in line.chars().chain([' ']) {
        match (quote, character) {
            (Some(open), character) if character == open => quote = None,
            (None, '\'' | '"') => {
                quote = Some(character);
                word.get_or_insert_default();
            }
            // A comment.
            (None, '#') if word.is_none() => break,
            (None, ' ' | '|' | '&' | ';' | '<' | '>' | '(' | ')') => {
                if let (Some(word), Some(last)) = (word.take(), commands.last_mut()) {
                    last.push(word);
                }
                if character != ' ' {
                    commands.push(Vec::new());
                }
            }
            (_, character) => word.get_or_insert_default().push(character),
        }
    }
    commands
}

/// The command lines of genbackup in a line of shell: at its start, behind variables, and behind a `--`.
fn of_genbackup(line: &str) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    for words in commands(line) {
        for (index, word) in words.iter().enumerate() {
            let before = index.checked_sub(1).and_then(|before| words.get(before));
            if word == "genbackup" && before.is_none_or(|before| before == "--" || before.contains('=')) {
                found.extend(words.get(index..).map(<[String]>::to_vec));
            }
        }
    }
    found
}

#[test]
fn each_command_of_genbackup_is_one_that_it_takes() -> Result<()> {
    let mut lines = 0;
    for page in pages()? {
        for block in page.blocks()?.into_iter().filter(|block| block.kind == "console") {
            let behind_prompt = |line: &str| {
                line.strip_prefix("# ")
                    .or_else(|| line.strip_prefix("$ "))
                    .map(str::to_owned)
            };
            for line in block.text.lines().filter_map(behind_prompt) {
                for words in of_genbackup(&line) {
                    lines += 1;
                    let taken = Arguments::command().try_get_matches_from(&words);
                    // `--version` and `--help` are no errors.
                    if let Err(error) = taken
                        && error.use_stderr()
                    {
                        panic!("{}:{}: `{line}`: {error}", page.path, block.line);
                    }
                }
            }
        }
    }
    assert!(lines > 100, "only {lines} commands were found");
    Ok(())
}

#[test]
fn commands_are_found_in_lines_of_shell() {
    for (line, expected) in [
        (
            "genbackup run ziz && genbackup status",
            &["genbackup run ziz", "genbackup status"][..],
        ),
        (
            "genbackup emit --diff || true  # genbackup doctor",
            &["genbackup emit --diff"],
        ),
        (
            "genbackup snapshots --since \"2 days ago\"",
            &["genbackup snapshots --since 2 days ago"],
        ),
        (
            "genbackup restore \"$(hostname)\" /",
            &["genbackup restore $(hostname) /"],
        ),
        ("runuser --user=nagios -- genbackup status", &["genbackup status"]),
        ("PASSWORD=a genbackup run", &["genbackup run"]),
        (
            "genbackup record drill -- genbackup restore ziz /",
            &[
                "genbackup record drill -- genbackup restore ziz /",
                "genbackup restore ziz /",
            ],
        ),
        (
            "genbackup completions bash >/tmp/a",
            &["genbackup completions bash"],
        ),
        ("apt remove genbackup", &[]),
        ("command -v genbackup", &[]),
    ] {
        let found: Vec<String> = of_genbackup(line).iter().map(|words| words.join(" ")).collect();
        assert_eq!(found, expected, "{line}");
    }
}
