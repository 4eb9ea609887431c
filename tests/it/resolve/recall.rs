//! What the disk cache tells when a registry cannot be asked.

use imagefacts::image::Digest;
use imagefacts::resolve::Fallback;
use imagefacts::vocabulary::{ErrorClass, ImageStatus, Via};
use tempfile::TempDir;

use super::cache::{bench, registry, run};
use super::{from_repository, want};

#[tokio::test]
async fn when_its_registry_cannot_be_asked_an_earlier_answer_is_told_as_such() {
    let directory = TempDir::new().unwrap();
    let (registry, index) = registry().await;
    let (reference, never) = (registry.reference("two:1"), registry.reference("two:never"));
    let wants = || {
        let mut wanted = want(reference.clone(), &["linux/amd64", "linux/s390x"]);
        wanted.running = from_repository([&Digest::of(b"running"), &index]);
        vec![wanted, want(never.clone(), &[])]
    };
    let cold = run(directory.path(), wants()).await;
    let endpoint = cold.answers[&reference].named.clone().unwrap().endpoint;
    drop(registry);
    for fallback in [Fallback::BestEffort, Fallback::Cached] {
        let mut bench = bench(directory.path());
        bench.fallback = fallback;
        let resolution = bench.resolve_all(wants()).await;
        let answer = &resolution.answers[&reference];
        assert_eq!(answer.failures[0].class, ErrorClass::Connect);
        assert_eq!(resolution.answers[&never].status, ImageStatus::Failed);
        if fallback == Fallback::BestEffort {
            assert_eq!((answer.status, &answer.named), (ImageStatus::Failed, &None));
            continue;
        }
        let named = answer.named.clone().unwrap();
        assert_eq!((named.via, &named.digest, &named.endpoint), (Via::Cache, &index, &endpoint));
        assert!(named.as_of.is_some() && answer.named_now().is_none());
        assert_eq!((answer.status, resolution.cache_hits), (ImageStatus::Partial, 3));
        assert_eq!(answer.variants, cold.answers[&reference].variants);
        assert!(answer.missing.is_empty(), "what an old answer lacks may be there today");
        assert_eq!(answer.running[&index].matches_resolved, Some(true));
        assert_eq!(answer.running[&Digest::of(b"running")].matches_resolved, None);
        assert_eq!(answer.failures.len(), 1, "{:?}", answer.failures);
    }
}

#[tokio::test]
async fn an_earlier_answer_serves_when_a_registry_hangs() {
    let directory = TempDir::new().unwrap();
    let (registry, _) = registry().await;
    let reference = registry.reference("one:1");
    run(directory.path(), vec![want(reference.clone(), &["linux/amd64"])]).await;
    registry.silence("one/manifests/1");
    let mut bench = bench(directory.path());
    bench.fallback = Fallback::Cached;
    bench.limits.image_timeout = std::time::Duration::from_millis(200);
    let answer = bench.resolve_one(want(reference, &["linux/amd64"])).await;
    assert_eq!((answer.status, answer.failures[0].class), (ImageStatus::Partial, ErrorClass::Timeout));
    assert_eq!(answer.named.unwrap().via, Via::Cache);
}
