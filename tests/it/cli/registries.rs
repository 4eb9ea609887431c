//! `imagefacts collect --include-images` over sockets: a cluster's API server, and a registry that guards and fails.

use std::slice;
use std::sync::Arc;

use axum::http::{HeaderMap, StatusCode, header, request};
use axum::response::IntoResponse as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use imagefacts::sample::Sample;
use imagefacts::serve::{AccessLog, Fault, Options, Registry, Running, Store};
use serde_json::{Value, json};

use super::bundle::{Facts, assert_none_of, classes, text};
use super::program::nobody;
use super::{Program, Ran};
use crate::fake_api::{FakeApi, Plan};

const PASSWORD: &str = "s3cr3t-canary-of-the-pull";
const TOKEN: &str = "s3cr3t-canary-token-issued";

/// A registry of the sample's images, where requests may go wrong.
pub(super) async fn registry(
    intercept: impl Fn(&request::Parts) -> Option<Fault> + Send + Sync + 'static,
) -> (Running, AccessLog) {
    let (store, log) = (Store::memory(), AccessLog::default());
    Sample::new().unwrap().fill(&store).unwrap();
    let options = Options { intercept: Some(Arc::new(intercept)), log: Some(log.clone()), ..Options::new(store) };
    (Registry::start(options).await.unwrap(), log)
}

/// A cluster of one node, with a pod for each image; the pods name the pull secret `login`.
pub(super) fn cluster(images: &[String]) -> Plan {
    let info =
        json!({"operatingSystem": "linux", "architecture": "amd64", "containerRuntimeVersion": "containerd://2"});
    let node = json!({"metadata": {"name": "node-a", "uid": "n"}, "status": {"nodeInfo": info}});
    let no_events = json!({"kind": "EventList", "metadata": {"resourceVersion": "1"}, "items": []});
    let plan = Plan::empty().with("/api/v1/nodes", node).with_document("/api/v1/events", no_events);
    images.iter().enumerate().fold(plan, |plan, (n, image)| {
        let metadata = json!({"name": format!("pod-{n}"), "namespace": "shop", "uid": format!("pod-{n}")});
        let containers = json!([{"name": "c", "image": image}]);
        let spec = json!({"nodeName": "node-a", "containers": containers, "imagePullSecrets": [{"name": "login"}]});
        plan.with("/api/v1/pods", json!({"metadata": metadata, "spec": spec, "status": {"phase": "Running"}}))
    })
}

/// The same with the secret, for `host`.
fn cluster_with_login(images: &[String], host: &str, password: &str) -> Plan {
    let config = json!({"auths": {host: {"username": "puller", "password": password}}}).to_string();
    let data = json!({".dockerconfigjson": STANDARD.encode(config)});
    let metadata = json!({"name": "login", "namespace": "shop", "uid": "s"});
    let secret = json!({"metadata": metadata, "type": "kubernetes.io/dockerconfigjson", "data": data});
    cluster(images).with("/api/v1/secrets", secret)
}

async fn collect(api: &FakeApi, more: &[&str]) -> Ran {
    Program::with_cluster(api).run(&[&["collect", "--include-images", "--retries", "0"], more].concat()).await
}

/// `source name kubelet outcome class` of each access.
fn access(image: &Value) -> Vec<String> {
    let shown = |a: &Value| {
        [
            text(&a["source"]),
            text(&a["name"]),
            if a["kubelet"] == true { "kubelet" } else { "ours" },
            text(&a["outcome"]),
        ]
        .join(" ")
        .replace("  ", " ")
    };
    image["access"].as_array().map(|all| all.iter().map(shown).collect()).unwrap_or_default()
}

fn has_password(headers: &HeaderMap) -> bool {
    let right = format!("Basic {}", STANDARD.encode(format!("puller:{PASSWORD}")));
    headers.get(header::AUTHORIZATION).is_some_and(|value| value == right.as_str())
}

fn challenge(challenge: &str) -> Fault {
    Fault::Answer((StatusCode::UNAUTHORIZED, [(header::WWW_AUTHENTICATE, challenge.to_owned())]).into_response())
}

fn basic(request: &request::Parts) -> Option<Fault> {
    (!has_password(&request.headers)).then(|| challenge("Basic realm=\"sample\""))
}

/// A registry with a token server of its own.
fn bearer(request: &request::Parts) -> Option<Fault> {
    if request.uri.path() == "/token" {
        let is_right = has_password(&request.headers) && request.uri.query().unwrap_or_default().contains("scope=");
        let (status, body) = match is_right {
            true => (StatusCode::OK, json!({"token": TOKEN, "expires_in": 300})),
            false => (StatusCode::UNAUTHORIZED, json!({"errors": [{"code": "UNAUTHORIZED", "message": "who?"}]})),
        };
        return Some(Fault::status(status, body.to_string()));
    }
    let shown = request.headers.get(header::AUTHORIZATION)?.to_str().ok();
    (shown != Some(&format!("Bearer {TOKEN}"))).then(|| challenge("Bearer realm=\"never\""))
}

/// The same, and the challenge for whoever shows nothing, which names the host that was asked.
fn token(request: &request::Parts) -> Option<Fault> {
    if request.uri.path() == "/token" || request.headers.contains_key(header::AUTHORIZATION) {
        return bearer(request);
    }
    let host = request.headers[header::HOST].to_str().unwrap();
    let scope = "repository:acme/web:pull";
    Some(challenge(&format!(r#"Bearer realm="http://{host}/token",service="sample",scope="{scope}""#)))
}

#[tokio::test]
async fn a_pods_pull_secret_opens_its_image() {
    let (basic, _) = registry(basic).await;
    let (bearer, _) = registry(token).await;
    for registry in [basic, bearer] {
        let image = format!("{}/acme/web:v3.2.1", registry.host());
        let api = cluster_with_login(slice::from_ref(&image), &registry.host(), PASSWORD).start().await;
        let ran = collect(&api, &["-vv"]).await.exits(0);
        let facts = ran.bundle().facts();
        let found = facts.image(&image);
        assert_eq!((&found["status"], classes(found)), (&json!("resolved"), vec![]), "{found}");
        assert_eq!(access(found), ["pull-secret login kubelet accepted"]);
        assert_eq!(found["access"][0]["namespaces"], json!(["shop"]));
        assert_eq!(found["variants"][0]["platform"], "linux/amd64");
        assert_eq!((facts.gaps(), facts.findings()), (vec![], vec![]));
        ran.bundle().has_none_of(&[PASSWORD, TOKEN]);
        assert_none_of("stderr", &ran.stderr, &[PASSWORD, TOKEN]);
        assert!(ran.stderr.contains("DEBUG"));
    }
}

#[tokio::test]
async fn a_wrong_password_is_told_by_the_secrets_name() {
    for registry in [registry(basic).await.0, registry(token).await.0] {
        let image = format!("{}/acme/web:v3.2.1", registry.host());
        let api = cluster_with_login(slice::from_ref(&image), &registry.host(), "s3cr3t-but-wrong").start().await;
        let ran = collect(&api, &["-vv"]).await.exits(0).says(&["unauthorized"]);
        let facts = ran.bundle().facts();
        let found = facts.image(&image);
        assert_eq!((&found["status"], classes(found)), (&json!("failed"), vec!["unauthorized"]), "{found}");
        assert_eq!(access(found)[0], "pull-secret login kubelet refused");
        assert_eq!(found["access"][0]["class"], "unauthorized");
        ran.bundle().has_none_of(&["s3cr3t-but-wrong"]);
        assert_none_of("stderr", &ran.stderr, &["s3cr3t-but-wrong"]);
    }
}

#[tokio::test]
async fn our_own_login_never_reads_as_the_clusters() {
    let (registry, _) = registry(basic).await;
    let image = format!("{}/acme/web:v3.2.1", registry.host());
    let api = cluster(slice::from_ref(&image)).start().await;
    let login = json!({"auths": {registry.host(): {"auth": STANDARD.encode(format!("puller:{PASSWORD}"))}}});
    let program = Program::with_cluster(&api);
    program.write("auth.json", login.to_string());
    std::fs::create_dir(program.home().join(".docker")).unwrap();
    let collect = ["collect", "--include-images", "--retries", "0", "-vv", "--no-pull-secrets"];
    for (name, arguments, source) in
        [("a.tar.gz", &["--authfile", "auth.json"][..], "authfile"), ("b.tar.gz", &[][..], "docker-config")]
    {
        let ran = program.run(&[&collect[..], arguments, &["-o", name]].concat()).await.exits(0);
        let facts = ran.bundle().facts();
        let found = access(facts.image(&image));
        assert!(found[0].starts_with(source) && found[0].ends_with("ours accepted"), "{found:?}");
        ran.bundle().has_none_of(&[PASSWORD]);
        assert_none_of("stderr", &ran.stderr, &[PASSWORD]);
        std::fs::write(program.home().join(".docker/config.json"), login.to_string()).unwrap();
    }
}

#[tokio::test]
async fn a_missing_secret_is_skipped_and_told() {
    let (registry, _) = registry(|_| None).await;
    let image = format!("{}/acme/web:v3.2.1", registry.host());
    let api = cluster(slice::from_ref(&image)).start().await;
    let facts: Facts = collect(&api, &[]).await.exits(0).bundle().facts();
    assert_eq!(facts.image(&image)["status"], "resolved");
    assert!(access(facts.image(&image)).iter().any(|access| access == "anonymous kubelet accepted"));
    assert_eq!(facts.findings(), ["pull-secret-missing "]);
    assert_eq!(text(&facts.0["findings"][0]["subjects"][0]["name"]), "login");
}

/// How each repository's manifests go wrong, and the class that this is told as.
fn fault(path: &str) -> Option<Fault> {
    let status = |status: StatusCode| Some(Fault::status(status, r#"{"errors":[{"code":"X","message":"told"}]}"#));
    match path.strip_prefix("/v2/")?.split("/manifests/").next()? {
        "acme/api" => status(StatusCode::INTERNAL_SERVER_ERROR),
        "acme/billing" => status(StatusCode::FORBIDDEN),
        "acme/cache" => Some(Fault::Corrupt),
        "acme/migrate" => Some(Fault::status(StatusCode::OK, "<html>Log in to the hotel's network</html>")),
        "acme/tax-tables" => Some(Fault::status(StatusCode::OK, vec![b' '; 5 << 20])),
        "acme/fraud-model" => Some(Fault::Hang),
        "library/postgres" => Some(Fault::Cut(10)),
        _ => None,
    }
}

#[tokio::test]
async fn every_failure_has_its_class_and_the_run_goes_on() {
    let (registry, _) = registry(|request| fault(request.uri.path())).await;
    let host = registry.host();
    let nobody = nobody();
    let expected = [
        (format!("{host}/acme/api:v2.4"), "server"),
        (format!("{host}/acme/billing:5.1.2"), "forbidden"),
        (format!("{host}/acme/cache:latest"), "digest-mismatch"),
        (format!("{host}/acme/fraud-model:2026-10"), "timeout"),
        (format!("{host}/acme/migrate:v12"), "invalid-content"),
        (format!("{host}/acme/tax-tables:2026.4"), "too-large"),
        (format!("{host}/acme/web:gone"), "not-found"),
        (format!("{host}/library/postgres:17.2"), "connect"),
        (format!("{nobody}/acme/web:v1"), "connect"),
    ];
    let mut images: Vec<String> = expected.iter().map(|(image, _)| image.clone()).collect();
    images.push(format!("{host}/acme/web:v3.2.1"));
    let api = cluster(&images).start().await;
    let ran = collect(&api, &["--registry-timeout", "700ms", "--no-pull-secrets"]).await.exits(0);
    let facts = ran.bundle().facts();
    for (image, class) in &expected {
        let found = facts.image(image);
        assert_eq!((classes(found), &found["status"]), (vec![*class], &json!("failed")), "{found}");
        let message = text(&found["errors"][0]["message"]);
        assert!(message.contains("; "), "what to do: {message}");
    }
    assert_eq!(facts.image(images.last().unwrap())["status"], "resolved");
    assert_eq!(facts.0["summary"]["errorsByClass"]["connect"], 2);
}

#[tokio::test]
async fn a_host_that_asks_for_patience_gets_it() {
    let asked = std::sync::atomic::AtomicUsize::new(0);
    let limited = move |request: &request::Parts| {
        let is_first =
            request.uri.path().contains("/manifests/") && asked.fetch_add(1, std::sync::atomic::Ordering::SeqCst) == 0;
        let headers = [(header::RETRY_AFTER, "1")];
        is_first.then(|| Fault::Answer((StatusCode::TOO_MANY_REQUESTS, headers).into_response()))
    };
    let (registry, _) = registry(limited).await;
    let image = format!("{}/acme/web:v3.2.1", registry.host());
    let api = cluster(slice::from_ref(&image)).start().await;
    let program = Program::with_cluster(&api);
    let ran = program.run(&["collect", "--include-images", "--progress", "json", "-o", "b.tar.gz"]).await.exits(0);
    let events = ran.events();
    let paused: Vec<&Value> = events.iter().filter(|event| event["event"] == "paused").collect();
    assert_eq!((paused.len(), text(&paused[0]["host"])), (1, registry.host().as_str()), "{paused:?}");
    assert_eq!(events.last().unwrap()["resolved"], 1);
}

#[tokio::test]
async fn the_platforms_asked_for_are_described_and_nothing_is_fetched_twice() {
    let (registry, log) = registry(|_| None).await;
    let image = format!("{}/library/busybox:1.37", registry.host());
    let api = cluster(&[image.clone(), image.clone()]).start().await;
    for (arguments, expected) in [
        (&[][..], &["linux/amd64"][..]),
        (&["--platform", "linux/arm64"], &["linux/arm64"]),
        (&["--platform", "linux/amd64", "--platform", "linux/arm/v7"], &["linux/amd64", "linux/arm/v7"]),
        (&["--all-platforms"], &["linux/amd64", "linux/arm/v7", "linux/arm64"]),
    ] {
        let before = log.entries().len();
        let facts = collect(&api, arguments).await.exits(0).bundle().facts();
        let variants = facts.image(&image)["variants"].as_array().unwrap();
        let platforms: Vec<&str> = variants.iter().map(|variant| text(&variant["platform"])).collect();
        assert_eq!(platforms, expected, "{arguments:?}");
        let mut paths: Vec<String> = log.entries().split_off(before).into_iter().map(|asked| asked.path).collect();
        // The index, and for each platform a manifest and its config; never a layer.
        assert_eq!(paths.len(), 1 + 2 * expected.len(), "{paths:?}");
        paths.sort();
        paths.dedup();
        assert_eq!(paths.len(), 1 + 2 * expected.len(), "something was fetched twice");
    }
}
