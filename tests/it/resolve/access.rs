//! Credentials: which are tried, in which order, how often, and what is told of them.

use imagefacts::resolve::Answer;
use imagefacts::vocabulary::{DigestKind, ErrorClass, ErrorStage, ImageStatus};

use super::fake_registry::FakeRegistry;
use super::{Bench, context, from_repository, want};

/// What was tried: `source name namespaces outcome`, with `*` where the kubelet would use it.
fn access(answer: &Answer) -> Vec<String> {
    let shown = |access: &imagefacts::resolve::Access| {
        let namespaces: Vec<&str> = access.namespaces.iter().map(String::as_str).collect();
        let name = access.name.as_deref().unwrap_or("-");
        let class = access.class.map(|class| format!(" {class}")).unwrap_or_default();
        let mark = if access.kubelet { "*" } else { "" };
        format!("{}{mark} {name} [{}] {}{class}", access.source, namespaces.join(","), access.outcome)
    };
    answer.access.iter().map(shown).collect()
}

#[tokio::test]
async fn matches_are_tried_in_turn_and_the_first_accepted_is_enough() {
    let registry = FakeRegistry::start().await;
    registry.put_image("app", Some("1"), "linux/amd64", "app");
    registry.restrict("app", &["good", "better"]);
    let host = registry.host();
    let bench = Bench::new()
        .secret("a/bad", &host, "bad", "wrong")
        .secret("a/good", &host, "good", "right")
        .secret("a/better", &host, "better", "right")
        .secret("a/elsewhere", "other.example", "other", "secret");
    let mut wanted = want(registry.reference("app:1"), &["linux/amd64"]);
    wanted.contexts = [context("a", &["elsewhere", "bad", "good", "better"], false)].into();
    let answer = bench.resolve_one(wanted).await;
    assert_eq!(answer.status, ImageStatus::Resolved, "{answer:?}");
    assert_eq!(access(&answer), ["pull-secret* bad [a] refused unauthorized", "pull-secret* good [a] accepted"]);
    // The refused one costs one request more, the accepted one makes the two that the image needs.
    assert_eq!((registry.count_of("bad"), registry.count_of("good")), (1, 2));
    assert_eq!((registry.count_of("better"), registry.count_of("other")), (0, 0));
}

#[tokio::test]
async fn a_stale_pull_secret_and_anonymous_that_works_are_both_told() {
    let registry = FakeRegistry::start().await;
    registry.put_image("app", Some("1"), "linux/amd64", "app");
    registry.want_token("app");
    let bench = Bench::new().secret("a/stale", &registry.host(), "stale", "wrong");
    let mut wanted = want(registry.reference("app:1"), &["linux/amd64"]);
    wanted.contexts = [context("a", &["stale"], false)].into();
    let answer = bench.resolve_one(wanted).await;
    assert_eq!((answer.status, answer.failures.as_slice()), (ImageStatus::Resolved, &[][..]), "{answer:?}");
    assert_eq!(access(&answer), ["pull-secret* stale [a] refused unauthorized", "anonymous - [] accepted"]);
    assert_eq!(registry.count_of("stale"), 1);
}

#[tokio::test]
async fn when_all_are_refused_one_failure_tells_it() {
    let registry = FakeRegistry::start().await;
    registry.restrict("private", &[]);
    let host = registry.host();
    let bench = Bench::new().secret("a/stale", &host, "stale", "wrong");
    let mut wanted = want(registry.reference("private:1"), &["linux/amd64"]);
    wanted.contexts = [context("a", &["stale"], true)].into();
    let answer = bench.resolve_one(wanted).await;
    let expected = ["pull-secret* stale [a] refused unauthorized", "anonymous - [] refused unauthorized"];
    assert_eq!((answer.status, access(&answer).as_slice()), (ImageStatus::Failed, &expected.map(str::to_owned)[..]));
    assert_eq!(answer.failures.len(), 1);
    assert_eq!(answer.failures[0].class, ErrorClass::Unauthorized);
}

#[tokio::test]
async fn one_credential_under_two_names_is_tried_once() {
    let registry = FakeRegistry::start().await;
    registry.put_image("app", Some("1"), "linux/amd64", "app");
    registry.restrict("app", &["good"]);
    let host = registry.host();
    let mut bench = Bench::new();
    for name in ["a/one", "a/two", "b/one"] {
        bench = bench.secret(name, &host, "bad", "wrong");
    }
    bench = bench.secret("c/three", &host, "good", "right").secret("d/three", &host, "good", "right");
    let mut wanted = want(registry.reference("app:1"), &["linux/amd64"]);
    wanted.contexts = [
        context("a", &["one", "two"], false),
        context("b", &["one"], false),
        context("c", &["three"], false),
        context("d", &["three"], false),
    ]
    .into();
    let answer = bench.resolve_one(wanted).await;
    let expected = [
        "pull-secret* one [a,b] refused unauthorized",
        "pull-secret* two [a] refused unauthorized",
        "pull-secret* three [c,d] accepted",
    ];
    assert_eq!(access(&answer), expected);
    assert_eq!(registry.count_of("bad"), 1);
}

#[tokio::test]
async fn what_failing_pods_would_use_is_tried_too() {
    let registry = FakeRegistry::start().await;
    registry.put_image("app", Some("1"), "linux/amd64", "app");
    registry.restrict("app", &["good"]);
    let host = registry.host();
    let bench = Bench::new()
        .secret("a/good", &host, "good", "right")
        .secret("b/bad", &host, "bad", "wrong")
        .secret("c/worse", &host, "worse", "wrong");
    let mut wanted = want(registry.reference("app:1"), &["linux/amd64"]);
    // Of two failing contexts the first opens the image, and the second is tried all the same; the third waits.
    wanted.contexts =
        [context("a", &["good"], true), context("b", &["bad"], true), context("c", &["worse"], false)].into();
    let answer = bench.resolve_one(wanted).await;
    assert_eq!(answer.status, ImageStatus::Resolved);
    assert_eq!(access(&answer), ["pull-secret* good [a] accepted", "pull-secret* bad [b] refused unauthorized"]);
    assert_eq!((registry.count_of("good"), registry.count_of("bad"), registry.count_of("worse")), (2, 1, 0));
}

#[tokio::test]
async fn where_only_our_login_works_anonymous_is_asked_for_the_cluster() {
    let registry = FakeRegistry::start().await;
    registry.put_image("app", Some("1"), "linux/amd64", "app");
    registry.restrict("app", &["ours"]);
    let host = registry.host();
    let mut bench = Bench::new().secret("a/stale", &host, "stale", "wrong");
    let auths = format!(r#"{{"auths":{{"{host}":{{"username":"ours","password":"right"}}}}}}"#);
    bench.env.insert("DOCKER_AUTH_CONFIG".to_owned(), auths);
    let mut wanted = want(registry.reference("app:1"), &["linux/amd64"]);
    wanted.contexts = [context("a", &["stale"], false)].into();
    let answer = bench.resolve_one(wanted).await;
    let expected = [
        "pull-secret* stale [a] refused unauthorized",
        "environment DOCKER_AUTH_CONFIG [] accepted",
        "anonymous - [] refused unauthorized",
    ];
    assert_eq!((answer.status, access(&answer).as_slice()), (ImageStatus::Resolved, &expected.map(str::to_owned)[..]));
}

#[tokio::test]
async fn of_several_refusals_the_most_telling_one_is_the_failure() {
    let registry = FakeRegistry::start().await;
    let kept = registry.put_image("app", None, "linux/amd64", "app");
    registry.restrict("app", &["ours"]);
    let host = registry.host();
    for (contexts, class) in [
        // Nothing of the cluster's applies: that who may look finds nothing tells more than that others may not look.
        ([].into(), ErrorClass::NotFound),
        // What the cluster's own secret is told comes before what we are told.
        ([context("a", &["stale"], false)].into(), ErrorClass::Unauthorized),
    ] {
        let mut bench = Bench::new().secret("a/stale", &host, "stale", "wrong");
        let auths = format!(r#"{{"auths":{{"{host}":{{"username":"ours","password":"right"}}}}}}"#);
        bench.env.insert("DOCKER_AUTH_CONFIG".to_owned(), auths);
        let mut wanted = want(registry.reference("app:deleted"), &["linux/amd64"]);
        wanted.contexts = contexts;
        wanted.running = from_repository([&kept.manifest]);
        let answer = bench.resolve_one(wanted).await;
        let classes: Vec<ErrorClass> = answer.failures.iter().map(|failure| failure.class).collect();
        assert_eq!((answer.status, classes), (ImageStatus::Failed, vec![class]), "{answer:?}");
        // Who may look is asked for what runs, too.
        assert_eq!(answer.running[&kept.manifest].kind, DigestKind::Manifest);
    }
}

#[tokio::test]
async fn a_pull_secret_that_cannot_be_read_is_told_and_the_image_resolved() {
    let registry = FakeRegistry::start().await;
    registry.put_image("app", Some("1"), "linux/amd64", "app");
    // The quote in the host's place breaks the secret's JSON.
    let bench = Bench::new().secret("a/broken", "\"", "user", "password");
    let mut wanted = want(registry.reference("app:1"), &["linux/amd64"]);
    wanted.contexts = [context("a", &["broken"], false)].into();
    let answer = bench.resolve_one(wanted).await;
    assert_eq!((answer.status, answer.failures.len()), (ImageStatus::Resolved, 1), "{answer:?}");
    assert_eq!(
        (answer.failures[0].stage, answer.failures[0].class),
        (ErrorStage::Credentials, ErrorClass::InvalidContent)
    );
}
