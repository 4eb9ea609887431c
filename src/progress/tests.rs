//! All sinks, fed the same events.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use indicatif::{InMemoryTerm, ProgressDrawTarget};
use insta::assert_snapshot;

use super::lines::Paint;
use super::*;
use crate::event::{EventError, FindingCounts};
use crate::vocabulary::{ErrorClass, FindingCode, GapScope, ImageStatus};

const CLOCK: Clock = Clock::Fixed(jiff::Timestamp::constant(1_767_366_245, 0));

/// Bytes that a test reads back.
#[derive(Clone, Default)]
struct Buffer(Arc<Mutex<Vec<u8>>>);

impl io::Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Buffer {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

/// A pipe whose reader went away.
struct Broken;

impl io::Write for Broken {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::BrokenPipe.into())
    }
    fn flush(&mut self) -> io::Result<()> {
        Err(io::ErrorKind::BrokenPipe.into())
    }
}

fn image(reference: &str, status: ImageStatus, done: u64, error: Option<(ErrorClass, &str)>) -> Event {
    Event::Image {
        reference: reference.into(),
        status,
        done,
        total: 3,
        requests: 2,
        duration_ms: 120,
        error: error.map(|(class, message)| EventError { class, message: message.into() }),
    }
}

fn progress(done: u64, failed: u64, eta_seconds: Option<u64>) -> Event {
    Event::Progress { done, total: 3, failed, per_second: 1.25, eta_seconds, bytes: 4096 }
}

fn finding(code: FindingCode, image: &str, message: &str) -> Event {
    Event::Finding { code, severity: code.severity(), image: Some(image.into()), message: message.into() }
}

/// A run with one of everything, up to the moment before its end.
fn running() -> Vec<Event> {
    vec![
        Event::Started { namespaces: vec!["shop".into(), "blog".into()], include_images: true },
        Event::Discovering { resource: "pods".into(), listed: 500 },
        Event::Discovering { resource: "deployments.apps".into(), listed: 12 },
        image("docker.io/library/nginx:1.29", ImageStatus::Resolved, 1, None),
        Event::Gap {
            scope: GapScope::Kubernetes,
            resource: Some("secrets".into()),
            namespace: Some("shop".into()),
            host: None,
            reason: "forbidden".into(),
            message: "may not get secrets; allow the verb get".into(),
        },
        Event::Discovered { workloads: 12, pods: 512, references: 3, registries: 1 },
        progress(1, 0, None),
        image(
            "registry.example/gone:1",
            ImageStatus::Failed,
            2,
            Some((ErrorClass::NotFound, "manifest \u{1b}[2Junknown\nforged line")),
        ),
        image("registry.example/half:1", ImageStatus::Partial, 3, Some((ErrorClass::Timeout, "no config in 15 s"))),
        Event::Paused { host: "docker.io".into(), seconds: 30, reason: "429 Too Many Requests".into() },
        progress(3, 1, Some(9)),
    ]
}

fn ending() -> Vec<Event> {
    vec![
        finding(FindingCode::MutableTag, "docker.io/library/nginx:latest", "the tag can move"),
        finding(FindingCode::PullNotFound, "registry.example/gone:1", "the registry does not have it either"),
        finished(FindingCounts { error: 1, warning: 0, info: 1 }),
    ]
}

fn finished(findings: FindingCounts) -> Event {
    Event::Finished {
        bundle: "./support-bundle-2026-01-02T15_04_05.tar.gz".into(),
        complete: false,
        resolved: 1,
        partial: 1,
        failed: 1,
        unqueried: 0,
        findings,
        duration_ms: 12_345,
        reason: Some("interrupted".into()),
    }
}

fn run() -> Vec<Event> {
    [running(), ending()].concat()
}

fn feed(sink: &dyn Sink, events: &[Event]) {
    for event in events {
        sink.emit(event);
    }
}

#[test]
fn plain_tells_the_run_in_lines() {
    let out = Buffer::default();
    feed(&Plain::every(Duration::ZERO, out.clone(), CLOCK), &run());
    assert_snapshot!(out.text(), @r#"
    looking at namespaces shop, blog; registries are asked about each image
    gap      secrets in shop: forbidden: may not get secrets; allow the verb get
    found 3 references at 1 registry in 12 workloads and 512 pods
    1 of 3 images, 0 failed, 1.2/s
    failed   registry.example/gone:1: not-found: manifest \u{1b}[2Junknown\nforged line
    partial  registry.example/half:1: timeout: no config in 15 s
    waiting for docker.io: 30 s (429 Too Many Requests)
    3 of 3 images, 1 failed, 1.2/s, 9 s left

    3 images: 1 resolved, 1 partial, 1 failed in 12.3 s
    2 findings: 1 error, 1 info
      error    pull-not-found       registry.example/gone:1: the registry does not have it either
      info     mutable-tag          docker.io/library/nginx:latest: the tag can move
    1 gap: not everything could be looked at
    incomplete (interrupted): the bundle holds what was collected until then
    "#);
}

#[test]
fn plain_does_not_tell_the_progress_too_often() {
    let out = Buffer::default();
    // No time passes on a fixed clock.
    feed(&Plain::new(out.clone(), CLOCK), &vec![progress(1, 0, None); 100]);
    assert_eq!(out.text(), "1 of 3 images, 0 failed, 1.2/s\n");
}

#[test]
fn console_shows_lines_above_a_bar() {
    let term = InMemoryTerm::new(30, 110);
    let console = console(&term, false);
    feed(&console, &running()[..3]);
    assert_snapshot!(term.contents(), @r"
    looking at namespaces shop, blog; registries are asked about each image
    ⠁ listing: 12 deployments.apps, 500 pods
    ");
    feed(&console, &running()[3..]);
    assert_snapshot!(term.contents(), @r#"
    looking at namespaces shop, blog; registries are asked about each image
    gap      secrets in shop: forbidden: may not get secrets; allow the verb get
    found 3 references at 1 registry in 12 workloads and 512 pods
    failed   registry.example/gone:1: not-found: manifest \u{1b}[2Junknown\nforged line
    partial  registry.example/half:1: timeout: no config in 15 s
    ⠒ ████████████████████████ 3/3 images 1.2/s, 9 s left, 1 failed
      waiting for docker.io: 30 s (429 Too Many Requests)
    "#);
    feed(&console, &ending());
    assert_snapshot!(term.contents(), @r#"
    looking at namespaces shop, blog; registries are asked about each image
    gap      secrets in shop: forbidden: may not get secrets; allow the verb get
    found 3 references at 1 registry in 12 workloads and 512 pods
    failed   registry.example/gone:1: not-found: manifest \u{1b}[2Junknown\nforged line
    partial  registry.example/half:1: timeout: no config in 15 s

    3 images: 1 resolved, 1 partial, 1 failed in 12.3 s
    2 findings: 1 error, 1 info
      error    pull-not-found       registry.example/gone:1: the registry does not have it either
      info     mutable-tag          docker.io/library/nginx:latest: the tag can move
    1 gap: not everything could be looked at
    incomplete (interrupted): the bundle holds what was collected until then
    "#);
}

#[test]
fn console_leaves_nothing_of_a_failed_run_but_its_lines() {
    let term = InMemoryTerm::new(10, 110);
    feed(&console(&term, false), &[progress(1, 0, None), Event::Failed { message: "no cluster".into() }]);
    assert_eq!(term.contents(), "");
}

#[test]
fn colour_is_ours_and_never_from_outside() {
    let formatted = |colour| {
        let term = InMemoryTerm::new(30, 110);
        feed(&console(&term, colour), &run());
        String::from_utf8(term.contents_formatted()).unwrap()
    };
    assert!(formatted(true).contains("\u{1b}[31;1m"), "failures are red and bold");
    assert!(!formatted(false).contains("\u{1b}[31"), "no colour was asked for");
}

#[test]
fn the_summary_shows_the_worst_ten() {
    let out = Buffer::default();
    let plain = Plain::new(out.clone(), CLOCK);
    for n in 0..20 {
        plain.emit(&finding(FindingCode::MutableTag, &format!("r.io/info:{n:02}"), "the tag can move"));
    }
    for n in 0..9 {
        plain.emit(&finding(FindingCode::PullNotFound, &format!("r.io/error:{n}"), "gone"));
    }
    plain.emit(&finished(FindingCounts { error: 9, warning: 0, info: 20 }));
    let text = out.text();
    let shown: Vec<_> = text.lines().filter_map(|line| Some(&line[line.find("r.io/")?..])).collect();
    assert_eq!(shown.len(), 10);
    assert!(shown[..9].iter().all(|finding| finding.starts_with("r.io/error:")), "{text}");
    assert!(text.contains("29 findings: 9 errors, 20 info\n"), "{text}");
    assert!(text.contains("  and 19 more;"), "{text}");
}

#[test]
fn json_lines_are_valid() {
    let out = Buffer::default();
    feed(&Json::new(out.clone(), CLOCK), &run());
    feed(&Json::new(out.clone(), CLOCK), &[Event::Failed { message: "no cluster".into() }]);
    let schema = schema();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let text = out.text();
    assert_eq!(text.lines().count(), run().len() + 1);
    for line in text.lines() {
        let value: serde_json::Value = serde_json::from_str(line).unwrap();
        if let Err(error) = validator.validate(&value) {
            panic!("{line}: {error}");
        }
    }
    assert!(text.starts_with(
        r#"{"v":1,"time":"2026-01-02T15:04:05Z","event":"started","namespaces":["shop","blog"],"includeImages":true}"#
    ));
}

#[test]
fn the_schema_knows_what_a_line_is() {
    let schema = schema();
    let validator = jsonschema::validator_for(&schema).unwrap();
    for bad in [
        r#"{"time":"2026-01-02T15:04:05Z","event":"failed","message":"no version"}"#,
        r#"{"v":2,"time":"2026-01-02T15:04:05Z","event":"failed","message":"another version"}"#,
        r#"{"v":1,"event":"failed","message":"no time"}"#,
        r#"{"v":1,"time":"2026-01-02T15:04:05Z","event":"failed"}"#,
        r#"{"v":1,"time":"2026-01-02T15:04:05Z","event":"paused","host":"docker.io","seconds":"30","reason":""}"#,
    ] {
        assert!(!validator.is_valid(&serde_json::from_str(bad).unwrap()), "{bad}");
    }
}

#[test]
fn the_committed_schema_is_what_the_types_say() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/schema/progress.v1.schema.json");
    let generated = serde_json::to_string_pretty(&super::json::schema_of_types()).unwrap() + "\n";
    if std::env::var_os("IMAGEFACTS_BLESS").is_some() {
        std::fs::write(path, &generated).unwrap();
    }
    let committed = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        committed == generated,
        "schema/progress.v1.schema.json is out of date: run the tests with IMAGEFACTS_BLESS=1"
    );
}

#[test]
fn a_reader_that_goes_away_does_not_end_the_run() {
    feed(&Plain::new(Broken, CLOCK), &run());
    feed(&Json::new(Broken, CLOCK), &run());
}

fn console(term: &InMemoryTerm, colour: bool) -> Console {
    Console::on(ProgressDrawTarget::term_like(Box::new(term.clone())), Paint { colour }, CLOCK)
}
