//! The keys of the fleet file, as `genbackup schema` has them.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context;
use serde_json::Value;
use vmtests::process::{command, output_of};

/// Takes the place of a name that the administrator chooses.
const NAME: &str = "NAME";

/// The keys with their texts: `hosts.NAME.include`.
///
/// # Errors
/// When this genbackup prints no schema.
pub(crate) fn keys(genbackup: &Path) -> anyhow::Result<BTreeMap<String, String>> {
    let schema = output_of(command(&genbackup.to_string_lossy()).arg("schema"))?;
    let schema: Value = serde_json::from_str(&schema).context("the schema is not JSON")?;
    let mut keys = BTreeMap::new();
    collect(&schema, "", &mut keys);
    Ok(keys)
}

/// Adds all keys below a part of the schema. That part is itself the value of `key`.
fn collect(schema: &Value, key: &str, keys: &mut BTreeMap<String, String>) {
    let mut add = |name: &str, value: &Value| {
        let key = if key.is_empty() {
            name.to_owned()
        } else {
            format!("{key}.{name}")
        };
        let text = value["description"].as_str().unwrap_or_default();
        // A key that has several forms is described by the first that has a text.
        let known = keys.entry(key.clone()).or_default();
        if known.is_empty() {
            text.clone_into(known);
        }
        collect(value, &key, keys);
    };
    for (name, value) in schema["properties"].as_object().into_iter().flatten() {
        add(name, value);
    }
    for (_, value) in schema["patternProperties"].as_object().into_iter().flatten() {
        add(NAME, value);
    }
    if schema["additionalProperties"].is_object() {
        add(NAME, &schema["additionalProperties"]);
    }
    for several in ["anyOf", "oneOf", "allOf"] {
        for form in schema[several].as_array().into_iter().flatten() {
            collect(form, key, keys);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn keys_of(schema: &Value) -> Vec<(String, String)> {
        let mut keys = BTreeMap::new();
        collect(schema, "", &mut keys);
        keys.into_iter().collect()
    }

    fn key(key: &str, text: &str) -> (String, String) {
        (key.to_owned(), text.to_owned())
    }

    #[test]
    fn a_name_that_is_chosen_is_replaced() {
        let schema = json!({"properties": {"hosts": {
            "patternProperties": {"^[a-z]+$": {"properties": {"include": {"description": "What is backed up."}}}},
            "additionalProperties": false,
        }}});
        let expected = [
            key("hosts", ""),
            key("hosts.NAME", ""),
            key("hosts.NAME.include", "What is backed up."),
        ];
        assert_eq!(keys_of(&schema), expected);
    }

    #[test]
    fn keys_of_each_form_of_a_value_are_found() {
        let schema = json!({"properties": {"a": {"anyOf": [
            {"type": "string"},
            {"properties": {"b": {"description": "One."}}},
            {"properties": {"b": {"description": "Two."}, "c": {}}},
        ]}}});
        assert_eq!(
            keys_of(&schema),
            [key("a", ""), key("a.b", "One."), key("a.c", "")]
        );
    }
}
