//! What a fleet file may hold, as a JSON schema: editors complete and check by it.
//!
//! It is derived from the tables of [`crate::config::file`], whose comments are its descriptions. A value's
//! grammar is a pattern here, where a pattern can express it. The schema refuses nothing that `genbackup
//! check` takes; `check` reports what the schema lets pass.

mod grammar;

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::{Map, Value};

use crate::config::file::{FleetFile, Item, Spanned};

/// The schema of a fleet file, draft 7 of JSON Schema: the newest that editors of TOML read.
#[must_use]
pub(crate) fn fleet_file() -> Value {
    let mut schema = annotated();
    publish(&mut schema);
    schema
}

/// The schema as the text of a file.
///
/// # Errors
/// When it cannot be written as JSON.
pub(crate) fn text() -> serde_json::Result<String> {
    Ok(serde_json::to_string_pretty(&fleet_file())? + "\n")
}

/// The schema with the attributes `x-…` of [`crate::config::file`], which [`crate::reference`] prints for each key.
pub(crate) fn annotated() -> Value {
    let settings = SchemaSettings::draft07().with(|settings| settings.inline_subschemas = true);
    let schema = settings.into_generator().into_root_schema_for::<FleetFile>();
    let mut schema = schema.to_value();
    without_null(&mut schema);
    join_lines(&mut schema);
    inherit(&mut schema);
    schema
}

/// What holds without a key, as its description names it: a value, or words. None if it names neither.
fn default_of(key: &Map<String, Value>) -> Option<String> {
    match key.get("x-without") {
        Some(words) => words.as_str().map(str::to_owned),
        None => key.get("x-default").map(|value| format!("`{}`", written(value))),
    }
}

/// A value as a fleet file writes it. A string, a number and a boolean are the same in TOML and in JSON.
pub(crate) fn written(value: &Value) -> String {
    match value {
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(written).collect();
            format!("[{}]", items.join(", "))
        }
        value => value.to_string(),
    }
}

/// A description is one paragraph, wherever the comment breaks its lines.
fn join_lines(schema: &mut Value) {
    match schema {
        Value::Object(object) => {
            if let Some(Value::String(description)) = object.get_mut("description") {
                *description = description.replace('\n', " ");
            }
            object.values_mut().for_each(join_lines);
        }
        Value::Array(values) => values.iter_mut().for_each(join_lines),
        _ => {}
    }
}

/// A table whose keys have the keys of another table as their defaults.
fn inherit(schema: &mut Value) {
    match schema {
        Value::Object(object) => {
            if let Some(table) = object.remove("x-same-as") {
                let words = Value::from(format!("as in `[{}]`", table.as_str().unwrap_or_default()));
                let keys = object.get_mut("properties").and_then(Value::as_object_mut);
                for key in keys.into_iter().flat_map(Map::values_mut) {
                    if let Some(key) = key.as_object_mut() {
                        key.remove("x-default");
                        key.insert("x-without".to_owned(), words.clone());
                    }
                }
            }
            object.values_mut().for_each(inherit);
        }
        Value::Array(values) => values.iter_mut().for_each(inherit),
        _ => {}
    }
}

/// Puts the attributes into the words of JSON Schema. Editors show the description, and most of them nothing else of a
/// key: so it names the default and the example, too.
fn publish(schema: &mut Value) {
    match schema {
        Value::Object(object) => {
            let default = default_of(object).map(|default| format!(" Default: {default}."));
            let example = object.get("examples").filter(|_| object.contains_key("x-since"));
            let example = example.and_then(|examples| examples.get(0));
            let example = example.map(|example| format!(" Example: `{}`.", written(example)));
            if let Some(Value::String(description)) = object.get_mut("description") {
                description.extend([default, example].into_iter().flatten());
            }
            if let Some(value) = object.remove("x-default") {
                object.insert("default".to_owned(), value);
            }
            object.retain(|word, _| !word.starts_with("x-"));
            object.values_mut().for_each(publish);
        }
        Value::Array(values) => values.iter_mut().for_each(publish),
        _ => {}
    }
}

/// TOML has no null: a key without a value is absent.
fn without_null(schema: &mut Value) {
    match schema {
        Value::Object(object) => {
            if let Some(Value::Array(types)) = object.get_mut("type") {
                types.retain(|kind| kind != "null");
                if let [kind] = types.as_slice() {
                    let kind = kind.clone();
                    object.insert("type".to_owned(), kind);
                }
            }
            if let Some(Value::Array(ways)) = object.get_mut("anyOf") {
                ways.retain(|way| way["type"] != "null");
                if let [Value::Object(only)] = ways.as_mut_slice() {
                    let only = std::mem::take(only);
                    object.remove("anyOf");
                    object.extend(only);
                }
            }
            if let Some(Value::Array(words)) = object.get_mut("enum") {
                words.retain(|word| !word.is_null());
            }
            object.remove("default");
            object.values_mut().for_each(without_null);
        }
        Value::Array(values) => values.iter_mut().for_each(without_null),
        _ => {}
    }
}

/// The place of a value does not limit what it may be.
impl<T: JsonSchema> JsonSchema for Spanned<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        T::schema_name()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}

impl<T: JsonSchema> JsonSchema for Item<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        T::schema_name()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}
