//! Reads a fleet file and finds every mistake that a value makes on its own.
//!
//! serde stops at the first error. So the value it stopped at is taken out, noted as a problem, and the rest
//! is read again, until nothing is left to complain about: each round takes one entry out, so it ends.

use std::collections::BTreeSet;
use std::ops::Range;

use serde::Deserialize;
use toml::Spanned;
use toml::de::{DeTable, DeValue, Deserializer};

use super::FleetFile;
use crate::model::Refusal;
use crate::problem::{Problems, did_you_mean};

/// What could be read, and what was taken out because it could not.
#[derive(Debug)]
pub struct Reading<'t> {
    /// The file without its unreadable values.
    pub file: FleetFile,
    /// The problems so far.
    pub problems: Problems<'t>,
    /// Key names (the last part of a dotted key) of what was taken out, by the start of the table's or
    /// entry's span: nobody is told that a value is missing when it is there and wrong.
    pub taken_out: BTreeSet<String>,
}

/// Reads `text`, which came from `file_name`.
#[must_use]
pub fn read<'t>(file_name: &'t str, text: &'t str) -> Reading<'t> {
    let (table, errors) = DeTable::parse_recoverable(text);
    let whole = table.span();
    let mut table = table.into_inner();
    let mut problems = Problems::new(file_name, text, table.clone());
    let well_formed = errors.is_empty();
    for error in errors {
        let span = error.span().unwrap_or_default();
        problems.refuse(
            span.clone(),
            syntax(error.message(), text.get(span).unwrap_or_default()),
        );
    }

    let mut taken_out = BTreeSet::new();
    let file = loop {
        match FleetFile::deserialize(Deserializer::from(Spanned::new(whole.clone(), table.clone()))) {
            Ok(file) => break file,
            Err(error) => {
                let span = error.span().unwrap_or_default();
                let Some(key) = take_out(&mut table, &span) else {
                    // Without a place nothing can be taken out; what is known is said all the same.
                    problems.refuse(span, explain(error.message(), ""));
                    break FleetFile::default();
                };
                // After a syntax error the parser guesses; its guesses are not the author's mistakes.
                if well_formed {
                    let refusal = explain(error.message(), &key);
                    problems.refuse(span, refusal);
                }
                taken_out.insert(key);
            }
        }
    };
    Reading {
        file,
        problems,
        taken_out,
    }
}

/// Removes the entry or item whose key or value has this span, innermost first; its dotted key.
fn take_out(table: &mut DeTable<'_>, span: &Range<usize>) -> Option<String> {
    for (key, value) in table.iter_mut() {
        if let Some(inner) = take_out_of(value, span) {
            return Some(format!("{}.{inner}", key.get_ref()));
        }
    }
    let key = table
        .iter()
        .find(|(key, value)| key.span() == *span || value.span() == *span)
        .map(|(key, _)| key.clone())?;
    table.remove(&key);
    Some(key.into_inner().into_owned())
}

fn take_out_of(value: &mut Spanned<DeValue<'_>>, span: &Range<usize>) -> Option<String> {
    match value.get_mut() {
        DeValue::Table(table) => take_out(table, span),
        DeValue::Array(array) => {
            let index = array.iter().position(|item| item.span() == *span)?;
            let items = array.clone().into_iter().enumerate();
            *array = items
                .filter(|(place, _)| *place != index)
                .map(|(_, item)| item)
                .collect();
            Some(index.to_string())
        }
        _ => None,
    }
}

fn syntax(message: &str, at: &str) -> Refusal {
    if message.contains("duplicate key") {
        return Refusal::new(
            format!("`{at}` is there twice"),
            "give each key, and each host, once; two hosts need two names",
        );
    }
    Refusal::new(
        message.trim_end().replace('\n', ", "),
        "this is not TOML; strings are quoted, tables stand in brackets",
    )
}

/// serde's message in our words, with a way out.
fn explain(message: &str, dotted_key: &str) -> Refusal {
    let mut words = message.split('`').skip(1).step_by(2);
    if message.starts_with("unknown field") {
        let key = words.next().unwrap_or_default();
        let known: Vec<&str> = words.collect();
        let hint = secret_hint(key)
            .map(str::to_owned)
            .or_else(|| did_you_mean(key, known.iter().copied()))
            .unwrap_or_else(|| format!("the keys here are {}", known.join(", ")));
        return Refusal::new(format!("unknown key `{key}`"), hint);
    }
    if message.starts_with("unknown variant") {
        let word = words.next().unwrap_or_default();
        let known: Vec<&str> = words.collect();
        return Refusal::new(
            format!("unknown word `{word}`"),
            format!("write one of {}", known.join(", ")),
        );
    }
    if let Some(rest) = message.strip_prefix("invalid type: ") {
        let (found, expected) = rest.split_once(", expected ").unwrap_or((rest, "another type"));
        let expected = match expected.trim() {
            "struct ScheduleTable"
            | "struct RepositoryTable"
            | "struct NfsTable"
            | "struct SshTable"
            | "struct HostTable"
            | "struct MonitorTable"
            | "a map" => "a table",
            "a sequence" => "a list",
            "i64" => "a whole number",
            other => other,
        };
        let name = dotted_key.rsplit('.').next().unwrap_or(dotted_key);
        return Refusal::new(
            format!("`{name}` is {}, and must be {expected}", with_article(found)),
            type_hint(expected),
        );
    }
    Refusal::from_message(message)
}

fn with_article(found: &str) -> String {
    let kind = found.split('`').next().unwrap_or(found).trim();
    let value = found
        .split('`')
        .nth(1)
        .map(|value| format!(" (`{value}`)"))
        .unwrap_or_default();
    match kind {
        "integer" => format!("an integer{value}"),
        "sequence" => "a list".to_owned(),
        "map" => "a table".to_owned(),
        "boolean" | "floating point" => format!("a {kind}{value}"),
        "string" | "str" => "a string".to_owned(),
        _ if kind.starts_with("string") => format!("a {found}"),
        other => format!("{other}{value}"),
    }
}

fn type_hint(expected: &str) -> &'static str {
    match expected {
        "a string" => "put it in double quotes",
        "a list" => "put it in brackets: [\"…\", \"…\"]",
        "a boolean" => "write true or false, without quotes",
        "a whole number" => "write digits, without quotes",
        _ => "",
    }
}

fn secret_hint(key: &str) -> Option<&'static str> {
    match key {
        "password" | "passphrase" | "secret" | "token" => Some(
            "a fleet file holds no secret; name the file that holds it: `password-file`. then change the \
             secret, since this one was written down",
        ),
        "key" | "private-key" => {
            Some("a fleet file holds no secret; name the file that holds it: `key-file`")
        }
        _ => None,
    }
}
