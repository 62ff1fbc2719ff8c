//! What a fleet file may hold, as a JSON schema: editors complete and check by it.
//!
//! It is derived from the tables of [`crate::fleet`], whose comments are its descriptions. A value's grammar is a
//! pattern here, where one can say it. The schema refuses nothing that `genbackup check` takes; what it lets pass is
//! still for `check` to say.

mod grammar;

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::Value;

use crate::fleet::{FleetFile, Item, Spanned};

/// The schema of a fleet file, draft 7 of JSON Schema: the newest that editors of TOML read.
#[must_use]
pub fn fleet_file() -> Value {
    let settings = SchemaSettings::draft07().with(|settings| settings.inline_subschemas = true);
    let schema = settings.into_generator().into_root_schema_for::<FleetFile>();
    let mut schema = schema.to_value();
    without_null(&mut schema);
    schema
}

/// TOML knows no null: a key that has no value is not there.
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

/// The place of a value says nothing of what it may be.
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
