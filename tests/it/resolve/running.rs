//! What runs: classified by what was read anyway, or at the price of a request.

use imagefacts::cluster::inventory::ReportedAs;
use imagefacts::image::Digest;
use imagefacts::resolve::RunningDigest;
use imagefacts::vocabulary::{DigestKind, ErrorClass, ImageStatus};
use serde_json::json;

use super::fake_registry::{FakeRegistry, MANIFEST};
use super::{Bench, from_repository, want};

fn running(kind: DigestKind, matches_resolved: Option<bool>, gone: bool) -> RunningDigest {
    RunningDigest { kind, matches_resolved, gone }
}

#[tokio::test]
async fn what_the_reference_names_costs_nothing() {
    let registry = FakeRegistry::start().await;
    let amd64 = registry.put_image("app", None, "linux/amd64", "a");
    let arm64 = registry.put_image("app", None, "linux/arm64", "b");
    let (index, _) = registry.put_index("app", Some("1"), &[amd64.descriptor, arm64.descriptor]);
    let mut wanted = want(registry.reference("app:1"), &["linux/amd64"]);
    wanted.running = from_repository([&index, &amd64.manifest, &amd64.config, &arm64.manifest]);
    let answer = Bench::new().resolve_one(wanted).await;
    assert_eq!(answer.requests, 3);
    assert_eq!(answer.running[&index], running(DigestKind::Index, Some(true), false));
    assert_eq!(answer.running[&amd64.manifest], running(DigestKind::Manifest, Some(true), false));
    assert_eq!(answer.running[&amd64.config], running(DigestKind::Config, Some(true), false));
    assert_eq!(answer.running[&arm64.manifest], running(DigestKind::Manifest, Some(true), false));
}

#[tokio::test]
async fn what_it_does_not_name_is_read_like_what_it_names() {
    let registry = FakeRegistry::start().await;
    let new = registry.put_image("app", Some("1"), "linux/amd64", "new");
    let old = registry.put_image("app", None, "linux/amd64", "old");
    let (old_index, _) = registry.put_index("app", None, std::slice::from_ref(&old.descriptor));
    let gone = Digest::of(b"gone");
    for (digest, requests, expected) in [
        (&old_index, 2 + 3, running(DigestKind::Index, Some(false), false)),
        (&old.manifest, 2 + 2, running(DigestKind::Manifest, Some(false), false)),
        (&gone, 2 + 1, running(DigestKind::Unknown, Some(false), true)),
    ] {
        let mut wanted = want(registry.reference("app:1"), &["linux/amd64"]);
        wanted.running = from_repository([digest]);
        let resolution = Bench::new().resolve_all(vec![wanted]).await;
        let answer = &resolution.answers[&registry.reference("app:1")];
        assert_eq!((answer.running[digest], answer.requests), (expected, requests), "{digest}");
        assert_eq!((answer.status, answer.failures.as_slice()), (ImageStatus::Resolved, &[][..]));
        assert!(resolution.documents.contains_key(&new.manifest));
        assert_eq!(resolution.documents.contains_key(digest), !expected.gone);
        // What runs is described for the nodes that run it, by an index too.
        let described = resolution.documents.get(&old.manifest).and_then(|looked| looked.config.as_ref());
        assert_eq!(described.is_some(), !expected.gone);
    }
}

/// Whichever of them is asked first.
#[tokio::test]
async fn that_another_repository_has_it_says_nothing() {
    let registry = FakeRegistry::start().await;
    let runs = registry.put_image("moved", Some("1"), "linux/amd64", "m").manifest;
    registry.put_image("copied", None, "linux/amd64", "m");
    for name in ["lost", "copied"] {
        registry.put_image(name, Some("1"), "linux/amd64", name);
    }
    let orders = [["moved", "lost", "copied"], ["lost", "copied", "moved"], ["copied", "moved", "lost"]];
    for (order, concurrency) in orders.into_iter().flat_map(|order| [(order, 1), (order, 64)]) {
        let wants = order.map(|name| {
            let mut wanted = want(registry.reference(&format!("{name}:1")), &["linux/amd64"]);
            wanted.running = from_repository([&runs]);
            wanted
        });
        let mut bench = Bench::new();
        bench.limits.concurrency = concurrency;
        let resolution = bench.resolve_all(wants.into()).await;
        for (name, expected) in [
            ("moved", running(DigestKind::Manifest, Some(true), false)),
            ("lost", running(DigestKind::Unknown, Some(false), true)),
            ("copied", running(DigestKind::Manifest, Some(false), false)),
        ] {
            let answer = &resolution.answers[&registry.reference(&format!("{name}:1"))];
            assert_eq!(answer.running[&runs], expected, "{name} of {order:?}");
        }
        assert_eq!(resolution.answers[&registry.reference("lost:1")].requests, 2 + 1, "{order:?}");
    }
}

#[tokio::test]
async fn a_bare_id_that_is_no_manifest_may_be_an_older_images_config() {
    let registry = FakeRegistry::start().await;
    registry.put_image("app", Some("1"), "linux/amd64", "new");
    let old = registry.put_image("app", None, "linux/amd64", "old");
    for (reported, gone) in [(ReportedAs::ImageId, false), (ReportedAs::RepoDigest, true)] {
        let mut wanted = want(registry.reference("app:1"), &["linux/amd64"]);
        wanted.running = [(old.config.clone(), reported)].into();
        let answer = Bench::new().resolve_one(wanted).await;
        let expected = running(DigestKind::Unknown, Some(false), gone);
        assert_eq!((answer.running[&old.config], answer.failures.as_slice()), (expected, &[][..]), "{reported:?}");
    }
}

#[tokio::test]
async fn of_an_index_that_runs_only_the_wanted_platforms_are_read() {
    let registry = FakeRegistry::start().await;
    registry.put_image("app", Some("1"), "linux/amd64", "new");
    let entries = ["linux/amd64", "linux/arm64"].map(|platform| registry.put_image("app", None, platform, "old"));
    let (old_index, _) = registry.put_index("app", None, &entries.clone().map(|put| put.descriptor));
    registry.remove(&format!("app/manifests/{}", entries[0].manifest));
    let mut wanted = want(registry.reference("app:1"), &["linux/amd64"]);
    wanted.running = from_repository([&old_index]);
    let answer = Bench::new().resolve_one(wanted).await;
    // The tag's manifest and config, the index, and the one of its manifests that is wanted, which is gone.
    assert_eq!((answer.requests, answer.status), (2 + 2, ImageStatus::Resolved));
    assert_eq!(answer.running[&old_index], running(DigestKind::Index, Some(false), false));
    let failures: Vec<_> = answer.failures.iter().map(|failure| (failure.class, failure.platform.is_some())).collect();
    assert_eq!(failures, [(ErrorClass::NotFound, true)]);
}

#[tokio::test]
async fn the_same_image_packed_anew_is_no_other_image() {
    let registry = FakeRegistry::start().await;
    let put = registry.put_image("app", Some("1"), "linux/amd64", "app");
    let size = put.descriptor["size"].as_u64().unwrap();
    let config =
        json!({"mediaType": "application/vnd.docker.container.image.v1+json", "digest": put.config, "size": size});
    let repacked =
        json!({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": [], "annotations": {"a": "b"}});
    let repacked = registry.put("app", None, MANIFEST, &repacked);
    let mut wanted = want(registry.reference("app:1"), &["linux/amd64"]);
    wanted.running = from_repository([&repacked]);
    let answer = Bench::new().resolve_one(wanted).await;
    assert_eq!(answer.running[&repacked], running(DigestKind::Manifest, Some(true), false));
}

#[tokio::test]
async fn of_a_reference_that_is_gone_what_runs_is_still_asked_for() {
    let registry = FakeRegistry::start().await;
    let kept = registry.put_image("app", None, "linux/amd64", "kept");
    let gone = Digest::of(b"gone");
    let mut wanted = want(registry.reference("app:deleted"), &["linux/amd64"]);
    wanted.running = from_repository([&kept.manifest, &gone]);
    let answer = Bench::new().resolve_one(wanted).await;
    assert_eq!((answer.status, answer.failures[0].class), (ImageStatus::Failed, ErrorClass::NotFound));
    assert_eq!(answer.running[&kept.manifest], running(DigestKind::Manifest, None, false));
    assert_eq!(answer.running[&gone], running(DigestKind::Unknown, None, true));
    assert_eq!(answer.requests, 1 + 2 + 1);
}

#[tokio::test]
async fn of_a_reference_that_may_not_be_read_nothing_more_is_asked() {
    let registry = FakeRegistry::start().await;
    registry.restrict("app", &[]);
    let digest = Digest::of(b"running");
    let mut wanted = want(registry.reference("app:1"), &["linux/amd64"]);
    wanted.running = from_repository([&digest]);
    let answer = Bench::new().resolve_one(wanted).await;
    assert_eq!((answer.status, answer.failures[0].class), (ImageStatus::Failed, ErrorClass::Unauthorized));
    assert_eq!(answer.running[&digest], running(DigestKind::Unknown, None, false));
    assert_eq!(answer.requests, 1);
}
