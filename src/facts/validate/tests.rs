//! Documents that are valid, and those that are not.

use super::*;
use crate::facts::document::Time;
use crate::facts::fixture;
use crate::image::Platform;
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
    let verdict = validate_document(&serde_json::to_value(&facts).unwrap()).unwrap();
    assert_eq!(verdict, Verdict::default());
}

#[test]
fn a_broken_document_is_refused_with_its_place() {
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
        let verdict = validate_document(&document).unwrap();
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
        let verdict = validate_document(&serde_json::to_value(&facts).unwrap()).unwrap();
        assert_eq!(paths(&verdict.violations), [path]);
    }
}

#[test]
fn what_arrays_hold_is_checked_by_itself() {
    let schema = facts_schema();
    let fields = schema["properties"].as_object().unwrap().values();
    let elements: Vec<&str> = fields.filter_map(|field| field["items"]["$ref"].as_str()).collect();
    assert!(elements.len() >= 6, "{elements:?}");
    for element in elements {
        assert!(PARTS.contains(&element.strip_prefix("#/$defs/").unwrap()), "{element}");
    }
}

#[test]
fn elements_are_checked_while_writing() {
    let validator = Validator::new().unwrap();
    let mut facts = sample();
    facts.schema_version = "one".to_owned();
    assert_eq!(paths(&validator.check(&facts).unwrap_err()), ["/schemaVersion"]);
    let mut facts = sample();
    facts.nodes.as_mut().unwrap()[1].platform = Platform::new("linux", "", None);
    assert_eq!(paths(&validator.check(&facts).unwrap_err()), ["/nodes/1/platform"]);
    let mut facts = sample();
    facts.run.generated_at = Time(jiff::Timestamp::MAX);
    validator.check(&facts).unwrap();
}

#[test]
fn a_newer_minor_version_may_know_more_words() {
    let mut document = serde_json::to_value(sample()).unwrap();
    document["images"][0]["status"] = json!("half-resolved");
    document["images"][0]["flavour"] = json!(7);
    assert_eq!(paths(&validate_document(&document).unwrap().violations), ["/images/0/status"]);
    document["schemaVersion"] = json!("1.7");
    let verdict = validate_document(&document).unwrap();
    assert_eq!(verdict, Verdict { violations: Vec::new(), newer_version: Some("1.7".to_owned()) });
    document["images"][0]["status"] = json!(7);
    assert_eq!(paths(&validate_document(&document).unwrap().violations), ["/images/0/status"]);
}
