//! The chapter of the fleet file: each table with its keys, in Markdown.

use super::keys::Table;
use super::{document, facts, head, rows};
use crate::model::Period;

/// What each page of the fleet file begins with, a paragraph each.
pub(super) const INTRODUCTION: [&str; 3] = [
    "The fleet file is a TOML file on the storage host. It describes the hosts that are backed up, and the storage host \
     that keeps their snapshots. Its default path is `/etc/genbackup/fleet.toml`. The option `--fleet FILE` names another \
     file.",
    "`genbackup init` writes a fleet file. `genbackup check` reports every problem in it. `genbackup schema` prints the JSON \
     schema, with which editors complete and check it. A fleet file holds no secrets, only the paths of the files that \
     hold them.",
    "`NAME` and `HOOK` stand for names that you choose. An unknown key is an error.",
];

/// The types of values that have their own grammar, each with its grammar.
pub(super) fn grammars() -> [(&'static str, String); 6] {
    let mut periods = Period::ALL.map(|period| format!("`{}`", period.name())).to_vec();
    let last = periods.pop().unwrap_or_default();
    let periods = format!("{} and {last}", periods.join(", "));
    [
        (
            "time span",
            "One or more numbers with a unit: `90s`, `15min`, `24h`, `3d`, `2w`, `1h 30min`.".to_owned(),
        ),
        (
            "calendar expression",
            "A calendar event as in systemd.time(7): `*-*-* 04:00:00`, `Mon..Fri 22:30 Europe/Berlin`, `daily`."
                .to_owned(),
        ),
        (
            "keep policy",
            format!(
                "Rules of restic, separated by commas: `30 daily, 12 monthly`, `within 30d, unlimited yearly`. The periods \
                 are {periods}."
            ),
        ),
        (
            "file size",
            "A number in `KiB`, `MiB`, `GiB` or `TiB`: `512 MiB`.".to_owned(),
        ),
        (
            "memory size",
            "A number in `MiB`, `GiB` or `TiB`: `1 GiB`.".to_owned(),
        ),
        (
            "transfer rate",
            "A number in `KiB/s`, `MiB/s` or `GiB/s`: `20 MiB/s`.".to_owned(),
        ),
    ]
}

pub(super) fn chapter(tables: &[Table]) -> String {
    let mut blocks = head("The fleet file");
    blocks.extend(INTRODUCTION.map(str::to_owned));
    let named = tables.iter().filter(|table| !table.name.is_empty());
    blocks.push(rows(&["table", "content"], named.map(entry)));
    blocks.push("## Types of values".to_owned());
    let grammars = grammars().map(|(kind, grammar)| vec![kind.to_owned(), grammar]);
    blocks.push(rows(&["type", "form"], grammars));
    for table in tables {
        blocks.push(format!("## {}", title(table)));
        if table.name.is_empty() {
            blocks.push("Write these keys at the beginning of the file, before the first table.".to_owned());
        } else {
            blocks.extend(table.about.iter().cloned());
            blocks.push(facts(table.facts()));
        }
        for key in &table.keys {
            blocks.push(format!("### `{}`", key.name));
            blocks.push(key.about.clone());
            let example = key.example_line().map(|line| ("Example", format!("`{line}`")));
            blocks.push(facts(key.facts().into_iter().chain(example)));
        }
    }
    document(&blocks)
}

/// A table's row in the table of contents.
fn entry(table: &Table) -> Vec<String> {
    let title = title(table);
    let content = table.about.first().map_or("", |about| first_sentence(about));
    vec![format!("[{title}](#{})", anchor(&title)), content.to_owned()]
}

/// `[schedule]`, in backticks.
fn title(table: &Table) -> String {
    if table.name.is_empty() {
        "Keys outside of tables".to_owned()
    } else {
        format!("`[{}]`", table.name)
    }
}

/// Where mdBook and GitHub put a heading: its letters, digits and dashes in lower case.
fn anchor(title: &str) -> String {
    let kept = title
        .chars()
        .filter(|character| character.is_ascii_alphanumeric() || *character == '-');
    kept.collect::<String>().to_ascii_lowercase()
}

fn first_sentence(text: &str) -> &str {
    match text.split_once(". ") {
        Some((first, _)) => first,
        None => text.trim_end_matches('.'),
    }
}
