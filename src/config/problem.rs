//! Problems in a fleet file, each with its place and a way out.

use std::fmt;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::model::Refusal;

/// One problem in a fleet file. `Display` is what a person reads:
///
/// ```text
/// problem: no host is named `jakk`
///   --> fleet.toml:5:8 (repository.host)
///
/// hint: did you mean `jak`?
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// What is wrong and the way out.
    pub refusal: Refusal,
    /// The file, as it was named on the command line.
    pub file: String,
    /// Line and column, counted from 1, the column in characters.
    pub position: (usize, usize),
    /// The dotted key; empty where the file as a whole is meant.
    pub key: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            refusal,
            file,
            position: (line, column),
            key,
        } = self;
        writeln!(formatter, "problem: {}", refusal.what)?;
        write!(formatter, "  --> {file}:{line}:{column}")?;
        if !key.is_empty() {
            write!(formatter, " ({key})")?;
        }
        writeln!(formatter)?;
        if !refusal.hint.is_empty() {
            writeln!(formatter, "\nhint: {}", refusal.hint)?;
        }
        Ok(())
    }
}

/// Collects the problems of one file, so that the first does not hide the rest.
#[derive(Debug)]
pub struct Problems<'t> {
    file: &'t str,
    text: &'t str,
    table: DeTable<'t>,
    found: Vec<(Range<usize>, Problem)>,
}

impl<'t> Problems<'t> {
    /// A collector for `text`, read from `file`, whose keys are those of `table`.
    #[must_use]
    pub fn new(file: &'t str, text: &'t str, table: DeTable<'t>) -> Self {
        Self {
            file,
            text,
            table,
            found: Vec::new(),
        }
    }

    /// Notes a problem at a place, in bytes of the text.
    pub fn push(&mut self, span: Range<usize>, what: impl Into<String>, hint: impl Into<String>) {
        self.refuse(span, Refusal::new(what, hint));
    }

    /// Notes a refusal at a place, in bytes of the text.
    pub fn refuse(&mut self, span: Range<usize>, refusal: Refusal) {
        let problem = Problem {
            refusal,
            file: self.file.to_owned(),
            position: position(self.text, span.start),
            key: key_at(&self.table, &span).unwrap_or_default(),
        };
        self.found.push((span, problem));
    }

    /// Notes a refusal of the text itself, of whose keys nothing is known.
    pub(crate) fn refuse_text(&mut self, span: Range<usize>, refusal: Refusal) {
        let problem = Problem {
            refusal,
            file: self.file.to_owned(),
            position: position(self.text, span.start),
            key: String::new(),
        };
        self.found.push((span, problem));
    }

    /// True when nothing was noted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// All of them, in the order of their places.
    #[must_use]
    pub(crate) fn into_vec(mut self) -> Vec<Problem> {
        self.found.sort_by_key(|(span, _)| span.start);
        let mut problems: Vec<Problem> = self.found.into_iter().map(|(_, problem)| problem).collect();
        problems.dedup();
        problems
    }
}

fn position(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let line = before.matches('\n').count() + 1;
    let column = before.get(line_start..).unwrap_or_default().chars().count() + 1;
    (line, column)
}

/// The dotted key of the entry whose key or value has exactly this span.
fn key_at(table: &DeTable<'_>, span: &Range<usize>) -> Option<String> {
    table.iter().find_map(|(key, value)| {
        let name = quoted_if_odd(key.get_ref());
        if key.span() == *span {
            return Some(name);
        }
        let rest = key_in(value, span)?;
        Some(format!("{name}{rest}"))
    })
}

fn key_in(value: &Spanned<DeValue<'_>>, span: &Range<usize>) -> Option<String> {
    // A list of tables has the span of its first table: the outer one is meant.
    if value.span() == *span {
        return Some(String::new());
    }
    match value.get_ref() {
        DeValue::Table(table) => key_at(table, span).map(|rest| format!(".{rest}")),
        DeValue::Array(array) => array
            .iter()
            .enumerate()
            .find_map(|(index, item)| key_in(item, span).map(|rest| format!("[{index}]{rest}"))),
        _ => None,
    }
}

/// A key as TOML writes it.
pub(crate) fn quoted_if_odd(key: &str) -> String {
    if !key.is_empty()
        && key
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    {
        key.to_owned()
    } else {
        format!("{key:?}")
    }
}

/// The hint that names a likely candidate.
#[must_use]
pub(crate) fn did_you_mean(candidate: &str) -> String {
    format!("did you mean `{candidate}`?")
}

/// The candidate that `word` was most likely meant to be.
#[must_use]
pub fn likely<'c, C>(word: &str, candidates: C) -> Option<&'c str>
where
    C: IntoIterator<Item = &'c str>,
{
    candidates
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(word, candidate), candidate))
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|(left, _), (right, _)| left.total_cmp(right))
        .map(|(_, candidate)| candidate)
}
