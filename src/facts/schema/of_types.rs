//! Schemas as the document's types say them.

use schemars::generate::SchemaSettings;
use schemars::transform::{Transform, transform_subschemas};
use schemars::{JsonSchema, Schema};
use serde_json::{Value, json};

use super::facts_schema;
use crate::facts::document::ImageFacts;

/// Where the schema of version 1.x can be found.
const FACTS_ID: &str = "https://github.com/imagefacts/imagefacts/blob/main/schema/facts.v1.schema.json";

/// The schema of `facts.json`.
fn schema_of_types() -> Value {
    document_schema::<ImageFacts>(FACTS_ID, "ImageFacts")
}

/// The JSON Schema (draft 2020-12) of a document type. A field that may be absent is never null.
pub(in crate::facts) fn document_schema<T: JsonSchema>(id: &str, title: &str) -> Value {
    let settings = SchemaSettings::draft2020_12().for_serialize().with_transform(NeverNull);
    let schema = settings.into_generator().into_root_schema_for::<T>().to_value();
    // A reader looks for these first.
    let mut whole = json!({"$schema": schema.get("$schema"), "$id": id, "title": title});
    if let (Some(whole), Value::Object(rest)) = (whole.as_object_mut(), schema) {
        whole.extend(rest.into_iter().filter(|(key, _)| key != "$schema" && key != "title"));
    }
    whole
}

/// Takes `null` out of what is optional: absent fields are left out, not written as null.
#[derive(Debug, Clone)]
struct NeverNull;

impl Transform for NeverNull {
    fn transform(&mut self, schema: &mut Schema) {
        transform_subschemas(self, schema);
        let Some(object) = schema.as_object_mut() else { return };
        if let Some(Value::Array(types)) = object.get_mut("type") {
            types.retain(|name| name != "null");
            if let [only] = types.as_slice() {
                let only = only.clone();
                object.insert("type".to_owned(), only);
            }
        }
        if let Some(Value::Array(any)) = object.get_mut("anyOf") {
            any.retain(|option| *option != json!({"type": "null"}));
            if let [Value::Object(only)] = any.as_mut_slice() {
                let only = std::mem::take(only);
                object.remove("anyOf");
                object.extend(only);
            }
        }
    }
}

#[test]
fn the_committed_schema_is_what_the_types_say() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/schema/facts.v1.schema.json");
    let schema = format!("{}\n", serde_json::to_string_pretty(&schema_of_types()).unwrap());
    if std::env::var_os("IMAGEFACTS_BLESS").is_some() {
        std::fs::write(path, &schema).unwrap();
    }
    let committed = std::fs::read_to_string(path).unwrap_or_default();
    assert!(committed == schema, "schema/facts.v1.schema.json is out of date: run the tests with IMAGEFACTS_BLESS=1");
}

#[test]
fn the_schema_is_a_schema_and_knows_no_null() {
    let schema = facts_schema();
    assert!(jsonschema::draft202012::meta::is_valid(&schema));
    assert!(!schema.to_string().contains("\"null\""));
    assert_eq!(schema["$id"], FACTS_ID);
}
