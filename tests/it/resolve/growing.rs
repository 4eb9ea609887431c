//! Images of which more comes to be wanted while others are still looked for.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::channel::mpsc::UnboundedSender;
use imagefacts::event::Event;
use imagefacts::resolve::{Answer, Fallback, Resolution, Want};
use imagefacts::vocabulary::{AccessOutcome, ErrorClass, ImageStatus};

use super::fake_registry::FakeRegistry;
use super::{Bench, context, from_repository, these, want};

/// No test takes as long; one that does hangs.
const HANGS: Duration = Duration::from_secs(30);

/// Resolves `first`; when `is_done` with that, `second` of the same image, and then nothing more comes.
async fn grown(bench: &Bench, first: Want, second: Want, is_done: impl Fn() -> bool) -> (Answer, Resolution) {
    let reference = first.reference.clone();
    let (sender, receiver) = futures::channel::mpsc::unbounded();
    let feed = async {
        send(&sender, first);
        let wait = async {
            while !is_done() {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::time::timeout(HANGS, wait).await.expect("the first is never done");
        send(&sender, second);
        sender.close_channel();
    };
    let (mut resolution, ()) = tokio::join!(bench.resolve(receiver), feed);
    assert_eq!(resolution.answers.len(), 1);
    (*resolution.answers.remove(&reference).unwrap(), resolution)
}

fn send(sender: &UnboundedSender<Want>, want: Want) {
    sender.unbounded_send(want).unwrap();
}

/// `status done/total` of each event that tells of an image.
fn told(bench: &Bench) -> Vec<String> {
    let events = bench.events.0.lock().unwrap();
    let shown = |event: &Event| match event {
        Event::Image { status, done, total, .. } => Some(format!("{status} {done}/{total}")),
        _ => None,
    };
    events.iter().filter_map(shown).collect()
}

#[tokio::test]
async fn the_same_again_costs_nothing() {
    let registry = FakeRegistry::start().await;
    registry.put_image("app", Some("1"), "linux/amd64", "app");
    let bench = Bench::new();
    let wanted = want(registry.reference("app:1"), &["linux/amd64"]);
    let (answer, _) = grown(&bench, wanted.clone(), wanted, || !told(&bench).is_empty()).await;
    assert_eq!((answer.status, answer.requests, registry.log().len()), (ImageStatus::Resolved, 2, 2));
    assert_eq!(told(&bench), ["resolved 1/1"]);
}

#[tokio::test]
async fn of_another_platform_only_its_manifest_and_config_are_asked_for() {
    let registry = FakeRegistry::start().await;
    let puts = ["linux/amd64", "linux/arm64"].map(|platform| registry.put_image("app", None, platform, platform));
    registry.put_index("app", Some("1"), &puts.clone().map(|put| put.descriptor));
    let bench = Bench::new();
    let first = want(registry.reference("app:1"), &["linux/amd64"]);
    let second = Want { platforms: these(&["linux/amd64", "linux/arm64"]), ..first.clone() };
    let (answer, _) = grown(&bench, first, second, || !told(&bench).is_empty()).await;
    assert_eq!((answer.status, answer.requests, registry.log().len()), (ImageStatus::Resolved, 5, 5));
    assert_eq!((answer.variants.len(), answer.missing.len()), (2, 0));
    assert!(registry.counts().values().all(|count| *count == 1), "{:?}", registry.counts());
}

#[tokio::test]
async fn a_digest_that_runs_too_is_looked_up_and_those_before_are_not_again() {
    let registry = FakeRegistry::start().await;
    registry.put_image("app", Some("1"), "linux/amd64", "new");
    let [old, older] = ["old", "older"].map(|name| registry.put_image("app", None, "linux/amd64", name));
    registry.remove(&format!("app/manifests/{}", older.manifest));
    let bench = Bench::new();
    let first =
        Want { running: from_repository([&older.manifest]), ..want(registry.reference("app:1"), &["linux/amd64"]) };
    let second = Want { running: from_repository([&older.manifest, &old.manifest]), ..first.clone() };
    let (answer, _) = grown(&bench, first, second, || !told(&bench).is_empty()).await;
    assert_eq!((answer.status, answer.requests, registry.log().len()), (ImageStatus::Resolved, 5, 5));
    let gone: BTreeMap<_, _> = answer.running.iter().map(|(digest, running)| (digest, running.gone)).collect();
    assert_eq!(gone, BTreeMap::from([(&old.manifest, false), (&older.manifest, true)]));
}

#[tokio::test]
async fn another_pull_secret_opens_what_was_closed_and_the_failure_is_never_told() {
    let registry = FakeRegistry::start().await;
    registry.put_image("app", Some("1"), "linux/amd64", "app");
    registry.restrict("app", &["good"]);
    let bench = Bench::new().secret("a/bad", &registry.host(), "bad", "wrong").secret(
        "b/good",
        &registry.host(),
        "good",
        "right",
    );
    let first = Want {
        contexts: [context("a", &["bad"], false)].into(),
        ..want(registry.reference("app:1"), &["linux/amd64"])
    };
    let contexts = [context("a", &["bad"], false), context("b", &["good"], false)].into();
    let second = Want { contexts, ..first.clone() };
    let (answer, _) = grown(&bench, first, second, || registry.count_of("bad") == 1).await;
    assert_eq!((answer.status, answer.failures.as_slice()), (ImageStatus::Resolved, &[][..]));
    assert_eq!((registry.count_of("bad"), registry.count_of("good")), (1, 2));
    let outcomes: Vec<_> = answer.access.iter().map(|access| (access.name.as_deref(), access.outcome)).collect();
    // That nobody's was tried in between is told nowhere: who knows both secrets at once does not try it.
    let (refused, accepted) = (AccessOutcome::Refused, AccessOutcome::Accepted);
    assert_eq!(outcomes, [(Some("bad"), refused), (Some("good"), accepted)]);
    assert_eq!(told(&bench), ["resolved 1/1"]);
}

#[tokio::test]
async fn what_is_told_of_credentials_does_not_show_when_they_were_found() {
    let registry = FakeRegistry::start().await;
    registry.put_image("app", Some("1"), "linux/amd64", "app");
    registry.restrict("app", &["good", "better"]);
    let host = registry.host();
    let bench = || {
        let bench = Bench::new().secret("a/bad", &host, "bad", "wrong").secret("b/better", &host, "better", "right");
        bench.secret("c/good", &host, "good", "right")
    };
    let contexts = |names: &[(&str, &str)]| names.iter().map(|(space, name)| context(space, &[name], false)).collect();
    let all = [("a", "bad"), ("b", "better"), ("c", "good")];
    let whole = Want { contexts: contexts(&all), ..want(registry.reference("app:1"), &["linux/amd64"]) };
    let at_once = bench().resolve_one(whole.clone()).await;
    assert_eq!(at_once.access.len(), 2);
    for first in [&all[..1], &all[1..2], &all[2..], &all[1..], &[]] {
        let (bench, first) = (bench(), Want { contexts: contexts(first), ..whole.clone() });
        let before = registry.log().len();
        let (answer, _) = grown(&bench, first, whole.clone(), || registry.log().len() > before).await;
        assert_eq!((&answer.access, answer.status), (&at_once.access, ImageStatus::Resolved));
    }
}

#[tokio::test]
async fn what_failing_pods_use_is_tried_too() {
    let registry = FakeRegistry::start().await;
    registry.put_image("app", Some("1"), "linux/amd64", "app");
    registry.want_token("app");
    let bench = Bench::new().secret("b/stale", &registry.host(), "stale", "wrong");
    let first = want(registry.reference("app:1"), &["linux/amd64"]);
    let second = Want { contexts: [context("b", &["stale"], true)].into(), ..first.clone() };
    let (answer, _) = grown(&bench, first, second, || !told(&bench).is_empty()).await;
    let refused: Vec<_> = answer.access.iter().filter(|access| access.outcome == AccessOutcome::Refused).collect();
    assert_eq!(refused.iter().map(|access| access.name.as_deref()).collect::<Vec<_>>(), [Some("stale")]);
    assert_eq!(answer.status, ImageStatus::Resolved);
}

#[tokio::test]
async fn a_registry_that_said_nothing_is_not_asked_again() {
    let registry = FakeRegistry::start().await;
    registry.silence("app/manifests/1");
    let mut bench = Bench::new();
    bench.limits.request_timeout = Duration::from_millis(100);
    let first = want(registry.reference("app:1"), &["linux/amd64"]);
    let second = Want { contexts: [context("b", &[], true)].into(), ..first.clone() };
    let (answer, _) = grown(&bench, first, second, || registry.log().len() == 1).await;
    let classes: Vec<_> = answer.failures.iter().map(|failure| failure.class).collect();
    assert_eq!((answer.status, classes, registry.log().len()), (ImageStatus::Failed, vec![ErrorClass::Timeout], 1));
    assert_eq!(told(&bench), ["failed 1/1"]);
}

#[tokio::test]
async fn an_image_that_turns_out_worse_is_told_of_again() {
    let registry = FakeRegistry::start().await;
    let puts = ["linux/amd64", "linux/arm64"].map(|platform| registry.put_image("app", None, platform, platform));
    registry.put_index("app", Some("1"), &puts.clone().map(|put| put.descriptor));
    registry.remove(&format!("app/manifests/{}", puts[1].manifest));
    let mut bench = Bench::new();
    bench.fallback = Fallback::Partial;
    let first = want(registry.reference("app:1"), &["linux/amd64"]);
    let second = Want { platforms: these(&["linux/amd64", "linux/arm64"]), ..first.clone() };
    let (answer, resolution) = grown(&bench, first, second, || !told(&bench).is_empty()).await;
    assert_eq!(
        (answer.status, told(&bench)),
        (ImageStatus::Partial, vec!["resolved 1/1".into(), "partial 1/1".into()])
    );
    assert!(resolution.documents.contains_key(&puts[0].manifest));
}
