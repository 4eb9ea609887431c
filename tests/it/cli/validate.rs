//! `imagefacts validate`: what is valid, and where it is not.

use std::io::Write as _;

use serde_json::{Value, json};

use super::Program;
use super::bundle::FACTS;
use super::files::POD;

/// A program beside a bundle `good.tar.gz`, and that bundle's facts.
async fn with_a_bundle() -> (Program, Value) {
    let program = Program::new();
    program.write("pod.yaml", POD);
    let ran = program.run(&["collect", "--from", "pod.yaml", "-o", "good.tar.gz"]).await.exits(0);
    let facts = serde_json::from_str(ran.bundle().text(FACTS)).unwrap();
    (program, facts)
}

/// A `.tar.gz` of one file.
fn archive(path: &str, content: &[u8]) -> Vec<u8> {
    let mut tar = tar::Builder::new(flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast()));
    let mut header = tar::Header::new_ustar();
    header.set_size(content.len() as u64);
    header.set_mode(0o644);
    tar.append_data(&mut header, path, content).unwrap();
    tar.into_inner().unwrap().finish().unwrap()
}

#[tokio::test]
async fn what_collect_wrote_is_valid() {
    let (program, facts) = with_a_bundle().await;
    let ran = program.run(&["validate", "good.tar.gz"]).await.exits(0);
    assert_eq!(ran.stdout(), "good.tar.gz:good/image-facts/facts.json: valid\n");
    let ran = program.run_with(&["validate", "-"], facts.to_string()).await.exits(0);
    assert!(ran.stdout().ends_with(": valid\n"), "{}", ran.stdout());
    let bundle = std::fs::read(program.directory().join("good.tar.gz")).unwrap();
    program.run_with(&["validate", "-"], bundle).await.exits(0);
}

#[tokio::test]
async fn what_is_wrong_is_told_with_its_place() {
    let (program, facts) = with_a_bundle().await;
    let changed = |change: fn(&mut Value)| {
        let mut facts = facts.clone();
        change(&mut facts);
        facts
    };
    for (broken, says) in [
        (changed(|f| f["images"][1]["status"] = json!("fine")), "/images/1/status"),
        (changed(|f| f["summary"]["references"] = json!("two")), "/summary/references"),
        (changed(|f| drop(f.as_object_mut().unwrap().remove("images"))), "images"),
        (changed(|f| f["kind"] = json!("Other")), "/kind"),
        (changed(|f| f["images"][0]["usedBy"][0]["pods"] = json!(-1)), "/images/0/usedBy/0/pods"),
        (json!([]), "the document"),
    ] {
        program.write("facts.json", broken.to_string());
        let ran = program.run(&["validate", "facts.json"]).await.exits(3);
        assert!(
            ran.stdout().contains(&format!("facts.json: {says}")) || ran.stdout().contains(says),
            "{}",
            ran.stdout()
        );
        program.write("bundle.tar.gz", archive("b/image-facts/facts.json", broken.to_string().as_bytes()));
        let ran = program.run(&["validate", "bundle.tar.gz"]).await.exits(3);
        assert!(ran.stdout().contains("bundle.tar.gz:b/image-facts/facts.json") && ran.stdout().contains(says));
    }
}

#[tokio::test]
async fn a_newer_minor_version_is_taken_and_told() {
    let (program, mut facts) = with_a_bundle().await;
    facts["schemaVersion"] = json!("1.7");
    facts["images"][0]["novelty"] = json!({"anything": 1});
    program.write("facts.json", facts.to_string());
    program.run(&["validate", "facts.json"]).await.exits(0).says(&["1.7", "1.0"]);
    facts["schemaVersion"] = json!("2.0");
    program.write("facts.json", facts.to_string());
    let ran = program.run(&["validate", "facts.json"]).await.exits(3);
    assert!(ran.stdout().contains("schemaVersion"), "{}", ran.stdout());
}

#[tokio::test]
async fn what_cannot_be_read_is_no_verdict() {
    let (program, _) = with_a_bundle().await;
    let good = std::fs::read(program.directory().join("good.tar.gz")).unwrap();
    let mut flipped = good.clone();
    let middle = flipped.len() / 2;
    flipped[middle] ^= 0xff;
    let mut garbage = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    garbage.write_all(b"this is no archive at all").unwrap();
    program.write("truncated.tar.gz", &good[..good.len() / 2]);
    program.write("short.tar.gz", &good[..good.len() - 4]);
    program.write("flipped.tar.gz", flipped);
    program.write("garbage.tar.gz", garbage.finish().unwrap());
    program.write("other.tar.gz", archive("b/version.yaml", b"kind: SupportBundle\n"));
    program.write("bad.tar.gz", archive("b/image-facts/facts.json", b"{ not json"));
    program.write("not.json", "{ not json");
    program.write("empty.json", "");
    for (path, says) in [
        ("missing.tar.gz", "cannot read missing.tar.gz"),
        ("truncated.tar.gz", "truncated.tar.gz is no complete bundle"),
        ("short.tar.gz", "short.tar.gz is no complete bundle"),
        ("flipped.tar.gz", "flipped.tar.gz"),
        ("garbage.tar.gz", "garbage.tar.gz"),
        ("other.tar.gz", "there is no image-facts/facts.json in other.tar.gz"),
        ("bad.tar.gz", "bad.tar.gz:b/image-facts/facts.json"),
        ("not.json", "not.json is not what it should be"),
        ("empty.json", "empty.json"),
        (".", "is a directory"),
    ] {
        let ran = program.run(&["validate", path]).await.exits(1).says(&["error: ", says]);
        assert_eq!(ran.stdout(), "", "{path}");
    }
}
