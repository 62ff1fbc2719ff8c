//! Which files are emitted from a template, by the two paths.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context, Result};

use super::root;

/// The extensions that select an escaper.
pub(super) fn escaped() -> Result<BTreeSet<String>> {
    let text = std::fs::read_to_string(root().join("askama.toml"))?;
    let config: toml::Table = toml::from_str(&text)?;
    let escapers = config.get("escaper").and_then(toml::Value::as_array);
    let escapers = escapers.context("escapers are a list")?;
    let lists = escapers.iter().filter_map(|escaper| escaper.get("extensions"));
    let extensions = lists.filter_map(toml::Value::as_array).flatten();
    let extensions = extensions.filter_map(toml::Value::as_str);
    Ok(extensions.map(str::to_owned).collect())
}

/// The extension of a file, or nothing.
pub(super) fn extension(path: &str) -> &str {
    let extension = Path::new(path).extension();
    extension.and_then(|text| text.to_str()).unwrap_or_default()
}

/// Whether a file is emitted from a template: its path is the same, or lacks the extension that selects the escaper.
pub(super) fn is_emitted_from(path: &str, template: &str, escaped: &BTreeSet<String>) -> bool {
    let added = extension(template);
    let shorter = template
        .strip_suffix(&format!(".{added}"))
        .filter(|_| escaped.contains(added) && !escaped.contains(extension(path)));
    fits(template, path) || shorter.is_some_and(|template| fits(template, path))
}

/// Whether a path is that of a template, in which a word in capitals stands for what differs.
fn fits(template: &str, path: &str) -> bool {
    let words = ["NAME", "PATH", "VERB", "WHEN"].into_iter();
    let first = words.filter_map(|word| Some((template.find(word)?, word))).min();
    let Some((before, after, word)) = first.and_then(|(_, word)| {
        let (before, after) = template.split_once(word)?;
        Some((before, after, word))
    }) else {
        return template == path;
    };
    path.strip_prefix(before).is_some_and(|rest| {
        let mut parts = rest.char_indices().map(|(end, _)| rest.split_at(end));
        parts.any(|(value, rest)| is_value(word, value) && fits(after, rest))
    })
}

/// Whether a text can stand in a path where the template has the word.
fn is_value(word: &str, value: &str) -> bool {
    match word {
        "WHEN" => ["after", "before"].contains(&value),
        "VERB" => !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_lowercase()),
        _ => !value.is_empty() && !value.contains('/'),
    }
}

#[test]
fn other_name_extension_or_directory_is_another_file() {
    let escaped = ["bash", "service"].map(str::to_owned).into();
    let is_emitted = |path, template| is_emitted_from(path, template, &escaped);
    for (path, template) in [
        ("usr/run", "usr/run.bash"),
        ("etc/a.service", "etc/a.service"),
        ("etc/a-before-x-y.service", "etc/a-WHEN-NAME.service"),
    ] {
        assert!(is_emitted(path, template), "{template}");
    }
    for (path, template) in [
        ("usr/runs", "usr/run.bash"),
        ("usr/run", "usr/run.zsh"),
        ("usr/run", "usr/lib/run.bash"),
        ("etc/a.service", "etc/a.service.bash"),
        ("etc/a-during-x.service", "etc/a-WHEN-NAME.service"),
        ("etc/a-x/y.service", "etc/a-NAME.service"),
        ("etc/a-b-c.service", "etc/a-VERB.service"),
    ] {
        assert!(!is_emitted(path, template), "{template}");
    }
}
