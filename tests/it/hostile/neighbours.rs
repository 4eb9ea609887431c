//! What a registry could do to the images of others.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;

use super::image::INDEX;
use super::{Attack, Image, Reply, Scene, Server, challenge, reply};

/// Two registries that never answer, each with more images than there are requests in flight.
#[tokio::test]
async fn those_who_are_slow_do_not_keep_others_waiting() {
    let servers = [Server::http(|_| Reply::Stall("")).await, Server::http(|_| Reply::Stall("")).await];
    let references: Vec<String> =
        servers.iter().flat_map(|server| (0..120).map(move |at| format!("{}/a{at}:1", server.address))).collect();
    let scene = Scene::new().await;
    // Who came first and is served first would not come to the good images before its end.
    let limits = ["--concurrency", "8", "--per-registry", "4", "--timeout", "20s"];
    let slow = ["--registry-timeout", "6s", "--image-timeout", "12s", "--retries", "1"];
    let ran = scene.run(&references, &[limits, slow].concat()).await;
    let bundle = ran.bundle();
    scene.assert_good(&bundle.facts());
    assert_eq!(bundle.facts().0["complete"], false);
    assert!(bundle.text("execution-data/collection.json").contains("\"reason\": \"timeout\""));
    for server in &servers {
        assert!(server.connections() > 0);
    }
}

/// A registry that names what another one has, and then does not give it: nobody waits for it there.
#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn a_document_that_one_withholds_is_had_from_another() {
    let image = |name: &str| {
        Image::of(&json!({"os": "linux", "architecture": "amd64", "config": {"Labels": {"name": name}}}).to_string())
    };
    let is_top = |path: &str| path.ends_with("/manifests/1");
    let (first, second) = (image("first"), image("second"));
    let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [first.entry()]}).to_string();
    let (theirs, child, own) = (index.clone(), first.clone(), second.clone());
    let withheld = Arc::new(AtomicUsize::new(0));
    let (one, other) = (Arc::clone(&withheld), Arc::clone(&withheld));
    let withhold = |asked: &AtomicUsize| {
        asked.fetch_add(1, Ordering::SeqCst);
        Reply::Stall("")
    };
    let later = move |reply: Reply| {
        // So that both who withhold it have been asked for it before.
        let is_early = || withheld.load(Ordering::SeqCst) < 2;
        (0..500).take_while(|_| is_early()).for_each(|_| std::thread::sleep(std::time::Duration::from_millis(10)));
        reply
    };
    let later_too = later.clone();
    let attacks = [
        Attack::new("withholds-manifest", "timeout", move |seen| match is_top(&seen.path) {
            true => reply(200, theirs.clone()),
            false => withhold(&one),
        })
        .await,
        Attack::new("withholds-config", "timeout", move |seen| match is_top(&seen.path) {
            true => reply(200, own.manifest.clone()),
            false => withhold(&other),
        })
        .await,
        Attack::new("owner-of-manifest", "", move |seen| match is_top(&seen.path) {
            true => later(reply(200, index.clone())),
            false => child.answer(seen),
        })
        .await,
        Attack::new("owner-of-config", "", move |seen| match is_top(&seen.path) {
            true => later_too(second.answer(seen)),
            false => second.answer(seen),
        })
        .await,
    ];
    let facts = Scene::new().await.endure(&attacks, &[]).await;
    for owner in &attacks[2..] {
        assert_eq!(facts.image(&owner.reference())["status"], "resolved");
    }
}

/// The scope that a challenge names may be another repository's: the token that it brings serves none but this one.
#[tokio::test]
async fn tokens_and_passwords_stay_with_their_repository() {
    let image = Image::good();
    let server = Server::http(move |seen| {
        if let Some(query) = seen.path.strip_prefix("/token?") {
            let user = seen.authorization().map_or("nobody", |_| "somebody");
            return reply(200, json!({"token": format!("{user}.{}", query.len())}).to_string());
        }
        match seen.authorization() {
            Some(token) if token.starts_with("Bearer ") => image.answer(seen),
            // Every repository's challenge asks for the same scope.
            _ => challenge(seen),
        }
    })
    .await;
    let host = server.address.to_string();
    let entry = |password: &str| json!({"username": "u", "password": password});
    let auths =
        json!({"auths": {format!("{host}/team-a"): entry("canary-a"), format!("{host}/team-b"): entry("canary-b")}});
    let references: Vec<String> =
        ["team-a/x", "team-b/x", "team-c/x"].iter().map(|path| format!("{host}/{path}:1")).collect();
    let scene = Scene::new().await.with("DOCKER_AUTH_CONFIG", &auths.to_string());
    let facts = scene.collect(&references, &[]).await;
    for reference in &references {
        assert_eq!(facts.image(reference)["status"], "resolved");
    }
    let mut shown: Vec<_> = server
        .seen()
        .into_iter()
        .filter(|seen| seen.path.starts_with("/token"))
        .map(|seen| seen.authorization().map(str::to_owned))
        .collect();
    shown.sort();
    let basic = |password: &str| {
        use base64::Engine as _;
        Some(format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(format!("u:{password}"))))
    };
    assert_eq!(shown, [None, basic("canary-a"), basic("canary-b")]);
    for seen in server.seen().iter().filter(|seen| seen.path.starts_with("/v2/")) {
        let sent = seen.authorization().unwrap_or_default();
        assert!(!sent.starts_with("Basic "), "a registry that wants tokens is shown no password");
        let expected = if seen.path.starts_with("/v2/team-c/") { "nobody" } else { "somebody" };
        assert!(sent.is_empty() || sent.contains(expected), "{} was sent {sent}", seen.path);
    }
}
