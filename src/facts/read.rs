//! Reads a finished document, also one that a newer 1.x wrote.

use std::cmp::Reverse;

use serde::Deserialize;
use serde_json::Value;

use super::document::{ImageFacts, SCHEMA_VERSION};
use super::validate::{BadSchema, is_newer, unknown};

/// A document that was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Read {
    /// the document
    pub facts: ImageFacts,
    /// how many entries of its arrays hold words that a newer version added, and were left out
    pub left_out: usize,
}

/// Why a document cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    /// No JSON, or not the facts.
    #[error("these are no facts: {0}; `imagefacts validate` tells all that is wrong")]
    Json(#[from] serde_json::Error),
    /// Something else than facts.
    #[error("its kind is {0:?}, expected ImageFacts")]
    Kind(String),
    /// Facts of another major version.
    #[error(
        "its schema version is {0:?}; this program reads 1.x: use an imagefacts that is as new as the one that wrote it"
    )]
    Version(String),
    /// The built-in schema is broken.
    #[error(transparent)]
    Schema(#[from] BadSchema),
}

/// What stands in every document, whatever its version.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Frame {
    schema_version: String,
    kind: String,
}

/// Reads a document. Of one that a newer 1.x wrote, what this program has no word for is left out and counted.
///
/// # Errors
/// When it is no document of schema 1.x, or broken.
pub fn read(json: &[u8]) -> Result<Read, Unreadable> {
    let Frame { schema_version, kind } = serde_json::from_slice(json)?;
    if kind != "ImageFacts" {
        return Err(Unreadable::Kind(kind));
    }
    if schema_version != SCHEMA_VERSION && !is_newer(&schema_version) {
        return Err(Unreadable::Version(schema_version));
    }
    match serde_json::from_slice(json) {
        Ok(facts) => Ok(Read { facts, left_out: 0 }),
        Err(_) if is_newer(&schema_version) => without_the_unknown(serde_json::from_slice(json)?),
        Err(error) => Err(error.into()),
    }
}

/// Leaves out the smallest entries that hold what is not known: a finding, an error of an image, an attachment.
fn without_the_unknown(mut document: Value) -> Result<Read, Unreadable> {
    let mut unknown: Vec<(String, usize)> =
        unknown(&document)?.iter().filter_map(|path| entry(&document, path)).collect();
    // What lies deeper goes before what holds it, and from the end, so that no removal moves what is still to go.
    unknown.sort_by_cached_key(|(array, at)| Reverse((array.matches('/').count(), array.clone(), *at)));
    unknown.dedup();
    for (array, at) in &unknown {
        if let Some(entries) = document.pointer_mut(array).and_then(Value::as_array_mut).filter(|e| *at < e.len()) {
            entries.remove(*at);
        }
    }
    Ok(Read { facts: typed(&document)?, left_out: unknown.len() })
}

/// The facts in a tree, by way of its text: to read them out of a tree as well would be a third of a megabyte of the program.
pub(super) fn typed(document: &Value) -> Result<ImageFacts, serde_json::Error> {
    serde_json::from_slice(&serde_json::to_vec(document)?)
}

/// The innermost entry of an array that `path` lies in: the array, and the entry's place.
fn entry(document: &Value, path: &str) -> Option<(String, usize)> {
    let ends = path.match_indices('/').map(|(at, _)| at).chain([path.len()]).collect::<Vec<_>>();
    ends.windows(2).rev().find_map(|pair| {
        let &[slash, end] = pair else { return None };
        let at = path.get(slash + 1..end)?.parse().ok()?;
        let array = path.get(..slash)?;
        document.pointer(array)?.is_array().then(|| (array.to_owned(), at))
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::facts::fixture;
    use crate::vocabulary::ErrorClass;

    /// Two images, of which one failed, and a finding about it.
    fn document() -> Value {
        let name = "ghcr.io/acme/private:v9";
        let mut usage = fixture::usage(name);
        fixture::waits(&mut usage, "ErrImagePull", "x509: certificate signed by unknown authority", "node-a");
        let mut inventory = fixture::with_image(name, usage);
        inventory.images.extend(fixture::with_image("ghcr.io/acme/a:1", fixture::usage("a")).images);
        let failed = fixture::failed(name, &[(ErrorClass::Tls, "no trust"), (ErrorClass::Timeout, "no answer")]);
        let mut resolution = fixture::resolution([failed]);
        let answer = fixture::answer(&mut resolution, "ghcr.io/acme/a:1", &["linux/amd64", "linux/arm64"]);
        fixture::add(&mut resolution, [answer]);
        serde_json::to_value(fixture::facts(&inventory, Some(&resolution))).unwrap()
    }

    fn read_value(document: &Value) -> Result<Read, Unreadable> {
        read(document.to_string().as_bytes())
    }

    #[test]
    fn what_is_written_is_read() {
        let document = document();
        let read = read_value(&document).unwrap();
        assert_eq!((serde_json::to_value(&read.facts).unwrap(), read.left_out), (document, 0));
    }

    #[test]
    fn new_fields_are_ignored_and_new_words_leave_out_no_more_than_they_must() {
        let mut newer = document();
        newer["schemaVersion"] = json!("1.7");
        newer["images"][0]["flavour"] = json!({"any": ["thing"]});
        assert_eq!(read_value(&newer).unwrap().left_out, 0);
        newer["findings"][0]["code"] = json!("pull-by-pigeon");
        newer["images"][1]["errors"][0]["class"] = json!("weather");
        newer["images"][1]["errors"][1]["stage"] = json!("flight");
        newer["images"][1]["usedBy"][0]["containers"][0]["type"] = json!("nested");
        newer["manifests"][0]["kind"] = json!("hologram");
        let known = read_value(&document()).unwrap().facts;
        let read = read_value(&newer).unwrap();
        assert_eq!(read.left_out, 5);
        assert_eq!(read.facts.findings, known.findings.get(1..).unwrap());
        assert_eq!(read.facts.manifests, known.manifests.get(1..).unwrap());
        assert_eq!(read.facts.images.len(), 2);
        assert_eq!(read.facts.images[1].errors, Some(Vec::new()));
        assert!(read.facts.images[1].used_by[0].containers.is_empty());
    }

    #[test]
    fn an_entry_within_an_entry_that_is_left_out_does_no_harm() {
        let mut newer = document();
        newer["schemaVersion"] = json!("1.7");
        newer["images"][0]["status"] = json!("half-resolved");
        newer["images"][0]["usedBy"][0]["role"] = json!("understudy");
        newer["images"][1]["status"] = json!("half-resolved");
        assert!(read_value(&newer).unwrap().facts.images.is_empty());
    }

    #[test]
    fn what_are_no_facts_of_this_kind_is_refused() {
        type Breakage = fn(&mut Value);
        let cases: [(&str, Breakage); 6] = [
            ("ImageFacts", |v| v["kind"] = json!("Bill")),
            ("2.0", |v| v["schemaVersion"] = json!("2.0")),
            ("1.x", |v| v["schemaVersion"] = json!("1.-1")),
            ("unknown variant", |v| v["findings"][0]["code"] = json!("pull-by-pigeon")),
            ("missing field", |v| drop(v.as_object_mut().unwrap().remove("images"))),
            ("these are no facts", |v| *v = json!([])),
        ];
        for (says, breakage) in cases {
            let mut broken = document();
            breakage(&mut broken);
            let error = read_value(&broken).unwrap_err().to_string();
            assert!(error.contains(says), "{error}");
        }
    }
}
