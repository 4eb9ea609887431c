//! Keeps the pages about facts, findings and redaction as complete as the types; the reference is made from them.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde_json::Value;

use super::findings::evidence_schema;
use super::redact::Rule;
use super::schema::{document_schema, facts_schema};
use crate::vocabulary::FindingCode;

const FACTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/facts.md");
const FINDINGS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/findings.md");
const REDACTION: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/redaction.md");
/// What stands below it in `docs/facts.md` is made from the schema.
const BEGIN: &str =
    "<!-- made from the schema: edit the types' doc comments, then run the tests with IMAGEFACTS_BLESS=1 -->\n";

#[test]
fn the_reference_is_what_the_schema_says() {
    let committed = std::fs::read_to_string(FACTS).unwrap();
    let (by_hand, _) = committed.split_once(BEGIN).unwrap();
    let expected = format!("{by_hand}{BEGIN}{}", reference(&facts_schema()));
    if std::env::var_os("IMAGEFACTS_BLESS").is_some() {
        std::fs::write(FACTS, &expected).unwrap();
    }
    let committed = std::fs::read_to_string(FACTS).unwrap();
    assert!(committed == expected, "docs/facts.md is out of date: run the tests with IMAGEFACTS_BLESS=1");
}

#[test]
fn every_finding_and_its_evidence_is_explained() {
    let page = std::fs::read_to_string(FINDINGS).unwrap();
    for code in FindingCode::ALL {
        let row =
            page.lines().find(|line| line.starts_with(&format!("| `{code}` |"))).unwrap_or_else(|| panic!("{code}"));
        assert!(row.contains(&format!("| {} |", code.severity())), "{code}: its severity is {}", code.severity());
    }
    let mut fields = BTreeSet::new();
    field_names(&evidence_schema(), &mut fields);
    assert!(fields.len() > 20);
    for field in fields {
        assert!(page.contains(&format!("`{field}`")), "the evidence field {field} is not explained");
    }
}

#[test]
fn every_rule_of_redaction_is_explained() {
    let page = std::fs::read_to_string(REDACTION).unwrap();
    let schema = document_schema::<Rule>("rule", "Rule");
    let rules = schema["oneOf"].as_array().unwrap();
    assert!(rules.len() > 10);
    for rule in rules {
        let name = rule["const"].as_str().unwrap();
        let explained = page.lines().any(|line| line.starts_with('|') && line.contains(&format!("`{name}`")));
        assert!(explained, "the rule {name} is not explained");
    }
}

fn field_names(schema: &Value, names: &mut BTreeSet<String>) {
    match schema {
        Value::Object(object) => {
            if let Some(Value::Object(properties)) = object.get("properties") {
                names.extend(properties.keys().cloned());
            }
            object.values().for_each(|value| field_names(value, names));
        }
        Value::Array(items) => items.iter().for_each(|value| field_names(value, names)),
        _ => {}
    }
}

/// A table for each object and each list of words, in the order in which the document comes to them.
fn reference(schema: &Value) -> String {
    let mut page = String::new();
    let mut queue = vec![("the document".to_owned(), schema.clone())];
    let mut seen = BTreeSet::new();
    let mut lists = Vec::new();
    while !queue.is_empty() {
        let (place, object) = queue.remove(0);
        let Some(properties) = object["properties"].as_object() else {
            lists.push((place, object));
            continue;
        };
        writeln!(page, "\n### {place}\n\n| field | type | meaning |\n|---|---|---|").unwrap();
        let required = object["required"].as_array().cloned().unwrap_or_default();
        for (name, field) in properties {
            let optional = if required.iter().any(|r| r == name) { "" } else { "?" };
            let (kind, target, is_array) = kind(field);
            let meaning = field["description"].as_str().unwrap_or_default().replace('|', "\\|").replace('\n', " ");
            writeln!(page, "| `{name}`{optional} | {kind} | {meaning} |").unwrap();
            if let Some(target) = target.filter(|target| seen.insert(target.clone())) {
                let parent =
                    if place == "the document" { String::new() } else { format!("{}.", place.trim_matches('`')) };
                let place = format!("`{parent}{name}{}`", if is_array { "[]" } else { "" });
                queue.push((place, schema["$defs"][&target].clone()));
            }
        }
    }
    for (place, list) in lists {
        let Some(words) = list["oneOf"].as_array() else { continue };
        writeln!(page, "\n### words of {place}\n\n| word | meaning |\n|---|---|").unwrap();
        for word in words {
            let meaning = word["description"].as_str().unwrap_or_default().replace('|', "\\|").replace('\n', " ");
            writeln!(page, "| `{}` | {meaning} |", word["const"].as_str().unwrap()).unwrap();
        }
    }
    page
}

/// A field's type in words, the definition that it names, and whether it is an array of these.
fn kind(field: &Value) -> (String, Option<String>, bool) {
    let target = |schema: &Value| schema["$ref"].as_str().and_then(|r| r.rsplit('/').next()).map(str::to_owned);
    let named = |target: &str| match target {
        "Time" => "time".to_owned(),
        "Digest" | "Platform" => target.to_lowercase(),
        _ => String::new(),
    };
    if let Some(target) = target(field) {
        let word = named(&target);
        return (if word.is_empty() { "below".to_owned() } else { word }, Some(target), false);
    }
    match (field["type"].as_str().unwrap_or("any"), target(&field["items"])) {
        ("array", Some(target)) => ("array, below".to_owned(), Some(target), true),
        ("array", None) => (format!("array of {}", field["items"]["type"].as_str().unwrap_or("any")), None, true),
        ("object", _) => ("map by name".to_owned(), None, false),
        (kind, _) => (kind.to_owned(), None, false),
    }
}
