//! Two thousand images of a registry that fails a third of all requests in every way at once.

mod plan;
mod registry;

use std::collections::BTreeSet;
use std::time::Duration;

use imagefacts::image::Reference;
use imagefacts::resolve::Answer;
use imagefacts::stop::Stop;
use imagefacts::vocabulary::{ErrorClass, ImageStatus};
use tokio::runtime::Handle;
use tokio::time::{Instant, sleep, timeout};

use super::{Bench, want};
use plan::{Outcome, RETRIES, outcome};
use registry::{Image, Registry};

const IMAGES: usize = 2000;
/// Each has pauses and a window of its own, so that the test does not wait for one after the other.
const HOSTS: usize = 50;
/// What takes longer hangs.
const HANGS: Duration = Duration::from_secs(300);

/// What an image must come to.
#[derive(Debug, PartialEq, Eq)]
struct Expected {
    status: ImageStatus,
    /// the class of its failure, and how often was tried
    failed: Option<(ErrorClass, u32)>,
    requests: u64,
}

impl Expected {
    /// What the plan says.
    fn of(image: &Image) -> Self {
        let mut requests = u64::from(image.wants_token);
        let mut status = ImageStatus::Resolved;
        let mut failed = None;
        for path in &image.paths {
            let Outcome { failed: class, attempts } = outcome(path);
            requests += u64::from(attempts);
            if let Some(class) = class {
                let is_top = path.starts_with("/token") || path.ends_with("/manifests/1");
                status = if is_top { ImageStatus::Failed } else { ImageStatus::Partial };
                // What cannot be read was got: that it took several attempts is no part of that failure.
                let is_read = class == ErrorClass::InvalidContent && path.ends_with("/manifests/1");
                failed = Some((class, if is_read { 1 } else { attempts }));
                break;
            }
        }
        Self { status, failed, requests }
    }

    /// What came of it.
    fn in_fact(answer: &Answer) -> Self {
        let failed = answer.failures.first().map(|failure| (failure.class, failure.attempts));
        Self { status: answer.status, failed, requests: answer.requests }
    }
}

/// Waits until `is_so`.
async fn until(what: &str, is_so: impl Fn() -> bool) {
    let wait = async {
        while !is_so() {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(HANGS, wait).await.unwrap_or_else(|_| panic!("{what}"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_can_be_had_is_had_and_all_else_is_told_as_it_is() {
    let (registry, images) = Registry::start(HOSTS, IMAGES).await;
    let tasks = || Handle::current().metrics().num_alive_tasks();
    let before = tasks();
    let mut bench = Bench::new();
    bench.stop = Stop::at(Instant::now() + HANGS);
    // Most of the time is spent waiting for the next attempt, so that many images are needed at once.
    (bench.limits.concurrency, bench.limits.retries) = (300, RETRIES);
    (bench.limits.request_timeout, bench.limits.image_timeout) = (Duration::from_secs(2), HANGS);
    let reference = |(nth, image): (usize, &Image)| {
        let host = registry.hosts[nth % HOSTS];
        Reference::parse(&format!("{host}/{}:1", image.repository)).unwrap()
    };
    let references: Vec<_> = images.iter().enumerate().map(reference).collect();
    let wants = references.iter().map(|reference| want(reference.clone(), &["linux/amd64"])).collect();
    let resolution = timeout(HANGS, bench.resolve_all(wants)).await.expect("the run ends");

    let mut classes = BTreeSet::new();
    let (mut requests, mut wrong) = (0, Vec::new());
    for (reference, image) in references.iter().zip(&images) {
        let (answer, expected) = (&resolution.answers[reference], Expected::of(image));
        if Expected::in_fact(answer) != expected {
            wrong.push(format!("{reference}: expected {expected:?}: {answer:?}"));
        }
        classes.extend(expected.failed.map(|(class, _)| class.as_str()));
        requests += expected.requests;
    }
    assert!(wrong.is_empty(), "{} of {IMAGES}: {:#?}", wrong.len(), &wrong[..wrong.len().min(5)]);
    let all = ["connect", "digest-mismatch", "invalid-content", "rate-limited", "server", "timeout"];
    assert_eq!(classes.into_iter().collect::<Vec<_>>(), all, "the plan has every class");
    let counted: u64 = resolution.registries.iter().map(|tally| tally.requests).sum();
    assert_eq!((registry.requests() as u64, counted), (requests, requests));

    drop(resolution);
    until("connections are left", || registry.open() == 0).await;
    until("tasks are left", || tasks() == before).await;
}
