//! Tells whether a document is what the schema and its own rules say, and where it is not.

use std::collections::BTreeSet;

use jsonschema::Validator as Compiled;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::document::{ImageFacts, Manifest, SCHEMA_VERSION};
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

/// The arrays that are validated element by element, and the schema's names of their elements.
const ELEMENTS: [(&str, &str); 7] = [
    ("nodes", "Node"),
    ("images", "Image"),
    ("usedBy", "UsedBy"),
    ("manifests", "Manifest"),
    ("unusedOnNodes", "UnusedImage"),
    ("findings", "Finding"),
    ("gaps", "Gap"),
];

/// How many violations are told; a broken document may have one for each of its elements.
const MAX_VIOLATIONS: usize = 100;

/// The compiled schema.
#[derive(Debug)]
pub struct Validator {
    document: Compiled,
    elements: Vec<(&'static str, Compiled)>,
}

impl Validator {
    /// Compiles the built-in schema.
    pub fn new() -> Result<Self, BadSchema> {
        Self::of(&facts_schema())
    }

    fn of(schema: &Value) -> Result<Self, BadSchema> {
        let element = |(array, name): (&'static str, &str)| {
            let part = json!({
                "$schema": schema.get("$schema"),
                "$ref": format!("#/$defs/{name}"),
                "$defs": schema.get("$defs"),
            });
            Ok((array, compile(&part)?))
        };
        let elements = ELEMENTS.into_iter().map(element).collect::<Result<_, BadSchema>>()?;
        Ok(Self { document: compile(schema)?, elements })
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
        self.check_element("manifests", "", manifest, &mut found);
        found
    }

    /// One element at a time stands in memory a second time.
    fn check_elements<M>(&self, facts: &mut ImageFacts<M>, found: &mut Vec<Violation>) {
        collect(&self.document, "", frame(facts), found);
        self.check_each("nodes", "", facts.nodes.as_deref().unwrap_or_default(), found);
        for (at, image) in facts.images.iter_mut().enumerate() {
            let place = format!("/images/{at}");
            // A sidecar has as many users as there are workloads.
            let users = std::mem::take(&mut image.used_by);
            self.check_element("images", &place, image, found);
            self.check_each("usedBy", &place, &users, found);
            image.used_by = users;
        }
        self.check_each("unusedOnNodes", "", facts.unused_on_nodes.as_deref().unwrap_or_default(), found);
        self.check_each("findings", "", &facts.findings, found);
        self.check_each("gaps", "", &facts.gaps, found);
    }

    fn check_each(&self, array: &str, place: &str, elements: &[impl Serialize], found: &mut Vec<Violation>) {
        for (at, element) in elements.iter().enumerate() {
            self.check_element(array, &format!("{place}/{array}/{at}"), element, found);
        }
    }

    fn check_element(&self, array: &str, place: &str, element: &impl Serialize, found: &mut Vec<Violation>) {
        if let Some((_, compiled)) = self.elements.iter().find(|(name, _)| *name == array) {
            collect(compiled, place, json(element), found);
        }
    }

    /// Validates a document that was read. A newer 1.x may hold words and fields that are not known here.
    pub fn validate_document(&self, document: &Value) -> Result<Verdict, BadSchema> {
        let version = document.get("schemaVersion").and_then(Value::as_str).unwrap_or_default();
        let newer_version = is_newer(version).then(|| version.to_owned());
        let relaxed = match newer_version {
            Some(_) => Some(compile(&without_word_lists(facts_schema()))?),
            None => None,
        };
        let compiled = relaxed.as_ref().unwrap_or(&self.document);
        let mut violations: Vec<Violation> =
            compiled.iter_errors(document).take(MAX_VIOLATIONS).map(|error| violation("", &error)).collect();
        if violations.is_empty() && newer_version.is_none() {
            match ImageFacts::deserialize(document) {
                Ok(facts) => violations = rules::violations(&facts),
                Err(error) => violations.push(Violation { path: String::new(), message: error.to_string() }),
            }
        }
        violations.truncate(MAX_VIOLATIONS);
        Ok(Verdict { violations, newer_version })
    }

    /// JSON pointers to what this program's schema does not know, or does not allow.
    pub(super) fn unknown(&self, document: &Value) -> Vec<String> {
        self.document.iter_errors(document).map(|error| error.instance_path().to_string()).collect()
    }
}

fn compile(schema: &Value) -> Result<Compiled, BadSchema> {
    jsonschema::draft202012::options()
        .should_validate_formats(true)
        .build(schema)
        .map_err(|error| BadSchema(Box::new(error)))
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

/// What cannot become JSON is no valid element either: null is refused by every definition.
fn json(element: &impl Serialize) -> Value {
    serde_json::to_value(element).unwrap_or(Value::Null)
}

fn verdict(mut found: Vec<Violation>) -> Result<(), Vec<Violation>> {
    found.truncate(MAX_VIOLATIONS);
    if found.is_empty() { Ok(()) } else { Err(found) }
}

fn collect(compiled: &Compiled, at: &str, value: Value, found: &mut Vec<Violation>) {
    // Nearly always, and told faster than where it is not.
    if compiled.is_valid(&value) {
        return;
    }
    let room = MAX_VIOLATIONS.saturating_sub(found.len());
    found.extend(compiled.iter_errors(&value).take(room).map(|error| violation(at, &error)));
}

fn violation(at: &str, error: &jsonschema::ValidationError<'_>) -> Violation {
    // Values are not repeated: they may be secret, and they may be large.
    Violation { path: format!("{at}{}", error.instance_path()), message: error.masked().to_string() }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::document::Time;
    use crate::facts::fixture;
    use crate::resolve::Resolution;

    fn sample() -> ImageFacts {
        let mut resolution = Resolution::default();
        for name in ["ghcr.io/acme/a:1", "ghcr.io/acme/b:1"] {
            let answer = fixture::answer(&mut resolution, name, &["linux/amd64", "linux/arm64"]);
            fixture::add(&mut resolution, [answer]);
        }
        let mut inventory = fixture::with_image("ghcr.io/acme/a:1", fixture::usage("a"));
        inventory.images.extend(fixture::with_image("ghcr.io/acme/b:1", fixture::usage("b")).images);
        inventory.on_nodes = vec![fixture::node_image("node-a", &["registry.k8s.io/pause:3.10"], 1)];
        fixture::facts(&inventory, Some(&resolution))
    }

    fn paths(violations: &[Violation]) -> Vec<&str> {
        violations.iter().map(|violation| violation.path.as_str()).collect()
    }

    #[test]
    fn what_is_written_is_valid_both_ways() {
        let (validator, facts) = (Validator::new().unwrap(), sample());
        validator.check(&facts).unwrap();
        let verdict = validator.validate_document(&serde_json::to_value(&facts).unwrap()).unwrap();
        assert_eq!(verdict, Verdict::default());
    }

    #[test]
    fn a_broken_document_is_refused_with_its_place() {
        let validator = Validator::new().unwrap();
        type Breakage = fn(&mut Value);
        let cases: [(&str, Breakage); 9] = [
            ("", |v| drop(v.as_object_mut().unwrap().remove("summary"))),
            ("/kind", |v| v["kind"] = json!("Facts")),
            ("/schemaVersion", |v| v["schemaVersion"] = json!("2.0")),
            ("/run/generatedAt", |v| v["run"]["generatedAt"] = json!("yesterday")),
            ("/images/1/status", |v| v["images"][1]["status"] = json!("fine")),
            ("/images/0/resolved/digest", |v| v["images"][0]["resolved"]["digest"] = json!("sha256:../../etc")),
            ("/manifests/0/compressedBytes", |v| v["manifests"][0]["compressedBytes"] = json!(-1)),
            ("/nodes/0/osVersion", |v| v["nodes"][0]["osVersion"] = json!(null)),
            ("/images", |v| v["images"] = json!({})),
        ];
        for (path, breakage) in cases {
            let mut document = serde_json::to_value(sample()).unwrap();
            breakage(&mut document);
            let verdict = validator.validate_document(&document).unwrap();
            assert_eq!(paths(&verdict.violations), [path]);
        }
    }

    #[test]
    fn a_document_that_breaks_its_own_rules_is_refused() {
        let validator = Validator::new().unwrap();
        type Breakage = fn(&mut ImageFacts);
        let cases: [(&str, Breakage); 6] = [
            ("/images/1", |facts| facts.images.reverse()),
            ("/manifests/1", |facts| facts.manifests.reverse()),
            ("/summary", |facts| facts.summary.resolved = 7),
            ("/nodes/1", |facts| facts.nodes.as_mut().unwrap().reverse()),
            ("/images/0/variants/1", |facts| facts.images[0].variants.as_mut().unwrap().reverse()),
            ("/images/0/variants/0/digest", |facts| {
                facts.images[0].variants.as_mut().unwrap()[0].digest = fixture::digest("nowhere");
                // The layers of its manifest are counted no longer.
                facts.summary = crate::facts::summarize(&facts.images, &facts.manifests, &facts.findings);
            }),
        ];
        for (path, breakage) in cases {
            let mut facts = sample();
            breakage(&mut facts);
            assert_eq!(paths(&validator.check(&facts).unwrap_err()), [path]);
            let verdict = validator.validate_document(&serde_json::to_value(&facts).unwrap()).unwrap();
            assert_eq!(paths(&verdict.violations), [path]);
        }
    }

    #[test]
    fn elements_are_checked_while_writing() {
        let validator = Validator::new().unwrap();
        let mut facts = sample();
        facts.schema_version = "one".to_owned();
        assert_eq!(paths(&validator.check(&facts).unwrap_err()), ["/schemaVersion"]);
        let mut facts = sample();
        facts.run.generated_at = Time(jiff::Timestamp::MAX);
        validator.check(&facts).unwrap();
    }

    #[test]
    fn a_newer_minor_version_may_know_more_words() {
        let validator = Validator::new().unwrap();
        let mut document = serde_json::to_value(sample()).unwrap();
        document["images"][0]["status"] = json!("half-resolved");
        document["images"][0]["flavour"] = json!(7);
        assert_eq!(paths(&validator.validate_document(&document).unwrap().violations), ["/images/0/status"]);
        document["schemaVersion"] = json!("1.7");
        let verdict = validator.validate_document(&document).unwrap();
        assert_eq!(verdict, Verdict { violations: Vec::new(), newer_version: Some("1.7".to_owned()) });
        document["images"][0]["status"] = json!(7);
        assert_eq!(paths(&validator.validate_document(&document).unwrap().violations), ["/images/0/status"]);
    }
}
