//! Runs that are told to end: what was collected by then is in a bundle that says so.
#![cfg(unix)]

use std::fs::File;
use std::io::Write as _;
use std::process::Stdio;
use std::time::Duration;

use imagefacts::serve::Fault;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::process::Child;

use super::bundle::{classes, text};
use super::program::events;
use super::registries::{cluster, registry};
use super::{Bundle, Program};
use crate::fake_api::{self, Plan};

const PODS: &str = "/api/v1/pods";

/// Waits until something came true.
pub(super) async fn until(mut is_so: impl FnMut() -> bool) {
    while !is_so() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

pub(super) fn signal(child: &Child, name: &str) {
    // The child may have ended by itself; then its exit code tells.
    let id = child.id().unwrap().to_string();
    std::process::Command::new("kill").args(["-s", name, &id]).status().unwrap();
}

const JSON: [&str; 3] = ["collect", "--progress", "json"];

/// Starts to collect, with the events going to a file that can be read meanwhile.
pub(super) fn start(program: &Program, more: &[&str]) -> Child {
    let events = File::create(program.home().join("events")).unwrap();
    program.command(&[&JSON[..], more].concat()).stdout(events).stdin(Stdio::piped()).spawn().unwrap()
}

/// The events so far.
pub(super) fn told(program: &Program) -> String {
    std::fs::read_to_string(program.home().join("events")).unwrap()
}

/// Asserts that the last event tells of a bundle that is incomplete for `reason`, and gives the bundle.
pub(super) fn incomplete(program: &Program, reason: &str) -> Bundle {
    let events = events(&told(program));
    let last = events.last().unwrap();
    assert_eq!((text(&last["event"]), text(&last["reason"])), ("finished", reason), "{last}");
    assert_eq!(last["complete"], false);
    let bundle = Bundle::read(&std::fs::read(program.directory().join(text(&last["bundle"]))).unwrap());
    assert_eq!(bundle.facts().0["complete"], false);
    assert!(bundle.text("execution-data/collection.json").contains(&format!("\"reason\": \"{reason}\"")));
    assert_eq!(program.entries().len(), 1, "nothing half-written: {:?}", program.entries());
    bundle
}

#[tokio::test]
async fn a_signal_during_discovery() {
    for (name, reason, code) in [("INT", "interrupted", 130), ("TERM", "terminated", 143)] {
        let api = Plan::recorded().start().await;
        api.always_fail(PODS, fake_api::Fault::Silence);
        let program = Program::with_cluster(&api);
        let child = start(&program, &[]);
        // The lists after the pods' have been read by then.
        until(|| !api.queries("/apis/apps/v1/statefulsets").is_empty() && !api.queries(PODS).is_empty()).await;
        signal(&child, name);
        program.end(child).await.exits(code);
        let facts = incomplete(&program, reason).facts();
        assert!(facts.gaps().iter().any(|gap| gap.contains("pods")), "{:?}", facts.gaps());
        let bundle = program.entries().pop().unwrap();
        program.run(&["validate", &bundle]).await.exits(0);
    }
}

#[tokio::test]
async fn a_signal_during_resolving() {
    for (name, reason, code) in [("INT", "interrupted", 130), ("TERM", "terminated", 143)] {
        let hang =
            |request: &axum::http::request::Parts| request.uri.path().contains("/acme/api/").then_some(Fault::Hang);
        let (registry, log) = registry(hang).await;
        let image = |name: &str| format!("{}/acme/{name}", registry.host());
        let images = [image("api:v2.4"), image("web:v3.2.1")];
        let api = cluster(&images).start().await;
        let program = Program::with_cluster(&api);
        let child = start(&program, &["--include-images"]);
        until(|| told(&program).contains("\"status\":\"resolved\"")).await;
        until(|| log.count(&axum::http::Method::GET, "/acme/api/") > 0).await;
        signal(&child, name);
        program.end(child).await.exits(code);
        let facts = incomplete(&program, reason).facts();
        assert_eq!(facts.image(&images[1])["status"], "resolved");
        assert_eq!(
            (text(&facts.image(&images[0])["status"]), classes(facts.image(&images[0]))),
            ("failed", vec!["canceled"])
        );
        let bundle = program.entries().pop().unwrap();
        program.run(&["validate", &bundle]).await.exits(0);
    }
}

#[tokio::test]
async fn stdin_that_never_ends_can_be_interrupted() {
    let program = Program::new();
    let mut child = start(&program, &["--from", "-"]);
    let _open = child.stdin.take();
    // Signals are watched before the first event.
    until(|| told(&program).contains("started")).await;
    signal(&child, "INT");
    program.end(child).await.exits(130);
    incomplete(&program, "interrupted");
}

#[tokio::test]
async fn what_was_sent_by_then_is_in_the_bundle() {
    let pod = |name: &str, ends: &str| {
        let spec = json!({"containers": [{"name": "c", "image": format!("r.example/{name}:1")}]});
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "n"}, "spec": spec})
            .to_string()
            + ends
    };
    let list = r#"{"apiVersion": "v1", "kind": "List", "items": ["#;
    for (sent, images) in [
        (pod("a", "\n") + &pod("b", "\n") + &pod("c", "")[..60], &["a", "b"][..]),
        (pod("a", "\n---\n") + &pod("b", "\n---\n") + &pod("c", "\n"), &["a", "b"]),
        (list.to_owned() + &pod("a", ","), &[]),
    ] {
        let program = Program::new();
        let mut child = start(&program, &["--from", "-"]);
        let mut open = child.stdin.take().unwrap();
        open.write_all(sent.as_bytes()).await.unwrap();
        until(|| told(&program).contains("started")).await;
        // By then it was read, too.
        tokio::time::sleep(Duration::from_millis(500)).await;
        signal(&child, "INT");
        program.end(child).await.exits(130);
        let facts = incomplete(&program, "interrupted").facts();
        let found: Vec<_> =
            facts.0["images"].as_array().unwrap().iter().map(|image| text(&image["reference"])).collect();
        let expected: Vec<_> = images.iter().map(|name| format!("r.example/{name}:1")).collect();
        assert_eq!(found, expected);
        assert!(facts.gaps().iter().any(|gap| gap.contains("interrupted")), "{:?}", facts.gaps());
    }
}

#[tokio::test]
async fn an_inspection_is_interrupted_with_what_it_knows() {
    let hang = |request: &axum::http::request::Parts| request.uri.path().contains("/acme/api/").then_some(Fault::Hang);
    let (registry, log) = registry(hang).await;
    let images = ["api:v2.4", "web:v3.2.1"].map(|name| format!("{}/acme/{name}", registry.host()));
    let program = Program::new();
    let child = program.command(&["inspect", "-o", "json", &images[0], &images[1]]).spawn().unwrap();
    until(|| log.count(&axum::http::Method::GET, "/acme/api/") > 0).await;
    signal(&child, "INT");
    let ran = program.end(child).await.exits(130);
    let report: Value = serde_json::from_slice(&ran.stdout).unwrap();
    assert_eq!(classes(&report["images"][0]), ["canceled"]);
}

#[tokio::test]
async fn a_second_signal_ends_at_once() {
    let api = Plan::recorded().start().await;
    api.always_fail(PODS, fake_api::Fault::Silence);
    let program = Program::with_cluster(&api);
    // A pipe that is full and that nobody reads: the bundle can never be written.
    let (_reader, mut writer) = std::io::pipe().unwrap();
    writer.write_all(&[0; 1 << 16]).unwrap();
    let arguments = ["collect", "-o", "-", "--progress", "json"];
    let mut child = program.command(&arguments).stdout(writer).spawn().unwrap();
    until(|| !api.queries(PODS).is_empty()).await;
    // Two signals at once may count as one, so another follows while it runs.
    while child.try_wait().unwrap().is_none() {
        signal(&child, "INT");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let ran = program.end(child).await.exits(130);
    assert!(!ran.stderr.contains("\"finished\""), "{}", ran.stderr);
}

#[tokio::test]
async fn when_time_is_up_the_bundle_holds_what_is_there() {
    let hang = |request: &axum::http::request::Parts| request.uri.path().contains("/acme/api/").then_some(Fault::Hang);
    let (registry, _) = registry(hang).await;
    let images = ["api:v2.4", "web:v3.2.1"].map(|name| format!("{}/acme/{name}", registry.host()));
    let api = cluster(&images).start().await;
    let program = Program::with_cluster(&api);
    let arguments = ["--include-images", "--timeout", "2s"];
    program.end(start(&program, &arguments)).await.exits(0);
    let facts = incomplete(&program, "timeout").facts();
    assert_eq!(facts.image(&images[1])["status"], "resolved");
    assert_eq!(facts.image(&images[0])["status"], "failed");
    let strict = start(&program, &[&arguments[..], &["--strict"]].concat());
    program.end(strict).await.exits(3);
}

#[tokio::test]
async fn time_may_be_up_before_the_cluster_was_read() {
    let api = Plan::recorded().start().await;
    api.always_fail(PODS, fake_api::Fault::Silence);
    let program = Program::with_cluster(&api);
    program.end(start(&program, &["--include-images", "--timeout", "700ms"])).await.exits(0);
    let facts = incomplete(&program, "timeout").facts();
    assert!(facts.gaps().iter().any(|gap| gap.contains("pods")), "{:?}", facts.gaps());
}
