//! What many images need is asked for once, however many ask for it at the same time.

use std::collections::BTreeMap;

use imagefacts::vocabulary::ImageStatus;

use super::fake_registry::FakeRegistry;
use super::{Bench, want};

/// 250 tags in each of two repositories name one index. What differs is asked for by each: what its tag names, and a token for
/// its repository.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_hundred_askers_are_one_flight() {
    let registry = FakeRegistry::start().await;
    let tags: Vec<String> = (0..250).map(|nth| format!("t{nth}")).collect();
    let mut put = None;
    for repository in ["one", "other"] {
        registry.want_token(repository);
        let image = registry.put_image(repository, None, "linux/amd64", "shared");
        for tag in &tags {
            registry.put_index(repository, Some(tag), std::slice::from_ref(&image.descriptor));
        }
        put = Some(image);
    }
    let image = put.unwrap();
    let names = ["one", "other"].into_iter().flat_map(|name| tags.iter().map(move |tag| format!("{name}:{tag}")));
    let wants: Vec<_> = names.map(|name| want(registry.reference(&name), &["linux/amd64"])).collect();
    let mut bench = Bench::new();
    bench.limits.concurrency = 500;
    let resolution = bench.resolve_all(wants).await;
    assert!(resolution.answers.values().all(|answer| answer.status == ImageStatus::Resolved));

    let mut counts = registry.counts();
    let mut of = |path: String| counts.remove(&path).unwrap_or(0);
    let shared = ["one", "other"].map(|repository| {
        let manifest = of(format!("{repository}/manifests/{}", image.manifest));
        (manifest, of(format!("{repository}/blobs/{}", image.config)))
    });
    assert_eq!((shared[0].0 + shared[1].0, shared[0].1 + shared[1].1), (1, 1), "{shared:?}");
    assert_eq!(of("/token".to_owned()), 2);
    // Those who ask before there is a token are sent away once.
    let tops: BTreeMap<_, _> = counts;
    assert_eq!(tops.len(), 500);
    assert!(tops.values().all(|count| (1..=2).contains(count)), "{tops:?}");
}
