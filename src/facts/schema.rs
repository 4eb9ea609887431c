//! The JSON Schema of `facts.json`. It is committed; a test makes it from the document's types.

use serde_json::Value;

#[cfg(test)]
pub(super) use of_types::document_schema;

/// The JSON Schema (draft 2020-12) of `facts.json`, as committed under `schema/` and printed by `schema facts`.
///
/// It is read, not made: what makes schemas of types would be half a megabyte of the program.
pub fn facts_schema() -> Value {
    // A test holds that it is JSON.
    serde_json::from_str(include_str!("../../schema/facts.v1.schema.json")).unwrap_or_default()
}

#[cfg(test)]
mod of_types;
