//! Docker Hub: three hosts, a quota that GETs of manifests use up, and 401 for what does not exist.

use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

use super::*;

const REGISTRY: &str = "registry-1.docker.io";
const BLOBS: &str = "https://production.cloudflare.docker.com/registry-v2/docker/registry/v2/blobs/c0ffee/data";

/// Docker Hub for somebody who has `left` of 100 pulls left.
fn docker_hub(left: u64) -> impl Fn(&Seen) -> Reply + Send + Sync + 'static {
    let left = AtomicU64::new(left);
    move |seen| match seen.headers["host"].as_str() {
        "auth.docker.io" => auth(seen),
        REGISTRY => registry(seen, &left),
        _ => storage(seen),
    }
}

fn auth(seen: &Seen) -> Reply {
    assert_eq!(query(seen, "service").as_deref(), Some("registry.docker.io"), "{seen:?}");
    let name = match seen.authorization() {
        Some(sent) if sent == basic("alice", RIGHT) => "alice",
        Some(_) => return reply(401, r#"{"details":"incorrect username or password"}"#),
        None => "nobody",
    };
    reply(200, format!(r#"{{"token":"canary-token-{name}","access_token":"canary-token-{name}","expires_in":300}}"#))
}

fn registry(seen: &Seen, left: &AtomicU64) -> Reply {
    let Some(place) = Place::of(seen) else { return challenge(&[&wanted(None)]) };
    let is_public = place.repository.starts_with("library/") && place.repository != "library/none";
    let is_allowed = match seen.authorization() {
        Some("Bearer canary-token-alice") => is_public || place.repository == "acme/private",
        Some(_) => is_public,
        None => false,
    };
    if !is_allowed {
        return challenge(&[&wanted(Some(&place))]);
    }
    let content = place.content(Some(BLOBS));
    if place.kind == "blobs" {
        return content;
    }
    if seen.method == "GET" {
        left.fetch_sub(1, SeqCst);
    }
    let remaining = left.load(SeqCst);
    content.with("ratelimit-limit", "100;w=21600").with("ratelimit-remaining", format!("{remaining};w=21600"))
}

fn wanted(place: Option<&Place<'_>>) -> String {
    let scope = place.map(|place| format!(r#",scope="{}""#, place.scope())).unwrap_or_default();
    format!(r#"Bearer realm="https://auth.docker.io/token",service="registry.docker.io"{scope}"#)
}

fn login(password: &str) -> [(&'static str, &str); 2] {
    [("DOCKER_USERNAME", "alice"), ("DOCKER_PASSWORD", password)]
}

/// Manifests that were fetched: what the quota counts.
fn pulls(internet: &Internet) -> usize {
    let manifests = internet.asked(REGISTRY).into_iter().filter(|seen| seen.path.contains("/manifests/"));
    manifests.filter(|seen| seen.method == "GET").count()
}

/// The pods of a cluster that uses `images`.
fn pods(images: &[String]) -> String {
    let pod = |(at, image): (usize, &String)| {
        json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": {"name": format!("pod-{at}"), "namespace": "shop"},
            "spec": {"containers": [{"name": "c", "image": image}]},
        })
    };
    json!({"apiVersion": "v1", "kind": "List", "items": images.iter().enumerate().map(pod).collect::<Vec<_>>()})
        .to_string()
}

const COLLECT: [&str; 10] =
    ["collect", "--include-images", "--from", "-", "--platform", "linux/amd64", "--retries", "0", "--progress", "json"];

#[tokio::test]
async fn it_resolves() {
    let internet = Internet::of(docker_hub(100)).await;
    inspect(&internet, "nginx:1.29", &[]).await.is_resolved(&["anonymous accepted"]);
    internet.assert_never_logged_in_to("production.cloudflare.docker.com");
    inspect(&internet, "acme/private:v1", &login(RIGHT)).await.is_resolved(&["environment accepted"]);
}

#[tokio::test]
async fn a_wrong_password_is_refused_by_the_token_server() {
    let internet = Internet::of(docker_hub(100)).await;
    let access = ["environment refused unauthorized", "anonymous refused unauthorized"];
    let outcome = inspect(&internet, "acme/private:v1", &login(WRONG)).await;
    outcome.fails("unauthorized at token", &access);
    assert!(outcome.text.contains("incorrect username or password"), "{}", outcome.text);
}

#[tokio::test]
async fn a_missing_repository_is_unauthorized_and_the_message_says_so() {
    let internet = Internet::of(docker_hub(100)).await;
    let outcome = inspect(&internet, "none:1", &[]).await;
    outcome.fails("unauthorized at manifest", &["anonymous refused unauthorized"]);
    assert!(outcome.text.contains("a repository that does not exist"), "{}", outcome.text);
    assert_eq!(pulls(&internet), 0);
}

#[tokio::test]
async fn the_quota_is_spent_once_for_each_image() {
    let internet = Internet::of(docker_hub(100)).await;
    // Four tags of one image, one of another, and the first by its digest.
    let digest = Digest::of(&manifest("library/nginx"));
    let mut images = ["1", "1.29", "1.29.0", "latest"].map(|tag| format!("nginx:{tag}")).to_vec();
    images.extend(["redis:8".to_owned(), format!("nginx@{digest}")]);
    let ran = internet.program().run_with(&COLLECT, pods(&images)).await.exits(0);
    assert_eq!(ran.events().last().unwrap()["resolved"], 6);
    assert_eq!(pulls(&internet), 2);
}

#[tokio::test]
async fn the_last_pulls_are_left_to_the_cluster() {
    let internet = Internet::of(docker_hub(13)).await;
    let images: Vec<String> = (0..8).map(|at| format!("app-{at}:1")).map(|name| format!("library/{name}")).collect();
    let program = internet.program();
    let ran = program.run_with(&[&COLLECT[..], &["-o", "bundle.tar.gz"]].concat(), pods(&images)).await.exits(0);
    assert_eq!(pulls(&internet), 3, "13 less 10");
    let events = ran.events();
    let of = |name: &str| events.iter().filter(|event| event["event"] == name).cloned().collect::<Vec<_>>();
    let [paused] = &of("paused")[..] else { panic!("{events:?}") };
    assert_eq!(paused["host"], "docker.io");
    assert!(paused["reason"].as_str().unwrap().contains("left to the cluster"), "{paused}");
    let [gap] = &of("gap").into_iter().filter(|gap| gap["scope"] == "registry").collect::<Vec<_>>()[..] else {
        panic!("{events:?}")
    };
    assert_eq!((&gap["host"], &gap["reason"]), (&json!("docker.io"), &json!("rate-limited")));
    let finished = events.last().unwrap();
    assert_eq!((&finished["resolved"], &finished["failed"]), (&json!(3), &json!(5)), "{finished}");
    let failed = of("image").into_iter().filter(|image| image["status"] == "failed");
    for image in failed {
        assert_eq!(image["error"]["class"], "rate-limited");
        let message = image["error"]["message"].as_str().unwrap();
        assert!(message.contains("log in for a larger quota"), "{message}");
    }
}
