//! Reads a fleet file and finds every value that is wrong by itself.
//!
//! serde stops at the first error. So that value is taken out and noted as a problem, and the rest is read
//! again, until there is no error. Each round takes one entry out, so the loop ends.

use std::collections::BTreeSet;
use std::ops::Range;

use serde::Deserialize;
use toml::Spanned;
use toml::de::{DeTable, DeValue, Deserializer};

use super::explain::{Explained, explain};
use super::{FleetFile, syntax};
use crate::config::problem::Problems;
use crate::model::{HookKind, Phase, Release};

/// What could be read, and what was taken out because it could not.
#[derive(Debug)]
pub struct Reading<'t> {
    /// The file without its unreadable values.
    pub file: FleetFile,
    /// The problems so far.
    pub problems: Problems<'t>,
    /// Dotted keys of what was taken out, and of what was most likely meant by it. A value that is present
    /// and wrong is not reported as missing.
    pub taken_out: BTreeSet<String>,
    /// False when the text is no TOML, or is empty. Then missing values are not reported.
    pub understood: bool,
}

/// Reads `text`, which came from `file_name`.
#[must_use]
pub fn read<'t>(file_name: &'t str, text: &'t str) -> Reading<'t> {
    let (table, errors) = DeTable::parse_recoverable(text);
    let whole = table.span();
    let mut table = table.into_inner();
    let mut taken_out = BTreeSet::new();

    let mut problems = Problems::new(file_name, text, table.clone());
    let mut understood = syntax::note(&mut problems, text, &errors);
    if errors.is_empty() && table.is_empty() {
        let hint = "move this file away and run `genbackup init`, or name another file with `--fleet FILE`";
        problems.push(0..0, "this fleet file is empty", hint);
        understood = false;
    }
    if !understood {
        return Reading {
            file: FleetFile::default(),
            problems,
            taken_out,
            understood,
        };
    }

    if let Some((span, needed)) = needs_newer(&table) {
        // Only that version knows the other problems of this file.
        problems.push(
            span,
            format!(
                "this fleet file needs genbackup {needed} or later, and this is {}",
                Release::this()
            ),
            "install that version; `genbackup --version` prints which one this is",
        );
        return Reading {
            file: FleetFile::default(),
            problems,
            taken_out,
            understood: false,
        };
    }

    let original = table.clone();
    refuse_lists_of_tables(&mut table);
    let file = loop {
        match FleetFile::deserialize(Deserializer::from(Spanned::new(whole.clone(), table.clone()))) {
            Ok(file) => break file,
            Err(error) => {
                let span = error.span().unwrap_or_default();
                let found = value_at(&original, &span);
                let Some(key) = take_out(&mut table, &span) else {
                    // Without a place, nothing can be taken out. The problem is still reported.
                    problems.refuse(span, explain(error.message(), "", found).refusal);
                    break FleetFile::default();
                };
                let Explained { refusal, meant } = explain(error.message(), &key, found);
                problems.refuse(span, refusal);
                taken_out.extend(meant);
                taken_out.extend(empty_host(&mut table, &key));
                taken_out.insert(key);
            }
        }
    };
    Reading {
        file,
        problems,
        taken_out,
        understood,
    }
}

/// The version that `requires` names, with its place, where this program is older.
fn needs_newer(table: &DeTable<'_>) -> Option<(Range<usize>, Release)> {
    let value = table.get("requires")?;
    let needed = Release::try_from(value.get_ref().as_str()?.to_owned()).ok()?;
    (needed > Release::this()).then(|| (value.span(), needed))
}

/// serde takes a list for a struct, as its values in order; here a table is a table. What stands in a list's
/// place is refused.
fn refuse_lists_of_tables(table: &mut DeTable<'_>) {
    let refuse = |value: &mut Spanned<DeValue<'_>>| {
        if value.get_ref().is_array() {
            *value.get_mut() = DeValue::Boolean(false);
        }
    };
    for (_, value) in table.iter_mut() {
        refuse(value);
    }
    if let Some(DeValue::Table(tables)) = table.get_mut("notify").map(Spanned::get_mut) {
        tables.iter_mut().for_each(|(_, notify)| refuse(notify));
    }
    if let Some(DeValue::Table(phases)) = table.get_mut("monitor").map(Spanned::get_mut) {
        for phase in Phase::ALL {
            phases.get_mut(phase.name()).into_iter().for_each(refuse);
        }
    }
    if let Some(DeValue::Table(copies)) = table.get_mut("offsite").map(Spanned::get_mut) {
        for (_, copy) in copies.iter_mut() {
            refuse(copy);
            if let DeValue::Table(copy) = copy.get_mut() {
                copy.get_mut("monitor").into_iter().for_each(refuse);
            }
        }
    }
    if let Some(DeValue::Table(hosts)) = table.get_mut("hosts").map(Spanned::get_mut) {
        for (_, host) in hosts.iter_mut() {
            refuse(host);
            let DeValue::Table(host) = host.get_mut() else {
                continue;
            };
            for key in ["minimum-versions", "monitor", "power", "schedule"] {
                host.get_mut(key).into_iter().for_each(refuse);
            }
            for key in HookKind::ALL.map(HookKind::word) {
                if let Some(DeValue::Table(hooks)) = host.get_mut(key).map(Spanned::get_mut) {
                    hooks.iter_mut().for_each(|(_, hook)| refuse(hook));
                }
            }
        }
    }
}

/// The value with this span, or whose key has it.
fn value_at<'v, 't>(table: &'v DeTable<'t>, span: &Range<usize>) -> Option<&'v DeValue<'t>> {
    table.iter().find_map(|(key, value)| {
        (key.span() == *span)
            .then(|| value.get_ref())
            .or(value_in(value, span))
    })
}

fn value_in<'v, 't>(value: &'v Spanned<DeValue<'t>>, span: &Range<usize>) -> Option<&'v DeValue<'t>> {
    // A list of tables has the span of its first table: the outer one is meant.
    if value.span() == *span {
        return Some(value.get_ref());
    }
    match value.get_ref() {
        DeValue::Table(table) => value_at(table, span),
        DeValue::Array(array) => array.iter().find_map(|item| value_in(item, span)),
        _ => None,
    }
}

/// Removes the entry or item whose key or value has this span, innermost first; its dotted key.
fn take_out(table: &mut DeTable<'_>, span: &Range<usize>) -> Option<String> {
    for (key, value) in table.iter_mut() {
        if let Some(inner) = take_out_of(value, span) {
            return Some(format!("{}{inner}", key.get_ref()));
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
        DeValue::Table(table) => take_out(table, span).map(|inner| format!(".{inner}")),
        DeValue::Array(array) => {
            let index = array.iter().position(|item| item.span() == *span)?;
            let items = array.clone().into_iter().enumerate();
            *array = items
                .filter(|(place, _)| *place != index)
                .map(|(_, item)| item)
                .collect();
            Some(format!("[{index}]"))
        }
        _ => None,
    }
}

/// `[hosts.ziz.example]` is host `ziz` with a key `example`. Without that key, the host is empty, and its
/// missing keys are not reported.
fn empty_host(table: &mut DeTable<'_>, taken_out: &str) -> Option<String> {
    let (parent, _) = taken_out.strip_prefix("hosts.")?.rsplit_once('.')?;
    let DeValue::Table(hosts) = table.get_mut("hosts")?.get_mut() else {
        return None;
    };
    let is_empty = matches!(hosts.get(parent)?.get_ref(), DeValue::Table(host) if host.is_empty());
    is_empty.then(|| {
        hosts.remove(parent);
        format!("hosts.{parent}")
    })
}
