//! What must not survive, what must stay, and that it is told which.

use proptest::prelude::*;

use super::*;
use crate::cluster::inventory::ImageName;
use crate::facts::document::{Build, HistoryStep, ImageError, Layer, Waiting};
use crate::facts::fixture;
use crate::image::ImageConfig;
use crate::resolve::Resolution;
use crate::vocabulary::{ErrorClass, ErrorStage};

/// A document with `text` at `place`.
fn document(place: &str, text: &str) -> ImageFacts {
    let mut resolution = Resolution::default();
    let mut looked = fixture::image("x", "linux/amd64");
    let pair = || text.split_once('=').unwrap_or((text, ""));
    let mut config = ImageConfig::default();
    match place {
        "env" => config.env = vec!["PATH=/bin".to_owned(), text.to_owned()],
        "label" => drop(config.labels.insert(pair().0.to_owned(), pair().1.to_owned())),
        "cmd" => config.cmd = words(text),
        "entrypoint" => config.entrypoint = words(text),
        "healthcheck" => {
            let test: Vec<String> = ["CMD".to_owned()].into_iter().chain(words(text)).collect();
            config.healthcheck = Some(serde_json::json!({"Test": test, "Interval": 5}));
        }
        "author" => config.author = Some(text.to_owned()),
        "stop signal" => config.stop_signal = Some(text.to_owned()),
        "port" => config.exposed_ports = vec!["80/tcp".to_owned(), text.to_owned()],
        "history" | "comment" => {
            let text = Some(text.to_owned());
            let mut step = crate::image::History::default();
            *if place == "history" { &mut step.created_by } else { &mut step.comment } = text;
            config.history = vec![step];
        }
        _ => {}
    }
    if let (crate::image::Document::Image(manifest), "annotation") =
        (std::sync::Arc::make_mut(&mut looked.whole.as_mut().unwrap().document), place)
    {
        manifest.annotations.insert(pair().0.to_owned(), pair().1.to_owned());
    }
    let looked = fixture::with_config(looked, config);
    resolution.documents.insert(looked.digest.clone(), looked);
    let mut inventory = fixture::with_image("ghcr.io/acme/web:v1", fixture::usage("ghcr.io/acme/web:v1"));
    if place == "reference" {
        inventory.images.insert(ImageName::Invalid(text.to_owned()), fixture::usage(text).into());
    }
    let mut facts = fixture::facts(&inventory, Some(&resolution));
    let message = text.to_owned();
    match place {
        "build" => facts.manifests[0].build = Some(Build { source: Some(message), ..Build::default() }),
        "message" => {
            let (reason, examples) = ("ErrImagePull".to_owned(), Vec::new());
            facts.images[0].waiting = Some(vec![Waiting { reason, message, pods: 1, examples }]);
        }
        "error" => {
            facts.images[0].errors = Some(vec![ImageError {
                stage: ErrorStage::Manifest,
                class: ErrorClass::Canceled,
                platform: None,
                endpoint: None,
                http_status: None,
                message,
                attempts: 1,
                retry_after_seconds: None,
            }]);
        }
        "finding" => {
            let inventory = fixture::with_image("nginx", fixture::usage("nginx"));
            facts = fixture::facts(&inventory, None);
            let finding = &mut facts.findings[0];
            finding.evidence.insert("words".to_owned(), serde_json::json!([{"quoted": message}]));
            finding.remedy = Some(text.to_owned());
        }
        _ => {}
    }
    facts
}

fn words(text: &str) -> Vec<String> {
    text.split(' ').map(str::to_owned).collect()
}

/// The lines of a table: place and text.
fn table(text: &str) -> Vec<(String, String)> {
    text.lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty())
        .map(|line| line.split_once(" | ").unwrap())
        .map(|(place, text)| (place.to_owned(), text.replace("~~", "")))
        .collect()
}

/// A text with its marks taken out, and what they marked.
fn marked(text: &str) -> (String, Vec<String>) {
    let mut parts = text.split("{{");
    let mut plain = parts.next().unwrap().to_owned();
    let mut secrets = Vec::new();
    for part in parts {
        let (secret, rest) = part.split_once("}}").unwrap();
        secrets.push(secret.to_owned());
        plain.extend([secret, rest]);
    }
    (plain, secrets)
}

#[test]
fn no_secret_survives() {
    let table = table(include_str!("../../../testdata/redaction/secrets.txt"));
    let mut secrets_seen = 0;
    let mut survivors = Vec::new();
    for (place, text) in &table {
        let (text, secrets) = marked(text);
        assert!(!secrets.is_empty(), "{text}");
        secrets_seen += secrets.len();
        let mut facts = document(place, &text);
        let before = serde_json::to_string(&facts).unwrap();
        let redactions = redact(&mut facts);
        let after = serde_json::to_string(&facts).unwrap();
        for secret in &secrets {
            let written = serde_json::to_string(secret).unwrap();
            let written = written.trim_matches('"');
            assert!(before.contains(written), "{place}: {secret} is not in the document");
            // A secret of few letters may be a part of other words.
            let survives = if secret.len() < 4 { redactions.count == 0 } else { after.contains(written) };
            if survives {
                survivors.push(format!("{place} | {text}: {secret}"));
            }
        }
        let told = serde_json::to_string(&redactions).unwrap();
        assert!(secrets.iter().all(|secret| secret.len() < 4 || !told.contains(secret.as_str())), "{told}");
    }
    assert!(survivors.is_empty(), "{}", survivors.join("\n"));
    assert!(table.len() >= 150 && secrets_seen >= 150, "{} lines, {secrets_seen} secrets", table.len());
}

#[test]
fn what_is_harmless_stays() {
    let table = table(include_str!("../../../testdata/redaction/harmless.txt"));
    let mut masked = Vec::new();
    for (place, text) in &table {
        let mut facts = document(place, text);
        let before = facts.clone();
        let redactions = redact(&mut facts);
        if facts != before || redactions.count > 0 {
            masked.push(format!("{place} | {text}: {:?}", redactions.redactions));
        }
    }
    assert!(masked.is_empty(), "{}", masked.join("\n"));
    assert!(table.len() >= 150, "{} lines", table.len());
}

#[test]
fn redacting_twice_changes_nothing_and_the_document_stays_valid() {
    for (place, text) in table(include_str!("../../../testdata/redaction/secrets.txt")) {
        let mut facts = document(&place, &marked(&text).0);
        redact(&mut facts);
        let once = facts.clone();
        assert_eq!(redact(&mut facts).count, 0, "{place} | {text}");
        assert_eq!(facts, once);
        // The table puts an error where the summary knows of none.
        let violations = fixture::VALIDATOR.check(&facts).err().unwrap_or_default();
        assert!(violations.iter().all(|violation| violation.path == "/summary"), "{violations:?}");
    }
}

#[test]
fn rule_place_and_equal_values_are_told() {
    let mut facts = document("env", "DB_PASSWORD=hunter2");
    let config = facts.manifests[0].config.as_mut().unwrap();
    config.env.push("URL=postgres://app:hunter2@db/x".to_owned());
    config.labels.insert("a/b~c.password".to_owned(), "other".to_owned());
    let redactions = redact(&mut facts);
    let told: Vec<(Rule, &str, &[u64])> =
        redactions.redactions.iter().map(|r| (r.rule, r.place.as_str(), r.values.as_slice())).collect();
    assert_eq!(
        told,
        [
            (Rule::SecretName, "/manifests/0/config/env/1", &[1][..]),
            (Rule::UrlUserinfo, "/manifests/0/config/env/2", &[2, 1]),
            (Rule::SecretName, "/manifests/0/config/labels/a~1b~0c.password", &[3]),
        ]
    );
    assert_eq!((redactions.count, redactions.by_rule[&Rule::SecretName]), (4, 2));
    let json = serde_json::to_value(&facts).unwrap();
    assert_eq!(json.pointer(&redactions.redactions[2].place).unwrap(), MASK);
}

/// What made a layer stands in the history too, among steps that made none.
#[test]
fn a_step_is_masked_wherever_it_stands() {
    let mut facts = document("history", "");
    let manifest = &mut facts.manifests[0];
    let steps = ["COPY a /", "RUN curl -u me:hunter2 https://h", "RUN make", "ENV TOKEN=hunter2", "RUN make"];
    let step = |nth: usize| Some(steps[nth].to_owned());
    let layer = manifest.layers.as_ref().unwrap()[0].clone();
    let past = manifest.history.as_ref().unwrap()[0].clone();
    for (of_layers, of_history, masked) in [
        (&[0, 1, 2][..], &[3, 0, 1, 2][..], &["/layers/1", "/history/0", "/history/2"][..]),
        (&[0, 2, 4], &[0, 3, 2, 1, 4], &["/history/1", "/history/3"]),
        (&[2], &[3, 3], &["/history/0", "/history/1"]),
    ] {
        let manifest = &mut facts.manifests[0];
        manifest.layers = Some(of_layers.iter().map(|nth| Layer { created_by: step(*nth), ..layer.clone() }).collect());
        manifest.history =
            Some(of_history.iter().map(|nth| HistoryStep { created_by: step(*nth), ..past.clone() }).collect());
        let places = redact(&mut facts).redactions.into_iter().map(|redaction| redaction.place);
        assert_eq!(
            places.collect::<Vec<_>>(),
            masked.iter().map(|at| format!("/manifests/0{at}/createdBy")).collect::<Vec<_>>()
        );
        assert!(!serde_json::to_string(&facts).unwrap().contains("hunter2"));
    }
}

#[test]
fn strict_keeps_names_only_and_off_keeps_all() {
    let mut strict = document("env", "LANG=C.UTF-8");
    strict.redaction.mode = RedactionMode::Strict;
    let config = strict.manifests[0].config.as_mut().unwrap();
    config.labels.insert("team".to_owned(), "shop".to_owned());
    config.cmd = vec!["serve".to_owned()];
    redact(&mut strict);
    let config = strict.manifests[0].config.as_ref().unwrap();
    assert_eq!(config.env, ["PATH=***HIDDEN***", "LANG=***HIDDEN***"]);
    assert_eq!((config.labels["team"].as_str(), config.cmd[0].as_str()), (MASK, MASK));

    let mut off = document("env", "DB_PASSWORD=hunter2");
    off.redaction.mode = RedactionMode::Off;
    let before = off.clone();
    assert_eq!((redact(&mut off).count, off), (0, before));
}

#[test]
fn an_invalid_reference_with_a_password_is_masked_alike_everywhere() {
    let mut inventory = fixture::inventory();
    for text in ["https://refuser:refpass@registry.corp/app", "https://zoe:other@registry.corp/app", "https://m/x"] {
        inventory.images.insert(ImageName::Invalid(text.to_owned()), fixture::usage(text).into());
    }
    let mut facts = fixture::facts(&inventory, None);
    redact(&mut facts);
    let image = facts.images.iter().find(|image| image.reference.contains(MASK)).unwrap();
    assert_eq!(facts.findings[0].image.as_ref(), Some(&image.reference));
    assert_eq!(facts.images.iter().filter(|image| image.reference.contains(MASK)).count(), 2);
    fixture::VALIDATOR.check(&facts).unwrap();
}

proptest! {
    #[test]
    fn any_text_is_masked_without_harm(text in "\\PC{0,60}", secret in "[a-z0-9é]{6,12}") {
        let mut all = format!("{text} \n");
        all.push_str(&format!("DB_PASSWORD={secret} {text}"));
        let hidden = hidden(&all);
        prop_assert!(hidden.contains(MASK));
        prop_assert_eq!(super::hidden(&hidden), hidden.clone());
    }
}
