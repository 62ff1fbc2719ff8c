//! Takes values out of the file's tables and reports what is missing.

use std::collections::BTreeSet;
use std::ops::{Range, RangeInclusive};

use crate::config::file::Spanned;

use crate::config::file::{Item, OneOrMore};
use crate::config::problem::{Problem, Problems};
use crate::model::{Calendar, Calendars};

/// A table of the file: its dotted name and its place.
#[derive(Debug)]
pub(super) struct Section {
    name: String,
    span: Range<usize>,
    /// False when the table is missing: then there is one problem for the table, not one for each of its
    /// keys.
    present: bool,
}

/// The problems of one file, and what was taken out of it as unreadable.
#[derive(Debug)]
pub(super) struct Fields<'t> {
    problems: Problems<'t>,
    taken_out: BTreeSet<String>,
}

impl<'t> Fields<'t> {
    pub(super) fn new(problems: Problems<'t>, taken_out: BTreeSet<String>) -> Self {
        Self { problems, taken_out }
    }

    pub(super) fn into_problems(self) -> Vec<Problem> {
        self.problems.into_vec()
    }

    pub(super) fn problem(&mut self, span: Range<usize>, what: impl Into<String>, hint: impl Into<String>) {
        self.problems.push(span, what, hint);
    }

    /// A required top-level table; an empty one in its place if it is missing. `hint` shows how to write it.
    pub(super) fn section<T: Default>(
        &mut self,
        name: &str,
        table: Option<Spanned<T>>,
        hint: &str,
    ) -> (Section, T) {
        let Some(table) = table else {
            if !self.taken_out.contains(name) {
                self.problem(0..0, format!("the table `[{name}]` is missing"), hint);
            }
            return (
                Section {
                    name: name.to_owned(),
                    span: 0..0,
                    present: false,
                },
                T::default(),
            );
        };
        (Section::at(name, table.span()), table.into_inner())
    }

    /// True when the key was present and unreadable.
    pub(super) fn was_taken_out(&self, section: &Section, key: &str) -> bool {
        self.taken_out.contains(&format!("{}.{key}", section.name))
    }

    /// True when the table of a host exists, but is unreadable. It has the name of the host, or the part of
    /// it before a dot, which TOML reads as a separator.
    pub(super) fn was_host_taken_out(&self, name: &str) -> bool {
        self.taken_out
            .iter()
            .filter_map(|taken_out| taken_out.strip_prefix("hosts."))
            .filter_map(|taken_out| name.strip_prefix(taken_out))
            .any(|rest| rest.is_empty() || rest.starts_with('.'))
    }

    /// True when an item of the list at this key was unreadable.
    pub(super) fn has_taken_out_below(&self, section: &Section, key: &str) -> bool {
        let prefix = format!("{}.{key}[", section.name);
        self.taken_out
            .iter()
            .any(|taken_out| taken_out.starts_with(&prefix))
    }

    /// The items of a list that can be read; the others are problems.
    pub(super) fn items<T>(&mut self, list: Vec<Spanned<Item<T>>>) -> Vec<Spanned<T>> {
        let mut items = Vec::new();
        for item in list {
            let span = item.span();
            match item.into_inner().0 {
                Ok(item) => items.push(Spanned::new(span, item)),
                Err(refusal) => self.problems.refuse(span, refusal),
            }
        }
        items
    }

    /// The same, without duplicates.
    pub(super) fn distinct_items<T: Ord + Clone + std::fmt::Display>(
        &mut self,
        list: Vec<Spanned<Item<T>>>,
    ) -> Vec<T> {
        let mut seen = BTreeSet::new();
        let mut distinct = Vec::new();
        for item in self.items(list) {
            let span = item.span();
            let item = item.into_inner();
            if seen.insert(item.clone()) {
                distinct.push(item);
            } else {
                self.problem(
                    span,
                    format!("`{item}` occurs twice in this list"),
                    "write it once",
                );
            }
        }
        distinct
    }

    /// A required value; `hint` shows how to write it.
    pub(super) fn required<T>(
        &mut self,
        section: &Section,
        key: &str,
        value: Option<Spanned<T>>,
        hint: &str,
    ) -> Option<Spanned<T>> {
        if value.is_none() && section.present && !self.was_taken_out(section, key) {
            let name = &section.name;
            self.problems.push(
                section.span.clone(),
                format!("`{name}.{key}` is missing"),
                format!("add {hint}"),
            );
        }
        value
    }

    /// The calendar expressions of a schedule, of which there is at least one.
    pub(super) fn calendars(
        &mut self,
        section: &Section,
        value: Spanned<OneOrMore<Calendar>>,
    ) -> Option<Calendars> {
        let span = value.span();
        let items = match value.into_inner() {
            OneOrMore::One(calendar) => return Some(calendar.into()),
            OneOrMore::List(items) => items,
        };
        if items.is_empty() && !self.has_taken_out_below(section, "calendar") {
            self.problem(
                span,
                "the list of calendar expressions is empty",
                "write at least one expression, such as [\"*-*-* 12:00\", \"*-*-* 22:30\"]",
            );
        }
        Calendars::new(self.distinct_items(items))
    }

    /// A whole number within bounds, or the default.
    pub(super) fn number<N>(
        &mut self,
        value: Option<Spanned<i64>>,
        bounds: RangeInclusive<N>,
        default: N,
    ) -> Option<N>
    where
        N: TryFrom<i64> + PartialOrd + std::fmt::Display,
    {
        let Some(value) = value else {
            return Some(default);
        };
        let number = N::try_from(*value.get_ref())
            .ok()
            .filter(|number| bounds.contains(number));
        if number.is_none() {
            self.problem(
                value.span(),
                format!("`{}` is out of range", value.get_ref()),
                format!("write a number from {} to {}", bounds.start(), bounds.end()),
            );
        }
        number
    }
}

impl Section {
    /// True when the table is present.
    pub(super) fn is_present(&self) -> bool {
        self.present
    }

    /// Its place.
    pub(super) fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    /// A table that is present.
    pub(super) fn at(name: impl Into<String>, span: Range<usize>) -> Self {
        Self {
            name: name.into(),
            span,
            present: true,
        }
    }
}
