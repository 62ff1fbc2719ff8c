//! Reads tables and keys from the annotated schema.

use serde_json::Value;

use super::{Key, Table, Without, quoted};
use crate::config::file::FleetFile;

/// Adds a table, whose schema this is, and those in it.
pub(super) fn collect(mut table: Table, schema: &Value, tables: &mut Vec<Table>) {
    let properties = in_order(&table.name, schema);
    let (inner, keys): (Vec<_>, Vec<_>) = properties
        .into_iter()
        .partition(|(_, value)| value["type"] == "object");
    table.keys = keys
        .into_iter()
        .map(|(key, value)| read_key(&table.name, key, value, schema))
        .collect();
    let above = table.name.clone();
    tables.push(table);
    for (key, value) in inner {
        let mut inner = Table {
            name: below(&above, key),
            about: about(value),
            since: text(value, "x-since"),
            without: without(key, value, schema),
            keys: Vec::new(),
        };
        // A table of tables has one schema for all of them.
        let named = value["patternProperties"]
            .as_object()
            .and_then(|all| all.values().next());
        if let Some(one) = named {
            inner.name = below(&inner.name, value["x-name"].as_str().unwrap_or("NAME"));
            inner.about.extend(about(one));
        }
        collect(inner, named.unwrap_or(value), tables);
    }
}

fn read_key(table: &str, key: &str, value: &Value, schema: &Value) -> Key {
    Key {
        name: below(table, key),
        kind: kind(value),
        range: value["minimum"].as_i64().zip(value["maximum"].as_i64()),
        about: about(value).concat(),
        since: text(value, "x-since"),
        also: text(value, "x-also"),
        without: without(key, value, schema),
        example: value["examples"].get(0).cloned(),
    }
}

/// The keys of a table, with what is known of each.
fn in_order<'s>(table: &str, schema: &'s Value) -> Vec<(&'s str, &'s Value)> {
    let declared = declared(table);
    let place = |key: &str| declared.iter().position(|known| known == key);
    let properties = schema["properties"].as_object();
    let mut properties: Vec<(&str, &Value)> = properties
        .into_iter()
        .flatten()
        .map(|(key, value)| (key.as_str(), value))
        .collect();
    properties.sort_by_key(|(key, _)| place(key).unwrap_or(usize::MAX));
    properties
}

/// The keys of a table in the order of [`FleetFile`]. A schema does not have this order, but the parser lists
/// the keys in it where it meets a key that it does not know.
fn declared(table: &str) -> Vec<String> {
    let unknown = below(&table.to_lowercase(), "_");
    let Err(error) = toml::from_str::<FleetFile>(&format!("{unknown} = 0")) else {
        return Vec::new();
    };
    // "unknown field `_`, expected one of `first`, `second`"
    let quoted = error.message().split('`').skip(1).step_by(2);
    quoted.skip(1).map(str::to_owned).collect()
}

fn below(table: &str, key: &str) -> String {
    if table.is_empty() {
        key.to_owned()
    } else {
        format!("{table}.{key}")
    }
}

fn about(value: &Value) -> Vec<String> {
    text(value, "description").into_iter().collect()
}

fn text(value: &Value, word: &str) -> Option<String> {
    value[word].as_str().map(str::to_owned)
}

/// `schema` is that of the table.
fn without(key: &str, value: &Value, schema: &Value) -> Option<Without> {
    let required = schema["required"].as_array();
    if required.is_some_and(|required| required.iter().any(|name| name == key)) {
        return Some(Without::Required);
    }
    let words = text(value, "x-without").map(Without::Words);
    words.or_else(|| value.get("x-default").cloned().map(Without::Value))
}

/// The type of a value, in words.
fn kind(value: &Value) -> String {
    if let Some(one) = value["anyOf"].get(0) {
        return format!("{}, or a list of them", kind(one));
    }
    if let Some(words) = value["enum"].as_array() {
        let words: Vec<String> = words.iter().filter_map(Value::as_str).map(quoted).collect();
        return format!("string: {}", listed(&words));
    }
    let of_what = |of: &Value| {
        of["x-kind"]
            .as_str()
            .map_or_else(String::new, |kind| format!(" ({kind})"))
    };
    match value["type"].as_str().unwrap_or_default() {
        "array" => format!("list of strings{}", of_what(&value["items"])),
        "integer" => {
            let bounds = value["minimum"].as_i64().zip(value["maximum"].as_i64());
            bounds.map_or_else(
                || "integer".to_owned(),
                |(least, most)| format!("integer, from {least} to {most}"),
            )
        }
        other => format!("{other}{}", of_what(value)),
    }
}

/// `a`, `b` or `c`.
fn listed(words: &[String]) -> String {
    match words {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    }
}
