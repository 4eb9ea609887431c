//! Platforms and documents: what is fetched, once, and what is made of it.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use imagefacts::image::{Digest, ImageConfig, Outline, Platform};
use imagefacts::resolve::{Answer, Looked, OnLooked, WantedPlatforms};
use imagefacts::vocabulary::{ErrorClass, ErrorStage, ImageStatus, ManifestKind};
use serde_json::json;

use super::fake_registry::{CONFIG, FakeRegistry, MANIFEST};
use super::{Bench, want};

fn platforms(answer: &Answer) -> Vec<String> {
    answer.variants.iter().map(|variant| variant.platform.to_string()).collect()
}

fn missing(answer: &Answer) -> Vec<String> {
    answer.missing.iter().map(|node| node.platform.to_string()).collect()
}

fn classes(answer: &Answer) -> Vec<ErrorClass> {
    answer.failures.iter().map(|failure| failure.class).collect()
}

#[tokio::test]
async fn an_image_without_an_index_costs_two_requests() {
    let registry = FakeRegistry::start().await;
    let put = registry.put_image("app", Some("1"), "linux/amd64", "app");
    let bench = Bench::new();
    let resolution = bench.resolve_all(vec![want(registry.reference("app:1"), &["linux/amd64"])]).await;
    let answer = &resolution.answers[&registry.reference("app:1")];
    assert_eq!(answer.status, ImageStatus::Resolved, "{answer:?}");
    assert_eq!(answer.named.as_ref().unwrap().digest, put.manifest);
    assert_eq!((platforms(answer), missing(answer)), (vec!["linux/amd64".to_owned()], vec![]));
    assert_eq!((answer.requests, registry.log().len()), (2, 2));
    let looked = &resolution.documents[&put.manifest];
    assert_eq!(looked.config_digest(), Some(&put.config));
    assert_eq!(config_of(looked).labels["name"], "app");
}

#[tokio::test]
async fn an_index_costs_one_request_and_two_for_each_wanted_platform() {
    let registry = FakeRegistry::start().await;
    let offered = ["linux/amd64", "linux/arm64", "linux/s390x"];
    let entries = offered.map(|platform| registry.put_image("app", None, platform, platform).descriptor);
    registry.put_index("app", Some("1"), &entries);
    for (wanted, requests, variants, absent) in [
        (&["linux/amd64"][..], 3, &["linux/amd64"][..], &[][..]),
        (&["linux/amd64", "linux/arm64"], 5, &["linux/amd64", "linux/arm64"], &[]),
        (&["linux/amd64", "linux/amd64/v3"], 3, &["linux/amd64"], &[]),
        (&["linux/amd64", "linux/riscv64"], 3, &["linux/amd64"], &["linux/riscv64"]),
        (&["linux/riscv64"], 1, &[], &["linux/riscv64"]),
    ] {
        let before = registry.log().len();
        let answer = Bench::new().resolve_one(want(registry.reference("app:1"), wanted)).await;
        assert_eq!(answer.status, ImageStatus::Resolved, "{wanted:?}: {answer:?}");
        assert_eq!(
            (platforms(&answer).as_slice(), missing(&answer).as_slice()),
            (&strings(variants)[..], &strings(absent)[..])
        );
        assert_eq!((answer.requests, registry.log().len() - before), (requests, usize::try_from(requests).unwrap()));
    }
    let mut all = want(registry.reference("app:1"), &[]);
    all.platforms = WantedPlatforms::All;
    let answer = Bench::new().resolve_one(all).await;
    assert_eq!((platforms(&answer), answer.requests), (strings(&offered), 7));
}

#[tokio::test]
async fn what_was_read_whole_is_shown_and_nothing_else() {
    let registry = FakeRegistry::start().await;
    let entries = ["linux/amd64", "linux/arm64"].map(|platform| registry.put_image("app", None, platform, platform));
    let index = registry.put_index("app", Some("1"), &entries.each_ref().map(|put| put.descriptor.clone())).0;
    let broken = registry.put_image("broken", Some("1"), "linux/amd64", "broken");
    registry.remove(&format!("broken/blobs/{}", broken.config));
    let shown: Arc<Mutex<Vec<Looked>>> = Arc::default();
    let shelf = Arc::clone(&shown);
    let on_looked: OnLooked = Arc::new(move |looked| shelf.lock().unwrap().push(looked.clone()));
    let bench = Bench { on_looked: Some(on_looked), ..Bench::new() };
    let wants = ["app:1", "broken:1"].map(|name| want(registry.reference(name), &["linux/amd64", "linux/arm64"]));
    let resolution = bench.resolve_all(wants.into()).await;
    let mut shown: Vec<_> = std::mem::take(&mut *shown.lock().unwrap());
    shown.sort_by(|a, b| a.digest.cmp(&b.digest));
    let mut expected = [&index, &entries[0].manifest, &entries[1].manifest];
    expected.sort();
    assert_eq!(shown.iter().map(|looked| &looked.digest).collect::<Vec<_>>(), expected, "each once");
    for looked in &shown {
        let whole = looked.whole.as_ref().unwrap();
        assert_eq!(whole.config.is_some(), looked.digest != index);
        assert!(resolution.documents[&looked.digest].whole.is_none(), "it was let go");
    }
    let kept = resolution.documents[&broken.manifest].whole.as_ref().unwrap();
    assert!(kept.config.is_none());
}

#[tokio::test]
async fn a_config_that_one_repository_gives_is_kept_whatever_another_does() {
    // Whose answer comes first is a matter of chance.
    for _ in 0..10 {
        let registry = FakeRegistry::start().await;
        let put = ["a", "b"].map(|repository| registry.put_image(repository, Some("1"), "linux/amd64", "app"));
        assert_eq!(put[0].manifest, put[1].manifest);
        registry.remove(&format!("a/blobs/{}", put[0].config));
        let shown: Arc<Mutex<Vec<Looked>>> = Arc::default();
        let shelf = Arc::clone(&shown);
        let on_looked: OnLooked = Arc::new(move |looked| shelf.lock().unwrap().push(looked.clone()));
        let bench = Bench { on_looked: Some(on_looked), ..Bench::new() };
        let wants = ["a:1", "b:1"].map(|name| want(registry.reference(name), &["linux/amd64"]));
        let resolution = bench.resolve_all(wants.into()).await;
        assert_eq!(resolution.answers[&registry.reference("b:1")].status, ImageStatus::Resolved);
        let kept = &resolution.documents[&put[1].manifest];
        assert!(kept.config.is_some() && kept.whole.is_none());
        let shown = shown.lock().unwrap();
        assert_eq!(shown.len(), 1, "all that was read of it is shown once");
        assert_eq!(config_of(&shown[0]).labels["name"], "app");
    }
}

fn config_of(looked: &Looked) -> &ImageConfig {
    looked.whole.as_ref().unwrap().config.as_ref().unwrap()
}

fn strings(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

#[tokio::test]
async fn a_digest_seen_under_two_names_is_fetched_once() {
    let registry = FakeRegistry::start().await;
    let mut wants = Vec::new();
    for repository in ["app", "copy/of/app"] {
        let entry = registry.put_image(repository, None, "linux/amd64", "app").descriptor;
        for tag in ["1", "1.0"] {
            registry.put_index(repository, Some(tag), std::slice::from_ref(&entry));
            wants.push(want(registry.reference(&format!("{repository}:{tag}")), &["linux/amd64"]));
        }
    }
    let resolution = Bench::new().resolve_all(wants).await;
    assert!(
        resolution.answers.values().all(|answer| answer.status == ImageStatus::Resolved && answer.variants.len() == 1)
    );
    // Each reference, and one manifest and one config for all of them.
    assert_eq!(registry.log().len(), 4 + 2, "{:?}", registry.counts());
    assert_eq!(resolution.documents.len(), 2);
}

#[tokio::test]
async fn five_hundred_askers_are_one_flight() {
    let registry = FakeRegistry::start().await;
    let entry = registry.put_image("app", None, "linux/amd64", "app").descriptor;
    let tags: Vec<String> = (0..500).map(|number| format!("v{number}")).collect();
    tags.iter().for_each(|tag| drop(registry.put_index("app", Some(tag), std::slice::from_ref(&entry))));
    let mut bench = Bench::new();
    bench.limits.concurrency = 500;
    let wants = tags.iter().map(|tag| want(registry.reference(&format!("app:{tag}")), &["linux/amd64"])).collect();
    let resolution = bench.resolve_all(wants).await;
    assert!(resolution.answers.values().all(|answer| answer.status == ImageStatus::Resolved));
    assert_eq!((resolution.answers.len(), registry.log().len()), (500, 500 + 2));
}

#[tokio::test]
async fn an_image_for_another_platform_is_missing_what_is_wanted() {
    let registry = FakeRegistry::start().await;
    registry.put_image("app", Some("1"), "linux/amd64", "app");
    let answer = Bench::new().resolve_one(want(registry.reference("app:1"), &["linux/amd64", "linux/arm64"])).await;
    assert_eq!((platforms(&answer), missing(&answer)), (strings(&["linux/amd64"]), strings(&["linux/arm64"])));
    assert_eq!(answer.status, ImageStatus::Resolved);
}

#[tokio::test]
async fn an_entry_and_a_config_that_disagree_are_both_kept_and_told() {
    let registry = FakeRegistry::start().await;
    let mut put = registry.put_image("app", None, "linux/amd64", "app");
    put.descriptor["platform"]["architecture"] = json!("arm64");
    registry.put_index("app", Some("1"), &[put.descriptor]);
    let resolution = Bench::new().resolve_all(vec![want(registry.reference("app:1"), &["linux/arm64"])]).await;
    let answer = &resolution.answers[&registry.reference("app:1")];
    assert_eq!((answer.status, platforms(answer)), (ImageStatus::Resolved, strings(&["linux/arm64"])));
    let config = config_of(&resolution.documents[&put.manifest]);
    assert_eq!(config.platform, Some(Platform::new("linux", "amd64", None)));
    let [failure] = answer.failures.as_slice() else { panic!("{:?}", answer.failures) };
    assert_eq!((failure.stage, failure.class), (ErrorStage::Config, ErrorClass::InvalidContent));
    assert_eq!(failure.platform, Some(Platform::new("linux", "arm64", None)));
    assert!(
        failure.message.contains("for linux/arm64, but by its config it is for linux/amd64"),
        "{}",
        failure.message
    );
}

#[tokio::test]
async fn what_cannot_be_read_of_an_index_leaves_the_rest() {
    let registry = FakeRegistry::start().await;
    let good = registry.put_image("app", None, "linux/amd64", "good");
    let gone = registry.put_image("app", None, "linux/arm64", "gone");
    let mut liar = registry.put_image("app", None, "linux/s390x", "liar").descriptor;
    liar["size"] = json!(7);
    registry.remove(&format!("app/manifests/{}", gone.manifest));
    registry.put_index("app", Some("1"), &[good.descriptor, gone.descriptor, liar, json!({"digest": "sha256:../.."})]);
    let wanted = ["linux/amd64", "linux/arm64", "linux/s390x"];
    let answer = Bench::new().resolve_one(want(registry.reference("app:1"), &wanted)).await;
    assert_eq!((answer.status, platforms(&answer)), (ImageStatus::Partial, strings(&["linux/amd64"])));
    assert_eq!(missing(&answer), strings(&[]), "the index offers them");
    let mut failures: Vec<_> =
        answer.failures.iter().map(|f| (f.class, f.platform.clone().map(|p| p.to_string()))).collect();
    failures.sort();
    let of = |platform: &str| Some(platform.to_owned());
    let expected = [
        (ErrorClass::NotFound, of("linux/arm64")),
        (ErrorClass::InvalidContent, None),
        (ErrorClass::DigestMismatch, of("linux/s390x")),
    ];
    assert_eq!(failures, expected);
}

#[tokio::test]
async fn an_index_within_an_index_is_followed_once_and_never_in_a_circle() {
    let registry = FakeRegistry::start().await;
    let image = registry.put_image("app", None, "linux/amd64", "app").descriptor;
    let (_, inner) = registry.put_index("app", None, std::slice::from_ref(&image));
    let (_, middle) = registry.put_index("app", None, std::slice::from_ref(&inner));
    registry.put_index("app", Some("nested"), std::slice::from_ref(&inner));
    registry.put_index("app", Some("deep"), &[middle]);
    // The same entry twice is one.
    registry.put_index("app", Some("twice"), &[inner.clone(), inner]);

    for tag in ["nested", "twice"] {
        let wanted = want(registry.reference(&format!("app:{tag}")), &["linux/amd64", "linux/arm64"]);
        let answer = Bench::new().resolve_one(wanted).await;
        assert_eq!((answer.status, platforms(&answer)), (ImageStatus::Resolved, strings(&["linux/amd64"])), "{tag}");
        assert_eq!((missing(&answer), answer.requests), (strings(&["linux/arm64"]), 4), "{tag}");
    }
    let answer = Bench::new().resolve_one(want(registry.reference("app:deep"), &["linux/amd64"])).await;
    assert_eq!((answer.status, classes(&answer)), (ImageStatus::Partial, vec![ErrorClass::Unsupported]));
    assert_eq!((missing(&answer), answer.requests), (vec![], 3));
}

#[tokio::test]
async fn an_endless_index_is_cut() {
    let registry = FakeRegistry::start().await;
    let entries: Vec<_> =
        (0..70).map(|n| registry.put_image("app", None, &format!("linux/arch{n}"), "x").descriptor).collect();
    registry.put_index("app", Some("1"), &entries);
    let mut all = want(registry.reference("app:1"), &[]);
    all.platforms = WantedPlatforms::All;
    let answer = Bench::new().resolve_one(all).await;
    assert_eq!((answer.status, answer.variants.len()), (ImageStatus::Partial, 64));
    assert_eq!((classes(&answer), answer.requests), (vec![ErrorClass::TooLarge], 1 + 2 * 64));
}

#[tokio::test]
async fn artifacts_and_schema_1_need_no_config() {
    let registry = FakeRegistry::start().await;
    let empty = json!({"mediaType": "application/vnd.oci.empty.v1+json", "digest": Digest::of(b"{}"), "size": 2});
    let artifact =
        json!({"schemaVersion": 2, "mediaType": MANIFEST, "artifactType": "a/b", "config": empty, "layers": []});
    registry.put("app", Some("artifact"), MANIFEST, &artifact);
    let legacy_type = "application/vnd.docker.distribution.manifest.v1+json";
    let v1 = r#"{"os":"linux","architecture":"amd64","config":{"Env":["A=b"]}}"#;
    let legacy =
        json!({"schemaVersion": 1, "architecture": "amd64", "fsLayers": [], "history": [{"v1Compatibility": v1}]});
    registry.put("app", Some("legacy"), legacy_type, &legacy);

    let names = ["artifact", "legacy"];
    let wants = names.map(|tag| want(registry.reference(&format!("app:{tag}")), &["linux/amd64"])).into();
    let resolution = Bench::new().resolve_all(wants).await;
    assert_eq!(registry.log().len(), 2);
    let kinds: BTreeSet<ManifestKind> = resolution.documents.values().map(|looked| looked.outline.kind()).collect();
    assert_eq!(kinds, [ManifestKind::Artifact, ManifestKind::Legacy].into());
    for answer in resolution.answers.values() {
        assert_eq!((answer.status, missing(answer)), (ImageStatus::Resolved, vec![]), "{answer:?}");
    }
    let legacy =
        resolution.documents.values().find(|looked| matches!(*looked.outline, Outline::Legacy { .. })).unwrap();
    assert_eq!(config_of(legacy).env, ["A=b"]);
}

#[tokio::test]
async fn what_is_no_manifest_fails_with_what_is_wrong() {
    let registry = FakeRegistry::start().await;
    let config = json!({"mediaType": CONFIG, "digest": Digest::of(b"{}"), "size": 2});
    let both = json!({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": [], "manifests": []});
    registry.put("app", Some("both"), MANIFEST, &both);
    registry.put("app", Some("other"), "application/x", &json!({"mediaType": "application/x"}));
    for (tag, class) in
        [("both", ErrorClass::InvalidContent), ("other", ErrorClass::Unsupported), ("none", ErrorClass::NotFound)]
    {
        let answer = Bench::new().resolve_one(want(registry.reference(&format!("app:{tag}")), &["linux/amd64"])).await;
        assert_eq!((answer.status, classes(&answer)), (ImageStatus::Failed, vec![class]), "{tag}: {answer:?}");
    }
}
