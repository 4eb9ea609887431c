//! What the disk cache spares, to the request, and what it never decides.

use std::fs;
use std::path::{Path, PathBuf};

use imagefacts::cache::Cache;
use imagefacts::clock::Clock;
use imagefacts::image::Digest;
use imagefacts::limits::Limits;
use imagefacts::resolve::{Answer, Fallback, Resolution, Want};
use imagefacts::stop::StopReason;
use imagefacts::vocabulary::{DigestKind, ErrorClass, ImageStatus};
use serde_json::json;
use tempfile::TempDir;

use super::fake_registry::{CONFIG, FakeRegistry, MANIFEST};
use super::{Bench, context, from_repository, want};

/// A run with the cache in `directory`.
pub(super) async fn run(directory: &Path, wants: Vec<Want>) -> Resolution {
    bench(directory).resolve_all(wants).await
}

pub(super) fn bench(directory: &Path) -> Bench {
    let mut bench = Bench::new();
    bench.cache = Some(Cache::at(directory, &Limits::default(), Clock::System));
    bench
}

fn only(resolution: &Resolution) -> &Answer {
    assert_eq!(resolution.answers.len(), 1);
    resolution.answers.values().next().unwrap()
}

/// Every file below `directory`.
fn files(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found
}

/// A registry with a single-platform image, `one:1`, and one for two platforms, `two:1`.
pub(super) async fn registry() -> (FakeRegistry, Digest) {
    let registry = FakeRegistry::start().await;
    registry.put_image("one", Some("1"), "linux/amd64", "one");
    let [a, b] = ["linux/amd64", "linux/arm64"].map(|platform| registry.put_image("two", None, platform, "two"));
    let (index, _) = registry.put_index("two", Some("1"), &[a.descriptor, b.descriptor]);
    (registry, index)
}

#[tokio::test]
async fn a_warm_run_is_one_head_for_each_reference() {
    let (registry, index) = registry().await;
    let both = &["linux/amd64", "linux/arm64"];
    let by_digest = format!("two@{index}");
    for (name, gets) in [("one:1", 2), ("two:1", 1 + 2 * 2), (by_digest.as_str(), 1 + 2 * 2)] {
        let directory = TempDir::new().unwrap();
        let wants = || vec![want(registry.reference(name), both)];
        let cold = run(directory.path(), wants()).await;
        assert_eq!((registry.heads_and_gets(), cold.cache_hits), ((0, gets), 0), "{name}");
        let warm = run(directory.path(), wants()).await;
        assert_eq!((registry.heads_and_gets(), warm.cache_hits), ((1, 0), gets as u64), "{name}");
        let (cold_answer, warm_answer) = (only(&cold), only(&warm));
        assert_eq!((warm_answer.status, warm_answer.requests), (ImageStatus::Resolved, 1));
        assert_eq!(warm_answer.named, cold_answer.named, "via and endpoint are those of the registry");
        assert_eq!(warm_answer.variants, cold_answer.variants);
        assert!(warm_answer.failures.is_empty());
        assert_eq!(format!("{:?}", warm.documents), format!("{:?}", cold.documents));
    }
}

#[tokio::test]
async fn who_lies_about_a_configs_size_does_not_make_it_forgotten() {
    let registry = FakeRegistry::start().await;
    let good = registry.put_image("good", Some("1"), "linux/amd64", "app");
    let config = json!({"mediaType": CONFIG, "digest": good.config, "size": 7});
    let lie = json!({"schemaVersion": 2, "mediaType": MANIFEST, "layers": [], "config": config});
    registry.put("lie", Some("1"), MANIFEST, &lie);
    let directory = TempDir::new().unwrap();
    let wants = |name: &str| vec![want(registry.reference(name), &["linux/amd64"])];
    run(directory.path(), wants("good:1")).await;
    let lying = run(directory.path(), wants("lie:1")).await;
    assert_eq!((only(&lying).status, lying.cache_hits), (ImageStatus::Partial, 0));
    registry.heads_and_gets();
    let warm = run(directory.path(), wants("good:1")).await;
    assert_eq!((registry.heads_and_gets(), warm.cache_hits), ((1, 0), 2));
}

#[tokio::test]
async fn without_a_cache_nothing_is_kept() {
    let (registry, _) = registry().await;
    for _ in 0..2 {
        let resolution = Bench::new().resolve_all(vec![want(registry.reference("one:1"), &["linux/amd64"])]).await;
        assert_eq!((registry.heads_and_gets(), resolution.cache_hits), ((0, 2), 0));
    }
}

#[tokio::test]
async fn of_a_tag_that_moved_only_what_is_new_is_fetched() {
    let registry = FakeRegistry::start().await;
    let directory = TempDir::new().unwrap();
    let both = &["linux/amd64", "linux/arm64"];
    let kept = registry.put_image("app", None, "linux/amd64", "kept");
    let old = registry.put_image("app", None, "linux/arm64", "old");
    registry.put_index("app", Some("1"), &[kept.descriptor.clone(), old.descriptor]);
    run(directory.path(), vec![want(registry.reference("app:1"), both)]).await;
    let new = registry.put_image("app", None, "linux/arm64", "new");
    let (index, _) = registry.put_index("app", Some("1"), &[kept.descriptor, new.descriptor]);
    registry.heads_and_gets();
    let moved = run(directory.path(), vec![want(registry.reference("app:1"), both)]).await;
    assert_eq!((registry.heads_and_gets(), moved.cache_hits), ((1, 1 + 2), 2));
    assert_eq!(only(&moved).named.as_ref().unwrap().digest, index);
    run(directory.path(), vec![want(registry.reference("app:1"), both)]).await;
    assert_eq!(registry.heads_and_gets(), (1, 0));
}

#[tokio::test]
async fn a_registry_that_says_no_digest_is_asked_for_the_document() {
    let (registry, _) = registry().await;
    let directory = TempDir::new().unwrap();
    registry.say_no_digest();
    run(directory.path(), vec![want(registry.reference("one:1"), &["linux/amd64"])]).await;
    assert_eq!(registry.heads_and_gets(), (0, 2));
    let warm = run(directory.path(), vec![want(registry.reference("one:1"), &["linux/amd64"])]).await;
    // The config is known by the manifest that was fetched.
    assert_eq!((registry.heads_and_gets(), warm.cache_hits), ((1, 1), 1));
}

#[tokio::test]
async fn what_runs_is_confirmed_by_a_head_and_seen_when_it_is_gone() {
    let registry = FakeRegistry::start().await;
    let directory = TempDir::new().unwrap();
    registry.put_image("app", Some("1"), "linux/amd64", "new");
    let old = registry.put_image("app", None, "linux/amd64", "old");
    let wanted = || {
        let mut wanted = want(registry.reference("app:1"), &["linux/amd64"]);
        wanted.running = from_repository([&old.manifest]);
        vec![wanted]
    };
    run(directory.path(), wanted()).await;
    assert_eq!(registry.heads_and_gets(), (0, 4));
    let warm = run(directory.path(), wanted()).await;
    assert_eq!((registry.heads_and_gets(), warm.cache_hits), ((2, 0), 4));
    assert_eq!(only(&warm).running[&old.manifest].kind, DigestKind::Manifest);
    registry.remove(&format!("app/manifests/{}", old.manifest));
    let gone = run(directory.path(), wanted()).await;
    assert_eq!(registry.heads_and_gets(), (2, 0));
    assert!(only(&gone).running[&old.manifest].gone);
}

#[tokio::test]
async fn a_deleted_image_and_a_refused_credential_are_seen() {
    let (registry, index) = registry().await;
    let directory = TempDir::new().unwrap();
    let by_digest = registry.reference(&format!("two@{index}"));
    run(directory.path(), vec![want(registry.reference("one:1"), &[]), want(by_digest.clone(), &[])]).await;
    registry.restrict("one", &[]);
    registry.remove(&format!("two/manifests/{index}"));
    for fallback in [Fallback::BestEffort, Fallback::Cached] {
        let mut bench = bench(directory.path());
        bench.fallback = fallback;
        let wants = vec![want(registry.reference("one:1"), &[]), want(by_digest.clone(), &[])];
        let answers = bench.resolve_all(wants).await.answers;
        for (reference, class) in
            [(registry.reference("one:1"), ErrorClass::Unauthorized), (by_digest.clone(), ErrorClass::NotFound)]
        {
            let answer = &answers[&reference];
            assert_eq!((answer.status, answer.failures[0].class), (ImageStatus::Failed, class), "{fallback:?}");
            assert_eq!(answer.named, None);
        }
    }
}

#[tokio::test]
async fn a_second_credential_is_tried_by_a_head_once_the_reference_is_known() {
    let registry = FakeRegistry::start().await;
    let directory = TempDir::new().unwrap();
    registry.put_image("app", Some("1"), "linux/amd64", "app");
    registry.restrict("app", &["right"]);
    let wanted = || {
        let mut wanted = want(registry.reference("app:1"), &["linux/amd64"]);
        wanted.contexts = [context("shop", &["old", "new"], true)].into();
        vec![wanted]
    };
    let bench = bench(directory.path()).secret("shop/old", &registry.host(), "wrong", "wrong").secret(
        "shop/new",
        &registry.host(),
        "right",
        "right",
    );
    let cold = bench.resolve_all(wanted()).await;
    let (heads, gets) = registry.heads_and_gets();
    assert_eq!((heads, only(&cold).status), (0, ImageStatus::Resolved));
    let warm = bench.resolve_all(wanted()).await;
    // All but the config, which is known.
    assert_eq!(registry.heads_and_gets(), (gets - 1, 0));
    assert_eq!(only(&warm).access, only(&cold).access);
}

/// Every file below `directory` made what `spoil` makes of it.
fn spoil(directory: &Path, spoil: impl Fn(Vec<u8>) -> Vec<u8>) {
    for file in files(directory) {
        fs::write(&file, spoil(fs::read(&file).unwrap())).unwrap();
    }
}

/// Every index, manifest and config changed, and what is known of references too.
fn with_other_contents(mut whole: Vec<u8>) -> Vec<u8> {
    for word in ["schemaVersion", "architecture", "seenAt"] {
        let mut places = Vec::new();
        places.extend((0..whole.len()).filter(|at| whole[*at..].starts_with(word.as_bytes())));
        assert!(!places.is_empty(), "{word}");
        places.into_iter().for_each(|at| whole[at] = b'X');
    }
    whole
}

#[tokio::test]
async fn corrupt_entries_are_fetched_again() {
    let (registry, _) = registry().await;
    let wants = || vec![want(registry.reference("two:1"), &["linux/amd64"])];
    for (what, spoiled, asked) in [
        // It is not known any more what the tag named, so that there is nothing to confirm.
        ("cut", (|_| Vec::new()) as fn(Vec<u8>) -> Vec<u8>, (0, 3)),
        ("lists", |whole| [b"x", &whole[1..]].concat(), (0, 3)),
        ("contents", with_other_contents, (1, 3)),
    ] {
        let directory = TempDir::new().unwrap();
        run(directory.path(), wants()).await;
        spoil(directory.path(), spoiled);
        registry.heads_and_gets();
        let again = run(directory.path(), wants()).await;
        assert_eq!((registry.heads_and_gets(), only(&again).status), (asked, ImageStatus::Resolved), "{what}");
        run(directory.path(), wants()).await;
        assert_eq!(registry.heads_and_gets(), (1, 0), "{what}");
    }
}

#[tokio::test]
async fn of_a_file_that_is_cut_only_what_is_missing_is_fetched() {
    let (registry, _) = registry().await;
    let directory = TempDir::new().unwrap();
    let wants = || vec![want(registry.reference("two:1"), &["linux/amd64"])];
    run(directory.path(), wants()).await;
    spoil(directory.path(), |whole| whole[..whole.len() - 1].to_vec());
    let (_, _) = registry.heads_and_gets();
    let again = run(directory.path(), wants()).await;
    let (_, gets) = registry.heads_and_gets();
    assert!(gets <= 1, "{gets}: the last entry is a document, or what is known of the tag");
    assert_eq!((only(&again).status, again.cache_hits), (ImageStatus::Resolved, 3 - gets as u64));
    run(directory.path(), wants()).await;
    assert_eq!(registry.heads_and_gets(), (1, 0));
}

#[tokio::test]
async fn what_a_run_had_when_it_was_told_to_end_is_kept() {
    let (registry, _) = registry().await;
    let directory = TempDir::new().unwrap();
    let wants = || ["one:1", "two:1"].map(|name| want(registry.reference(name), &["linux/amd64"])).to_vec();
    let bench = bench(directory.path());
    registry.silence("two/manifests/1");
    let end = async {
        while bench.told().is_empty() {
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
        bench.stop.stop(StopReason::Interrupted);
    };
    tokio::join!(bench.resolve_all(wants()), end);
    registry.speak();
    registry.heads_and_gets();
    run(directory.path(), wants()).await;
    assert_eq!(registry.heads_and_gets(), (1, 3));
}

#[tokio::test]
async fn two_runs_at_once_share_a_cache() {
    let (registry, _) = registry().await;
    let directory = TempDir::new().unwrap();
    let wants = || ["one:1", "two:1"].map(|name| want(registry.reference(name), &["linux/amd64"])).to_vec();
    let (a, b) = tokio::join!(run(directory.path(), wants()), run(directory.path(), wants()));
    for answer in a.answers.values().chain(b.answers.values()) {
        assert_eq!((answer.status, answer.failures.len()), (ImageStatus::Resolved, 0));
    }
    registry.heads_and_gets();
    run(directory.path(), wants()).await;
    assert_eq!(registry.heads_and_gets(), (2, 0));
}

#[tokio::test]
async fn no_credential_is_kept() {
    const CANARY: &str = "kanarienvogel";
    let registry = FakeRegistry::start().await;
    let directory = TempDir::new().unwrap();
    registry.put_image("basic", Some("1"), "linux/amd64", "a");
    registry.put_image("bearer", Some("1"), "linux/amd64", "b");
    registry.restrict("basic", &[CANARY]);
    registry.want_token("bearer");
    let bench = bench(directory.path()).secret("shop/pull", &registry.host(), CANARY, "right");
    for _ in 0..2 {
        let wants = ["basic:1", "bearer:1"].map(|name| {
            let mut wanted = want(registry.reference(name), &["linux/amd64"]);
            wanted.contexts = [context("shop", &["pull"], false)].into();
            wanted
        });
        let resolution = bench.resolve_all(wants.to_vec()).await;
        assert!(resolution.answers.values().all(|answer| answer.status == ImageStatus::Resolved));
    }
    assert!(registry.count_of(CANARY) > 0);
    let kept = files(directory.path());
    let entries = bench.cache.as_ref().unwrap().size().unwrap().entries;
    assert_eq!(entries, 2 * 3, "a manifest and a config of each, and what was named");
    // In Basic authorization: user and password, in base64. `shown` is the token.
    let basic = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, format!("{CANARY}:right"));
    for file in kept {
        let text = format!("{} {}", file.display(), String::from_utf8_lossy(&fs::read(&file).unwrap()));
        for secret in [CANARY, "right", "shown", &basic, "Bearer", "uthorization"] {
            assert!(!text.contains(secret), "{secret} in {text}");
        }
    }
}
