//! Tells whether a document is what the schema and its own rules say, and where it is not.

mod node;
mod tape;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::fmt::Arguments;

use jsonschema::{Draft, Registry, RegistryBuilder};
use serde::Serialize;
use serde_json::{Map, Value, json};

use self::tape::Tape;
use super::document::{ImageFacts, Manifest, SCHEMA_VERSION};
use super::read::typed;
use super::rules;
use super::schema::facts_schema;
use crate::image::Digest;

/// Where a document is not what it must be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {message}", if path.is_empty() { "the document" } else { path })]
pub struct Violation {
    /// a JSON pointer into the document; empty for the whole
    pub path: String,
    /// what is wrong there
    pub message: String,
}

impl Violation {
    /// The same in a document where what was checked stands at `place`.
    pub(super) fn below(self, place: &str) -> Self {
        Self { path: format!("{place}{}", self.path), ..self }
    }
}

/// What is to be said of a document.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verdict {
    /// where it is not what it must be; empty when it is valid
    pub violations: Vec<Violation>,
    /// its `schemaVersion`, when that is a newer 1.x: words that are unknown here were then let pass
    pub newer_version: Option<String>,
}

/// The schema cannot be compiled: a bug of this program.
#[derive(Debug, thiserror::Error)]
#[error("the built-in schema cannot be compiled: {0}. This is a bug of imagefacts")]
pub struct BadSchema(#[source] Box<jsonschema::ValidationError<'static>>);

// The schema's names of the elements of long arrays, which are validated one by one.
const NODE: &str = "Node";
const IMAGE: &str = "Image";
const USED_BY: &str = "UsedBy";
const MANIFEST: &str = "Manifest";
const UNUSED_IMAGE: &str = "UnusedImage";
const FINDING: &str = "Finding";
const GAP: &str = "Gap";
const PARTS: [&str; 7] = [NODE, IMAGE, USED_BY, MANIFEST, UNUSED_IMAGE, FINDING, GAP];

/// By which the parts name the schema that they are of.
const SCHEMA_URI: &str = "urn:imagefacts:facts";

/// How many violations are told; a broken document may have one for each of its elements.
const MAX_VIOLATIONS: usize = 100;

/// Validates what is about to be written, element by element.
#[derive(Debug)]
pub struct Validator {
    /// of the document without what its arrays hold
    frame: Compiled,
    /// of what they hold
    parts: Vec<(&'static str, Compiled)>,
}

type Compiled = jsonschema::Validator<Tape>;

impl Validator {
    /// Compiles the built-in schema.
    pub fn new() -> Result<Self, BadSchema> {
        Self::of(&facts_schema())
    }

    fn of(schema: &Value) -> Result<Self, BadSchema> {
        // What the parts have in common is read once.
        let registry = Registry::new().draft(Draft::Draft202012).add(SCHEMA_URI, schema);
        let registry =
            registry.and_then(RegistryBuilder::prepare).map_err(|error| BadSchema(Box::new(error.into())))?;
        let part =
            |name| Ok((name, compile(&json!({ "$ref": format!("{SCHEMA_URI}#/$defs/{name}") }), Some(&registry))?));
        Ok(Self {
            frame: compile(&without_elements(schema.clone()), None)?,
            parts: PARTS.into_iter().map(part).collect::<Result<_, BadSchema>>()?,
        })
    }

    /// Validates what is about to be written.
    pub fn check(&self, facts: &ImageFacts) -> Result<(), Vec<Violation>> {
        let mut found = Vec::new();
        self.check_elements(&mut facts.clone(), &mut found);
        for (at, manifest) in facts.manifests.iter().enumerate() {
            let violations = self.check_manifest(manifest).into_iter();
            found.extend(violations.map(|violation| violation.below(&format!("/manifests/{at}"))));
        }
        found.extend(rules::violations(facts));
        verdict(found)
    }

    /// Validates all but the manifests, of which each was handed to [`Self::check_manifest`]; what that `found` counts.
    pub(super) fn check_beside<M>(
        &self,
        facts: &mut ImageFacts<M>,
        manifests: &BTreeSet<&Digest>,
        mut found: Vec<Violation>,
    ) -> Result<(), Vec<Violation>> {
        self.check_elements(facts, &mut found);
        found.extend(rules::violations_beside(facts, manifests));
        verdict(found)
    }

    /// Where `manifest` is not valid, from itself on.
    pub(super) fn check_manifest(&self, manifest: &Manifest) -> Vec<Violation> {
        let mut found = Vec::new();
        self.check_part(MANIFEST, format_args!(""), manifest, &mut found);
        found
    }

    /// One element at a time stands in memory a second time.
    fn check_elements<M>(&self, facts: &mut ImageFacts<M>, found: &mut Vec<Violation>) {
        check(&self.frame, format_args!(""), &frame(facts), found);
        self.check_each(NODE, format_args!("/nodes"), facts.nodes.as_deref().unwrap_or_default(), found);
        for (at, image) in facts.images.iter_mut().enumerate() {
            // A sidecar has as many users as there are workloads.
            let users = std::mem::take(&mut image.used_by);
            self.check_part(IMAGE, format_args!("/images/{at}"), image, found);
            self.check_each(USED_BY, format_args!("/images/{at}/usedBy"), &users, found);
            image.used_by = users;
        }
        self.check_each(
            UNUSED_IMAGE,
            format_args!("/unusedOnNodes"),
            facts.unused_on_nodes.as_deref().unwrap_or_default(),
            found,
        );
        self.check_each(FINDING, format_args!("/findings"), &facts.findings, found);
        self.check_each(GAP, format_args!("/gaps"), &facts.gaps, found);
    }

    fn check_each(&self, schema: &str, place: Arguments<'_>, elements: &[impl Serialize], found: &mut Vec<Violation>) {
        for (at, element) in elements.iter().enumerate() {
            self.check_part(schema, format_args!("{place}/{at}"), element, found);
        }
    }

    /// Checks a part of a document, which stands at `place`.
    fn check_part(&self, name: &str, place: Arguments<'_>, part: &impl Serialize, found: &mut Vec<Violation>) {
        if let Some((_, compiled)) = self.parts.iter().find(|(part, _)| *part == name) {
            check(compiled, place, part, found);
        }
    }
}

/// Validates a document that was read. A newer 1.x may hold words and fields that are not known here.
///
/// # Errors
/// When the built-in schema is not one: a bug of this program.
pub fn validate_document(document: &Value) -> Result<Verdict, BadSchema> {
    let version = document.get("schemaVersion").and_then(Value::as_str).unwrap_or_default();
    let newer_version = is_newer(version).then(|| version.to_owned());
    let schema = match newer_version {
        Some(_) => without_word_lists(facts_schema()),
        None => facts_schema(),
    };
    let mut violations = violations(&compile(&schema, None)?, format_args!(""), &tape(document));
    if violations.is_empty() && newer_version.is_none() {
        match typed(document) {
            Ok(facts) => violations = rules::violations(&facts),
            Err(error) => violations.push(Violation { path: String::new(), message: without_place(&error) }),
        }
    }
    violations.truncate(MAX_VIOLATIONS);
    Ok(Verdict { violations, newer_version })
}

/// JSON pointers to what this program's schema does not know, or does not allow.
pub(super) fn unknown(document: &Value) -> Result<Vec<String>, BadSchema> {
    let violations = violations(&compile(&facts_schema(), None)?, format_args!(""), &tape(document));
    Ok(violations.into_iter().map(|violation| violation.path).collect())
}

/// Compiles `schema`, which may name others that are in `registry`.
fn compile(schema: &Value, registry: Option<&Registry<'_>>) -> Result<Compiled, BadSchema> {
    let options = jsonschema::options_for().with_draft(Draft::Draft202012).should_validate_formats(true);
    let options = match registry {
        Some(registry) => options.with_registry(registry),
        None => options,
    };
    options.build(schema).map_err(|error| BadSchema(Box::new(error)))
}

/// What cannot become JSON is nothing valid either: null is refused by every definition.
fn tape(value: &impl Serialize) -> Tape {
    Tape::of(value).unwrap_or_default()
}

/// Checks what stands at `place`.
fn check(compiled: &Compiled, place: Arguments<'_>, value: &impl Serialize, found: &mut Vec<Violation>) {
    let tape = tape(value);
    // Nearly always, and told faster than where it is not.
    if !compiled.is_valid(tape.root()) {
        let room = MAX_VIOLATIONS.saturating_sub(found.len());
        found.extend(violations(compiled, place, &tape).into_iter().take(room));
    }
}

/// Where what stands at `place` is not valid.
fn violations(compiled: &Compiled, place: Arguments<'_>, tape: &Tape) -> Vec<Violation> {
    let violation = |error: jsonschema::ValidationError<'_>| Violation {
        path: format!("{place}{}", error.instance_path()),
        // Values are not repeated: they may be secret, and they may be large.
        message: error.masked().to_string(),
    };
    compiled.iter_errors(tape.root()).map(violation).collect()
}

/// What is wrong, but not where in a text that nobody has seen.
fn without_place(error: &serde_json::Error) -> String {
    let place = format!(" at line {} column {}", error.line(), error.column());
    error.to_string().replace(&place, "")
}

/// The schema of a document with arrays of whatever.
fn without_elements(mut schema: Value) -> Value {
    let fields = schema.get_mut("properties").and_then(Value::as_object_mut);
    for field in fields.into_iter().flat_map(Map::values_mut).filter_map(Value::as_object_mut) {
        field.remove("items");
    }
    schema
}

/// The document with its arrays left empty.
fn frame<M>(facts: &ImageFacts<M>) -> Value {
    json!({
        "schemaVersion": facts.schema_version,
        "kind": facts.kind,
        "complete": facts.complete,
        "run": facts.run,
        "source": facts.source,
        "redaction": facts.redaction,
        "images": [],
        "manifests": [],
        "findings": [],
        "gaps": [],
        "summary": facts.summary,
    })
}

fn verdict(mut found: Vec<Violation>) -> Result<(), Vec<Violation>> {
    found.truncate(MAX_VIOLATIONS);
    if found.is_empty() { Ok(()) } else { Err(found) }
}

/// Whether `version` is a 1.x above ours.
pub(super) fn is_newer(version: &str) -> bool {
    let minor = |version: &str| version.strip_prefix("1.").and_then(|minor| minor.parse::<u32>().ok());
    minor(version) > minor(SCHEMA_VERSION)
}

/// The schema with any word where a word of a list is asked for.
fn without_word_lists(schema: Value) -> Value {
    let is_word = |option: &Value| option.get("const").is_some_and(Value::is_string) || option.get("enum").is_some();
    match schema {
        Value::Object(object) => {
            let is_list = object.get("enum").is_some()
                || object.get("oneOf").and_then(Value::as_array).is_some_and(|options| options.iter().all(is_word));
            let relaxed: Map<String, Value> = object
                .into_iter()
                .filter(|(key, _)| !is_list || (key != "enum" && key != "oneOf"))
                .map(|(key, value)| (key, without_word_lists(value)))
                .chain(is_list.then(|| ("type".to_owned(), json!("string"))))
                .collect();
            Value::Object(relaxed)
        }
        Value::Array(items) => Value::Array(items.into_iter().map(without_word_lists).collect()),
        other => other,
    }
}
