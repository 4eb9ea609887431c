//! A page of a list, decoded into slim objects. One bad object costs only itself.

use serde::de::{DeserializeOwned, Deserializer};
use serde::Deserialize;
use serde_json::value::RawValue;

/// What a page held.
#[derive(Debug)]
pub(super) struct Page<T> {
    /// the objects that could be read
    pub(super) items: Vec<T>,
    /// the others: which, and why not
    pub(super) unreadable: Vec<String>,
    /// the token for the next page
    pub(super) next: Option<String>,
}

#[derive(Deserialize)]
#[serde(bound(deserialize = "T: Deserialize<'de>"))]
struct Wire<T> {
    #[serde(default)]
    metadata: ListMeta,
    // Required, so that another JSON object never reads as an empty list; Go writes an empty list as null too.
    #[serde(deserialize_with = "null_is_empty")]
    items: Vec<T>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ListMeta {
    r#continue: Option<String>,
}

fn null_is_empty<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Vec<T>, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// Decodes a page: at once, and object by object only when that fails.
///
/// # Errors
/// When it is not a list at all.
pub(super) fn decode<T: DeserializeOwned>(page: &[u8]) -> Result<Page<T>, serde_json::Error> {
    if let Ok(wire) = serde_json::from_slice::<Wire<T>>(page) {
        return Ok(Page { items: wire.items, unreadable: Vec::new(), next: token(wire.metadata) });
    }
    let wire: Wire<&RawValue> = serde_json::from_slice(page)?;
    let mut items = Vec::with_capacity(wire.items.len());
    let mut unreadable = Vec::new();
    for raw in wire.items {
        match serde_json::from_str(raw.get()) {
            Ok(item) => items.push(item),
            Err(error) => unreadable.push(format!("{}: {error}", name(raw))),
        }
    }
    Ok(Page { items, unreadable, next: token(wire.metadata) })
}

fn token(metadata: ListMeta) -> Option<String> {
    metadata.r#continue.filter(|token| !token.is_empty())
}

/// The name of an object of which nothing else needs to be right.
fn name(raw: &RawValue) -> String {
    let object: serde_json::Value = serde_json::from_str(raw.get()).unwrap_or_default();
    let part = |key| object.pointer(key).and_then(serde_json::Value::as_str);
    let name = part("/metadata/name").unwrap_or("(unnamed)");
    part("/metadata/namespace").map_or_else(|| name.to_owned(), |namespace| format!("{namespace}/{name}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    struct Item {
        size: u8,
    }

    #[test]
    fn one_bad_object_costs_only_itself() {
        let page = br#"{"metadata":{"continue":"next"},"items":[
            {"size":1},{"metadata":{"namespace":"shop","name":"bad"},"size":"big"},{"size":3},7]}"#;
        let page = decode::<Item>(page).unwrap();
        assert_eq!(page.items, [Item { size: 1 }, Item { size: 3 }]);
        assert_eq!(page.next.as_deref(), Some("next"));
        assert_eq!(page.unreadable.len(), 2);
        assert!(page.unreadable[0].starts_with("shop/bad: "), "{}", page.unreadable[0]);
        assert!(page.unreadable[1].starts_with("(unnamed): "), "{}", page.unreadable[1]);
    }

    #[test]
    fn only_a_list_reads_as_a_list() {
        for empty in [r#"{"items":null}"#, r#"{"items":[]}"#, r#"{"metadata":{"continue":""},"items":[]}"#] {
            let page = decode::<Item>(empty.as_bytes()).unwrap();
            assert!(page.items.is_empty() && page.next.is_none(), "{empty}");
        }
        for other in ["<html>please log in</html>", "{}", r#"{"message":"hello"}"#, r#"{"items":{}}"#, ""] {
            assert!(decode::<Item>(other.as_bytes()).is_err(), "{other}");
        }
    }
}
