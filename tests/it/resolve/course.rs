//! The course of a run: order, deadlines, the end.

use std::time::Duration;

use futures::StreamExt as _;
use imagefacts::event::Event;
use imagefacts::resolve::Fallback;
use imagefacts::stop::StopReason;
use imagefacts::vocabulary::{ErrorClass, ImageStatus};

use super::fake_registry::FakeRegistry;
use super::{Bench, context, want};

#[tokio::test]
async fn images_of_failing_pods_come_first() {
    let registry = FakeRegistry::start().await;
    let mut wants = Vec::new();
    for (tag, failing) in [("a", false), ("b", false), ("c", true), ("d", true)] {
        registry.put_image("app", Some(tag), "linux/amd64", tag);
        let mut wanted = want(registry.reference(&format!("app:{tag}")), &["linux/amd64"]);
        wanted.contexts = [context("n", &[], failing)].into();
        wants.push(wanted);
    }
    let mut bench = Bench::new();
    bench.limits.concurrency = 1;
    bench.resolve_all(wants).await;
    let expected = ["c", "d", "a", "b"].map(|tag| registry.reference(&format!("app:{tag}")).to_string());
    assert_eq!(bench.told(), expected);
}

#[tokio::test]
async fn images_are_resolved_while_more_are_discovered() {
    let registry = FakeRegistry::start().await;
    for tag in ["a", "b"] {
        registry.put_image("app", Some(tag), "linux/amd64", tag);
    }
    let (sender, receiver) = futures::channel::mpsc::unbounded();
    let bench = Bench::new();
    let feed = async {
        sender.unbounded_send(want(registry.reference("app:a"), &["linux/amd64"])).unwrap();
        while bench.told().is_empty() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        sender.unbounded_send(want(registry.reference("app:b"), &["linux/amd64"])).unwrap();
        sender.close_channel();
    };
    let (resolution, ()) = tokio::join!(bench.resolve(receiver), feed);
    assert_eq!(resolution.answers.len(), 2);
    let events = bench.events.0.lock().unwrap();
    let counts = events.iter().filter_map(|event| match event {
        Event::Image { done, total, .. } => Some((*done, *total)),
        _ => None,
    });
    assert_eq!(counts.collect::<Vec<_>>(), [(1, 1), (2, 2)]);
}

#[tokio::test]
async fn an_image_whose_time_is_over_keeps_what_was_learned() {
    let registry = FakeRegistry::start().await;
    let quick = registry.put_image("app", None, "linux/amd64", "quick");
    let slow = registry.put_image("app", None, "linux/arm64", "slow");
    registry.put_index("app", Some("1"), &[quick.descriptor, slow.descriptor]);
    registry.silence(&format!("app/blobs/{}", slow.config));
    let mut bench = Bench::new();
    bench.limits.image_timeout = Duration::from_millis(500);
    let answer = bench.resolve_one(want(registry.reference("app:1"), &["linux/amd64", "linux/arm64"])).await;
    assert_eq!(answer.status, ImageStatus::Partial, "{answer:?}");
    assert_eq!(answer.variants[0].digest, quick.manifest);
    assert!(answer.missing.is_empty());
    assert!(answer.failures.iter().all(|failure| failure.class == ErrorClass::Timeout), "{:?}", answer.failures);
    assert!(!answer.failures.is_empty());
}

#[tokio::test]
async fn a_run_that_is_told_to_end_answers_for_every_image() {
    let registry = FakeRegistry::start().await;
    registry.silence("app/manifests/hangs");
    let wants: Vec<_> = ["hangs", "waits", "waits-too"]
        .map(|tag| want(registry.reference(&format!("app:{tag}")), &["linux/amd64"]))
        .into();
    let mut bench = Bench::new();
    bench.limits.concurrency = 1;
    // Discovery goes on until it is told to end.
    let stop = bench.stop.clone();
    let stopped = async move { stop.stopped().await };
    let endless = futures::stream::iter(wants).chain(futures::stream::pending()).take_until(stopped);
    let interrupt = async {
        while registry.log().is_empty() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        bench.stop.stop(StopReason::Interrupted);
    };
    let (resolution, ()) = tokio::join!(bench.resolve(endless), interrupt);
    assert_eq!((resolution.answers.len(), registry.log().len()), (3, 1));
    for answer in resolution.answers.values() {
        assert_eq!((answer.status, answer.failures[0].class), (ImageStatus::Failed, ErrorClass::Canceled));
    }
}

#[tokio::test]
async fn progress_is_told_while_nothing_else_happens_and_not_after_the_last_image() {
    let registry = FakeRegistry::start().await;
    registry.silence("app/manifests/hangs");
    let bench = Bench::new();
    let progress = || {
        let events = bench.events.0.lock().unwrap();
        events.iter().find(|event| matches!(event, Event::Progress { .. })).cloned()
    };
    let wait = async {
        while progress().is_none() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        bench.stop.stop(StopReason::Interrupted);
    };
    let wants = vec![want(registry.reference("app:hangs"), &["linux/amd64"])];
    tokio::join!(bench.resolve_all(wants), wait);
    let Some(Event::Progress { done, total, failed, eta_seconds, .. }) = progress() else { panic!("no progress") };
    assert_eq!((done, total, failed, eta_seconds), (0, 1, 0, None));
    assert!(matches!(bench.events.0.lock().unwrap().last(), Some(Event::Image { .. })));
}

#[tokio::test]
async fn without_fallback_the_first_failure_ends_the_run() {
    let registry = FakeRegistry::start().await;
    registry.put_image("app", Some("b"), "linux/amd64", "b");
    let wants = || vec![want(registry.reference("app:a"), &[]), want(registry.reference("app:b"), &[])];
    for (fallback, reason) in
        [(Fallback::None, Some(StopReason::ImageFailed)), (Fallback::Partial, None), (Fallback::BestEffort, None)]
    {
        let mut bench = Bench::new();
        (bench.fallback, bench.limits.concurrency) = (fallback, 1);
        let resolution = bench.resolve_all(wants()).await;
        assert_eq!(bench.stop.reason(), reason, "{fallback:?}");
        let last = &resolution.answers[&registry.reference("app:b")];
        assert_eq!(last.status == ImageStatus::Resolved, reason.is_none(), "{fallback:?}");
    }
}
