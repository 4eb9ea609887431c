//! Images that take longer to describe than a run has time: their documents are as large as they may be.
#![cfg(unix)]

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use imagefacts::image::Digest;
use serde_json::{Value, json};

use super::Program;
use super::bundle::{classes, text};
use super::interrupts::{incomplete, signal, start, told, until};
use crate::registry_client::server::{Server, reply};

const IMAGES: usize = 6;

/// Far more than is allowed, and far less than it takes to describe all of them with an unoptimized program.
const LATE: Duration = Duration::from_secs(8);

/// A config of some 3.8 MB, full of what looks like secrets.
fn config(nth: usize) -> String {
    let label =
        |at: usize| (format!("org.example.label-{nth}-{at}"), format!("token={at:020x} https://a:{at:09x}@b.example/"));
    let labels: BTreeMap<String, String> = (0..38_000).map(label).collect();
    json!({"os": "linux", "architecture": "amd64", "config": {"Labels": labels}}).to_string()
}

/// A registry of large images, each under its number, and of a small one.
async fn registry() -> Server {
    let mut documents = BTreeMap::new();
    for nth in 0..=IMAGES {
        let config = match nth {
            IMAGES => json!({"os": "linux", "architecture": "amd64", "config": {}}).to_string(),
            _ => config(nth),
        };
        let digest = Digest::of(config.as_bytes());
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": digest, "size": config.len()},
            "layers": [],
        });
        documents.insert(digest.to_string(), config);
        documents.insert(nth.to_string(), manifest.to_string());
    }
    Server::http(move |seen| match seen.path.rsplit('/').next().and_then(|name| documents.get(name)) {
        Some(document) => reply(200, document.clone()),
        None => reply(404, ""),
    })
    .await
}

fn images(server: &Server) -> Vec<String> {
    (0..=IMAGES).map(|nth| format!("{}/a{nth}:{nth}", server.address)).collect()
}

fn program(images: &[String]) -> Program {
    let program = Program::new();
    let containers = images.iter().enumerate().map(|(at, image)| json!({"name": format!("c{at}"), "image": image}));
    let containers: Vec<Value> = containers.collect();
    let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "namespace": "n"},
        "spec": {"containers": containers}});
    program.write("../home/pod.json", pod.to_string());
    program
}

const COLLECT: [&str; 6] =
    ["--include-images", "--from", "../home/pod.json", "--platform", "linux/amd64", "--no-cache"];

/// Asserts that the bundle says of each large image whether it is described, and knows the small one.
async fn assert_honest(program: &Program, images: &[String], reason: &str) {
    let facts = incomplete(program, reason).facts();
    let bundle = program.entries().pop().unwrap();
    program.run(&["validate", &bundle]).await.exits(0);
    let (small, large) = images.split_last().unwrap();
    assert_eq!(facts.image(small)["status"], "resolved");
    let cut = large.iter().map(|reference| facts.image(reference)).filter(|image| image["status"] != "resolved");
    let cut: Vec<&Value> = cut.collect();
    assert!(!cut.is_empty(), "all of them are described");
    for reference in large {
        let image = facts.image(reference);
        let expected = if image["status"] == "resolved" { vec![] } else { vec!["canceled"] };
        assert_eq!(classes(image), expected, "{image:#}");
        for variant in image["variants"].as_array().into_iter().flatten() {
            let manifests = facts.0["manifests"].as_array().unwrap();
            let manifest = manifests.iter().find(|manifest| manifest["digest"] == variant["digest"]).unwrap();
            let is_described = manifest["config"]["labels"].as_object().is_some_and(|labels| labels.len() == 38_000);
            assert!(is_described || image["status"] == "partial", "{reference}: {}", text(&image["status"]));
        }
    }
}

#[tokio::test]
async fn a_signal_while_large_documents_are_described() {
    let server = registry().await;
    let images = images(&server);
    let program = program(&images);
    let child = start(&program, &COLLECT);
    until(|| server.lines().iter().filter(|line| line.contains("/blobs/")).count() > IMAGES).await;
    until(|| told(&program).contains("\"status\":\"resolved\"")).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    signal(&child, "INT");
    let signaled = Instant::now();
    program.end(child).await.exits(130);
    assert!(signaled.elapsed() < LATE, "{:?}", signaled.elapsed());
    assert_honest(&program, &images, "interrupted").await;
}

#[tokio::test]
async fn a_deadline_while_large_documents_are_described() {
    let server = registry().await;
    let images = images(&server);
    let program = program(&images);
    let began = Instant::now();
    program.end(start(&program, &[&COLLECT[..], &["--timeout", "4s"]].concat())).await.exits(0);
    assert!(began.elapsed() < Duration::from_secs(4) + LATE, "{:?}", began.elapsed());
    assert_honest(&program, &images, "timeout").await;
}
