//! The tables and keys of the fleet file, with the attributes of [`crate::config::file`] for each.

mod read;

use serde_json::Value;

use crate::config::schema;

/// A table of the fleet file.
#[derive(Debug)]
pub struct Table {
    /// Its name, such as `hosts.NAME.power`; empty for the keys outside of tables.
    pub name: String,
    /// What it is for, a paragraph each.
    pub about: Vec<String>,
    /// The first version that knows it.
    pub since: Option<String>,
    /// What holds without it.
    pub without: Option<Without>,
    /// Its keys that are no tables.
    pub keys: Vec<Key>,
}

/// A key of the fleet file that is no table.
#[derive(Debug)]
pub struct Key {
    /// Its name with that of its table, such as `hosts.NAME.power.nice`.
    pub name: String,
    /// The type of its value, in words.
    pub kind: String,
    /// The smallest and the greatest number, where it is a number.
    pub range: Option<(i64, i64)>,
    /// What it is for.
    pub about: String,
    /// The first version that knows it.
    pub since: Option<String>,
    /// Forms of its value that came later, each with its version.
    pub also: Option<String>,
    /// What holds without it.
    pub without: Option<Without>,
    /// An example of its value.
    pub example: Option<Value>,
}

/// What holds without a key or a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Without {
    /// Nothing: it is required.
    Required,
    /// This value.
    Value(Value),
    /// These words.
    Words(String),
}

/// All tables, each before those in it, in the order of [`crate::config::file::FleetFile`].
#[must_use]
pub fn tables() -> Vec<Table> {
    let mut tables = Vec::new();
    let schema = schema::annotated();
    let top = Table {
        name: String::new(),
        about: Vec::new(),
        since: None,
        without: None,
        keys: Vec::new(),
    };
    read::collect(top, &schema, &mut tables);
    tables
}

impl Key {
    /// Its name in its table.
    #[must_use]
    pub fn short_name(&self) -> &str {
        self.name.rsplit('.').next().unwrap_or(&self.name)
    }

    /// The line of a fleet file that sets the example.
    #[must_use]
    pub fn example_line(&self) -> Option<String> {
        let value = schema::written(self.example.as_ref()?);
        Some(format!("{} = {value}", self.short_name()))
    }

    /// Its type, what holds without it and since when it is known, each with its name.
    pub(super) fn facts(&self) -> Vec<(&'static str, String)> {
        let kind = ("Type", self.kind.clone());
        let since = self.since.iter().chain(&self.also);
        let since = since.map(String::as_str).collect::<Vec<_>>().join("; ");
        let without = self.without.as_ref().map(Without::fact);
        [kind]
            .into_iter()
            .chain(without)
            .chain([("Since", since)])
            .collect()
    }
}

impl Table {
    /// What holds without it and since when it is known, each with its name.
    pub(super) fn facts(&self) -> Vec<(&'static str, String)> {
        let without = self.without.as_ref().map(Without::fact);
        let since = self.since.clone().map(|since| ("Since", since));
        without.into_iter().chain(since).collect()
    }
}

impl Without {
    fn fact(&self) -> (&'static str, String) {
        match self {
            Self::Required => ("Required", "yes".to_owned()),
            Self::Value(value) => ("Default", quoted(&schema::written(value))),
            Self::Words(words) => ("Default", words.clone()),
        }
    }
}

fn quoted(word: &str) -> String {
    format!("`{word}`")
}
