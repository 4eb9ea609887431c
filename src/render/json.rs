//! Indented JSON.

use serde::Serialize;

/// `value` as indented JSON with a newline at its end.
///
/// # Errors
/// When `value` has no form as JSON.
pub fn json(value: &impl Serialize) -> serde_json::Result<String> {
    serde_json::to_string_pretty(value).map(|text| text + "\n")
}
