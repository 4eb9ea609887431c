//! Real documents with anything changed in them: they are read or refused, and what is read makes valid facts.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::sync::{Arc, LazyLock};

use imagefacts::bundle;
use imagefacts::cluster::files;
use imagefacts::cluster::inventory::{ImageName, Inventory};
use imagefacts::cluster::uses::Scope;
use imagefacts::facts::document::ImageFacts;
use imagefacts::facts::text::summary_text;
use imagefacts::facts::validate::Validator;
use imagefacts::facts::{Origin, RunContext, analysis, assemble, redact};
use imagefacts::image::{Digest, Document, ImageConfig, Platform, Reference};
use imagefacts::render;
use imagefacts::resolve::{Answer, Looked, Named, Resolution, Variant, Whole};
use imagefacts::sample::Sample;
use imagefacts::sorted::SortedMap;
use imagefacts::vocabulary::{ImageStatus, RedactionMode, Via};
use proptest::prelude::*;
use proptest::sample::Index as Place;
use serde_json::{Value, json};

use super::assert_harmless;
use super::image::{CONFIG, INDEX, Image};

/// What is put in the place of a value.
fn odd() -> impl Strategy<Value = Value> {
    let nested = (0..40).fold(json!(1), |inner, _| json!([inner]));
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        "[-+0-9]{1,6}-[0-9]{2}-[0-9]{2}T[0-9:.]{5,12}[Z+-][0-9:]{0,6}".prop_map(Value::from),
        "(sha256|sha512|md5|\\.\\./)[:/.]?[0-9a-fA-F]{0,70}".prop_map(Value::from),
        Just(json!("\u{1b}[2J\u{202e}\r\n<script>alert(1)</script>")),
        Just(json!("p".repeat(5000))),
        Just(json!([])),
        Just(json!({})),
        Just(json!([null, 1, "x", {"a": "b"}])),
        Just(json!({"": "", "password": "hunter2", "~/": null})),
        Just(nested),
    ]
}

/// Changes to a document: which value is replaced, and by what; what is cut and flipped in its bytes.
type Changes = (Vec<(Place, Value)>, Vec<(Place, u8)>, Option<Place>);

fn changes() -> impl Strategy<Value = Changes> {
    let values = proptest::collection::vec((any::<Place>(), odd()), 0..4);
    let bytes = proptest::collection::vec((any::<Place>(), any::<u8>()), 0..3);
    // Mostly the document stays JSON, or nothing behind the parser would ever be reached.
    (
        values,
        prop_oneof![4 => Just(Vec::new()), 1 => bytes],
        prop_oneof![9 => Just(None), 1 => any::<Place>().prop_map(Some)],
    )
}

fn changed(document: &Value, (values, bytes, cut): &Changes) -> Vec<u8> {
    let mut document = document.clone();
    for (place, value) in values {
        let at = place.index(count(&document));
        replace(&mut document, &mut { at }, value);
    }
    let mut text = document.to_string().into_bytes();
    for (place, byte) in bytes {
        let at = place.index(text.len());
        text[at] = *byte;
    }
    text.truncate(cut.map_or(usize::MAX, |cut| cut.index(text.len())));
    text
}

fn count(value: &Value) -> usize {
    1 + match value {
        Value::Array(items) => items.iter().map(count).sum(),
        Value::Object(fields) => fields.values().map(count).sum::<usize>(),
        _ => 0,
    }
}

/// Replaces the value that is `left` values behind this one.
fn replace(value: &mut Value, left: &mut usize, by: &Value) -> bool {
    if *left == 0 {
        *value = by.clone();
        return true;
    }
    *left -= 1;
    match value {
        Value::Array(items) => items.iter_mut().any(|item| replace(item, left, by)),
        Value::Object(fields) => fields.values_mut().any(|field| replace(field, left, by)),
        _ => false,
    }
}

/// A config with every field that is read.
static FULL_CONFIG: LazyLock<Value> = LazyLock::new(|| {
    json!({
        "os": "windows", "architecture": "amd64", "variant": "v2", "os.version": "10.0.20348.1", "os.features": ["win32k"],
        "created": "2026-01-02T03:04:05Z", "author": "me",
        "config": {
            "User": "app:app", "Env": ["PATH=/bin", "TOKEN=t"], "Entrypoint": ["/app", "--password", "x"], "Cmd": ["run"],
            "WorkingDir": "/srv", "ExposedPorts": {"80/tcp": {}}, "Volumes": {"/data": {}}, "StopSignal": "SIGINT",
            "Labels": {"org.opencontainers.image.source": "https://u:p@git", "org.opencontainers.image.created": "2026-01-01T00:00:00Z"},
            "Healthcheck": {"Test": ["CMD", "curl", "-u", "a:b"], "Interval": 30_000_000_000_u64, "Retries": 3},
        },
        "rootfs": {"type": "layers", "diff_ids": [Digest::of(b"a"), Digest::of(b"b")]},
        "history": [
            {"created": "2026-01-01T00:00:00Z", "created_by": "ADD x", "comment": "c"},
            {"created_by": "ENV A=b", "empty_layer": true},
            {"created_by": "RUN y"},
        ],
    })
});

/// A manifest of two layers, with everything that is read.
static FULL_MANIFEST: LazyLock<Value> = LazyLock::new(|| {
    let image = Image::changed("{}", |manifest| {
        let layer = manifest["layers"][0].clone();
        manifest["layers"] = json!([layer, layer]);
        manifest["annotations"] = json!({"org.opencontainers.image.base.name": "docker.io/library/debian:13"});
        manifest["subject"] = json!({"mediaType": CONFIG, "digest": Digest::of(b"s"), "size": 1});
    });
    serde_json::from_slice(&image.manifest).unwrap()
});

fn full_index() -> Value {
    let mut attestation = Image::of("{}").entry();
    attestation["platform"] = json!({"os": "unknown", "architecture": "unknown"});
    attestation["annotations"] =
        json!({"vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": Digest::of(b"x")});
    let mut windows = Image::good().entry();
    windows["platform"] = json!({"os": "windows", "architecture": "arm", "variant": "v7", "os.version": "10.0.1.2"});
    windows["artifactType"] = json!("application/spdx+json");
    json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [windows, attestation], "annotations": {"a": "b"}})
}

/// What a run learns when a registry gives these documents.
fn resolution(index: Vec<u8>, manifest: Vec<u8>, config: &[u8]) -> Resolution {
    let config = ImageConfig::parse(config).ok().map(Arc::new);
    let mut resolution = Resolution::default();
    let mut variants = BTreeSet::new();
    for bytes in [index, manifest] {
        let Ok((document, media_type)) = Document::parse(&bytes, None) else { continue };
        let digest = Digest::of(&bytes);
        let platform = config.as_ref().and_then(|config| config.platform.clone());
        // As the resolver has it: a platform that can be read back.
        let platform = platform.and_then(|platform| platform.to_string().parse::<Platform>().ok());
        let has_config = matches!(document, Document::Image(_) | Document::Legacy(_));
        variants.extend(platform.filter(|_| has_config).map(|platform| Variant { platform, digest: digest.clone() }));
        let config = config.clone().filter(|_| has_config);
        let whole = Whole { document: Arc::new(document), config };
        resolution.documents.insert(digest.clone(), Looked::new(digest, media_type, whole));
    }
    let named = resolution.documents.keys().next().map(|digest| Named {
        digest: digest.clone(),
        via: Via::Registry,
        endpoint: "https://r.io".to_owned(),
        as_of: None,
    });
    let reference = Reference::parse("r.io/a:1").unwrap();
    let status = if named.is_some() { ImageStatus::Resolved } else { ImageStatus::Failed };
    let answer = Answer {
        reference: reference.clone(),
        status,
        named,
        variants: variants.into_iter().collect(),
        missing: Vec::new(),
        running: SortedMap::new(),
        access: Vec::new(),
        failures: Vec::new(),
        requests: 1,
    };
    resolution.answers.insert(reference, Box::new(answer));
    resolution
}

fn facts_of(resolution: &Resolution, redaction: RedactionMode) -> ImageFacts {
    let mut inventory = Inventory::default();
    for reference in resolution.answers.keys() {
        inventory.images.insert(ImageName::Valid(reference.clone()), Default::default());
    }
    let context = RunContext {
        generated_at: jiff::Timestamp::UNIX_EPOCH,
        duration_ms: 1,
        version: "0".to_owned(),
        origin: Origin::Files { paths: Vec::new() },
        redaction,
        cluster_fallback: true,
        stopped: None,
    };
    let mut facts = assemble(inventory, Some(resolution.clone()), context).whole();
    redact::redact(&mut facts);
    facts
}

static VALIDATOR: LazyLock<Validator> = LazyLock::new(|| Validator::new().unwrap());

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn whatever_a_registry_gives_makes_facts_that_can_be_written_read_and_shown(
        (index, manifest, config) in (changes(), changes(), changes()),
        mode in prop_oneof![Just(RedactionMode::Default), Just(RedactionMode::Strict), Just(RedactionMode::Off)],
    ) {
        let (index, manifest) = (changed(&full_index(), &index), changed(&FULL_MANIFEST, &manifest));
        let resolution = resolution(index, manifest, &changed(&FULL_CONFIG, &config));
        let facts = facts_of(&resolution, mode);
        let violations = VALIDATOR.check(&facts).err();
        prop_assert!(violations.is_none(), "{:?}", violations);
        let written = serde_json::to_string(&facts).unwrap();
        let read: ImageFacts = serde_json::from_str(&written).unwrap();
        prop_assert_eq!(serde_json::to_string(&read).unwrap(), written);
        assert_harmless(&summary_text(&facts));
        assert_harmless(&render::inspect(&facts.images, &facts.manifests, 80));
        let _ = analysis::analysis(&facts);
    }

    #[test]
    fn a_schema_1_document_is_read_or_refused(changes in changes(), config in changes()) {
        let history = json!({"v1Compatibility": String::from_utf8_lossy(&changed(&FULL_CONFIG, &config))});
        let document = json!({"schemaVersion": 1, "name": "a", "tag": "1", "architecture": "amd64",
            "fsLayers": [{"blobSum": Digest::of(b"1")}], "history": [history], "signatures": [{"protected": "e30"}]});
        let _ = Document::parse(&changed(&document, &changes), Some("application/vnd.docker.distribution.manifest.v1+prettyjws"));
    }

    #[test]
    fn whatever_a_dump_holds_is_read_or_refused(changes in changes(), which in any::<Place>()) {
        static SAMPLE: LazyLock<Vec<Value>> = LazyLock::new(|| {
            let texts = Sample::new().unwrap().objects("r.io");
            texts.iter().map(|(_, text)| serde_json::from_str(text).unwrap()).collect()
        });
        let text = changed(which.get(&SAMPLE), &changes);
        let text = String::from_utf8_lossy(&text).into_owned();
        let _ = files::read_texts(&[("dump".to_owned(), text)], Scope::default());
    }
}

#[tokio::test]
async fn a_bundle_with_anything_changed_is_read_or_refused() {
    let scene = super::Scene::new().await;
    let ran = scene.run(&[], &super::LIMITS).await;
    let good = std::fs::read(ran.path()).unwrap();
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(200));
    let bytes = proptest::collection::vec((any::<Place>(), any::<u8>()), 1..4);
    let strategy = (bytes, proptest::option::weighted(0.2, any::<Place>()), any::<bool>());
    let result = runner.run(&strategy, |(bytes, cut, is_unpacked)| {
        use std::io::Read as _;
        let mut spoiled = Vec::new();
        match is_unpacked {
            // What is changed in the archive is packed again, or every change would only be a wrong checksum.
            true => flate2::read::GzDecoder::new(&good[..]).read_to_end(&mut spoiled).map(drop).unwrap(),
            false => spoiled.clone_from(&good),
        }
        for (place, byte) in &bytes {
            let at = place.index(spoiled.len());
            spoiled[at] = *byte;
        }
        spoiled.truncate(cut.map_or(usize::MAX, |cut| cut.index(spoiled.len())));
        let mut file = tempfile::NamedTempFile::new().unwrap();
        if is_unpacked {
            let mut gzip = flate2::write::GzEncoder::new(file.as_file_mut(), flate2::Compression::fast());
            gzip.write_all(&spoiled).unwrap();
            gzip.finish().unwrap();
        } else {
            file.write_all(&spoiled).unwrap();
        }
        if let Ok(found) = bundle::read(file.path()) {
            let _ = found.parse::<ImageFacts>();
        }
        Ok(())
    });
    result.unwrap();
}
