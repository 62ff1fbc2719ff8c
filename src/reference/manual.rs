//! The manual page of the fleet file, in section 5.

use clap_mangen::roff::{Inline, Roff, bold, line_break, roman};

use super::Page;
use super::fleet_file::{INTRODUCTION, grammars};
use super::keys::{Key, Table, tables};

/// Files that belong to the fleet file.
const FILES: [(&str, &str); 2] = [
    ("/etc/genbackup/fleet.toml", "The fleet file."),
    (
        "/etc/genbackup/fleet.schema.json",
        "Its JSON schema, for editors. `genbackup init` writes it.",
    ),
];

/// Pages that explain more, each with its section.
const SEE_ALSO: [(&str, &str); 8] = [
    ("genbackup", "1"),
    ("genbackup-check", "1"),
    ("genbackup-emit", "1"),
    ("genbackup-explain", "1"),
    ("genbackup-init", "1"),
    ("genbackup-schema", "1"),
    ("restic", "1"),
    ("systemd.time", "7"),
];

/// The manual page `genbackup-fleet.toml(5)`.
#[must_use]
pub(crate) fn manual_page() -> Page {
    let mut page = Roff::new();
    let source = concat!("genbackup ", env!("CARGO_PKG_VERSION"));
    // The date is blank: two releases with the same text have the same page.
    page.control("TH", ["genbackup-fleet.toml", "5", " ", source, "genbackup"]);
    page.control("SH", ["NAME"]);
    page.text([roman("genbackup-fleet.toml - the fleet file of genbackup")]);
    page.control("SH", ["DESCRIPTION"]);
    paragraphs(&mut page, INTRODUCTION);
    page.control("SH", ["TYPES OF VALUES"]);
    for (kind, grammar) in grammars() {
        page.control("TP", []);
        page.text([bold(kind)]);
        page.text(inlines(&grammar));
    }
    for each in &tables() {
        table(&mut page, each);
    }
    page.control("SH", ["FILES"]);
    for (file, content) in FILES {
        page.control("TP", []);
        page.text([bold(file)]);
        page.text(inlines(content));
    }
    page.control("SH", ["SEE ALSO"]);
    page.text(see_also());
    Page {
        name: "genbackup-fleet.toml.5",
        text: page.render(),
    }
}

fn table(page: &mut Roff, table: &Table) {
    if table.name.is_empty() {
        page.control("SH", ["KEYS OUTSIDE OF TABLES"]);
    } else {
        // A macro's words are not escaped, and a plain `-` is a hyphen that no search for a key finds.
        let name = table.name.replace('-', r"\-");
        page.control("SH", [format!("[{name}]").as_str()]);
    }
    let about = table.about.iter().map(String::as_str);
    let facts = sentence(&table.facts());
    paragraphs(
        page,
        about.chain(Some(facts.as_str()).filter(|facts| !facts.is_empty())),
    );
    for each in &table.keys {
        key(page, each);
    }
}

fn key(page: &mut Roff, key: &Key) {
    page.control("TP", []);
    page.text([bold(key.short_name())]);
    let mut text = inlines(&key.about);
    text.push(line_break());
    text.extend(inlines(&sentence(&key.facts())));
    page.text(text);
    if let Some(example) = key.example_line() {
        // No line of it is filled or broken.
        page.control("EX", []);
        page.text([roman(example)]);
        page.control("EE", []);
    }
}

/// Facts in one line, each with its name.
fn sentence(facts: &[(&'static str, String)]) -> String {
    let facts = facts.iter().map(|(name, fact)| format!("{name}: {fact}."));
    facts.collect::<Vec<_>>().join(" ")
}

/// Paragraphs below a heading.
fn paragraphs(page: &mut Roff, texts: impl IntoIterator<Item = impl AsRef<str>>) {
    for (place, text) in texts.into_iter().enumerate() {
        if place > 0 {
            page.control("PP", []);
        }
        page.text(inlines(text.as_ref()));
    }
}

/// A text of Markdown, whose code is bold.
fn inlines(text: &str) -> Vec<Inline> {
    let parts = text.split('`').enumerate().filter(|(_, part)| !part.is_empty());
    parts
        .map(|(place, part)| if place % 2 == 1 { bold(part) } else { roman(part) })
        .collect()
}

fn see_also() -> Vec<Inline> {
    let mut text = Vec::new();
    for (place, (name, section)) in SEE_ALSO.into_iter().enumerate() {
        let comma = if place + 1 < SEE_ALSO.len() { ", " } else { "" };
        text.push(bold(name));
        text.push(roman(format!("({section}){comma}")));
    }
    text
}
