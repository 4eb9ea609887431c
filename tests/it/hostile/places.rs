//! Where a server sends us: by a realm, by a redirect, by a URL in a document.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use serde_json::json;

use super::{Attack, Image, Reply, Scene, Server, challenge_of, reply};

/// Passwords for each of these servers, for the program's environment.
fn logins<'a>(servers: impl IntoIterator<Item = &'a Server>) -> String {
    let entry = |server: &Server| (server.address.to_string(), json!({"username": "alice", "password": "canary"}));
    json!({"auths": servers.into_iter().map(entry).collect::<serde_json::Map<_, _>>()}).to_string()
}

#[tokio::test]
async fn nobody_sends_us_to_places_of_the_machine_or_the_cloud() {
    let trap = Server::http(|_| reply(200, r#"{"token":"t"}"#)).await;
    let with_user = format!("http://root:toor@{}/", trap.address);
    let other_scheme = format!("ftp://{}/", trap.address);
    let mut attacks = Vec::new();
    for (name, place) in [
        ("aws", "http://169.254.169.254/latest/meta-data"),
        ("aws6", "http://[fd00:ec2::254]/"),
        ("gcp6", "http://[fd20:ce::254]/"),
        ("azure", "http://168.63.129.16/"),
        ("alibaba", "http://100.100.100.200/"),
        ("oracle", "http://192.0.0.192/opc/v1"),
        ("ecs", "https://169.254.170.2/v2/credentials"),
        ("mapped", "http://[::ffff:169.254.169.254]/"),
        ("compatible", "http://[::169.254.169.254]/"),
        ("translated", "http://[64:ff9b::a9fe:a9fe]/"),
        ("translated-here", "http://[64:ff9b:1::a9fe:a9fe]/"),
        ("link", "http://[fe80::1]/"),
        ("decimal", "http://2852039166/"),
        ("hexadecimal", "http://0xa9fea9fe/"),
        ("octal", "http://0251.0376.0251.0376/"),
        ("shortened", "http://169.254.43518/"),
        ("encoded", "http://%31%36%39.254.169.254/"),
        ("everyone", "http://255.255.255.255/"),
        ("file", "file:///etc/passwd"),
        ("user", &with_user),
        ("ftp", &other_scheme),
        ("nothing", "http://"),
    ] {
        let (realm, location) = (place.to_owned(), place.to_owned());
        attacks.push(Attack::new(name, "refused", move |_| challenge_of(&realm)).await);
        attacks.push(Attack::new(name, "refused", move |_| reply(307, "").with("location", location.clone())).await);
    }
    let logins = logins(attacks.iter().map(|attack| &attack.server));
    Scene::new().await.with("DOCKER_AUTH_CONFIG", &logins).endure(&attacks, &[]).await;
    assert_eq!(trap.connections(), 0);
    for attack in &attacks {
        let seen = attack.server.seen();
        assert_eq!(seen.len(), 1, "{}", attack.name);
        assert_eq!(seen[0].authorization(), None);
    }
}

/// Behind a proxy nobody knows a server's address, so that it counts as public: it may not send us into our network.
#[tokio::test]
async fn a_public_registry_does_not_send_us_into_a_private_network() {
    let trap = Server::http(|_| reply(200, r#"{"token":"t"}"#)).await;
    let port = trap.address.port();
    let places: Vec<String> = ["127.0.0.1", "127.1", "0.0.0.0", "2130706433", "[::1]", "localhost"]
        .map(|host| format!("http://{host}:{port}/x"))
        .into_iter()
        .chain(
            ["http://10.0.0.1/x", "http://192.168.1.1/x", "http://[fd12::1]/x", "http://100.64.0.1/x"]
                .map(str::to_owned),
        )
        .collect();
    let named = places.clone();
    let proxy = Server::http(move |seen| {
        let place = |path: &str| named[path.split('/').nth(4).unwrap()[1..].parse::<usize>().unwrap()].clone();
        match seen.path.strip_prefix("http://registry.example") {
            Some(path) if path.contains("/v2/realm/") => {
                challenge_of(&place(&seen.path[..].replace("http://registry.example", "h:/")))
            }
            Some(_) => reply(302, "").with("location", place(&seen.path.replace("http://registry.example", "h:/"))),
            None => Reply::Raw(""),
        }
    })
    .await;
    let url = format!("http://{}", proxy.address);
    let scene = Scene::new().await.with("http_proxy", &url).with("https_proxy", &url);
    let scene =
        scene.with("REGISTRY_REGISTRY_EXAMPLE_USERNAME", "alice").with("REGISTRY_REGISTRY_EXAMPLE_PASSWORD", "canary");
    let references: Vec<String> = ["realm", "redirect"]
        .iter()
        .flat_map(|kind| (0..places.len()).map(move |at| format!("registry.example/{kind}/p{at}:1")))
        .collect();
    let facts = scene.collect(&references, &["--insecure-registry", "registry.example"]).await;
    for reference in &references {
        let error = &facts.image(reference)["errors"][0];
        assert_eq!(error["class"], "refused", "{reference}: {error}");
    }
    assert_eq!(trap.connections(), 0);
    assert!(proxy.seen().iter().all(|seen| seen.authorization().is_none()));
    let asked = proxy.seen().iter().filter(|seen| seen.path.starts_with("http://")).count();
    assert_eq!(asked, references.len(), "each was asked for once");
}

#[tokio::test]
async fn whoever_was_left_is_not_trusted_again() {
    // The registry redirects to another server, which redirects back to it.
    let home = Arc::new(std::sync::Mutex::new(String::new()));
    let back = Arc::clone(&home);
    let other = Server::http(move |_| reply(302, "").with("location", back.lock().unwrap().clone())).await;
    let away = format!("http://{}/x", other.address);
    let server = Server::http(move |seen| match (seen.path.as_str(), seen.authorization()) {
        ("/back", _) => reply(200, Image::good().manifest),
        (_, None) => reply(401, "{}").with("www-authenticate", "Basic realm=\"x\""),
        (path, Some(_)) if path.contains("/manifests/") => reply(302, "").with("location", away.clone()),
        _ => Image::good().answer(seen),
    })
    .await;
    *home.lock().unwrap() = format!("http://{}/back", server.address);
    let attack = Attack { name: "a", server, class: "" };
    let scene = Scene::new().await.with("DOCKER_AUTH_CONFIG", &logins([&attack.server]));
    scene.endure(std::slice::from_ref(&attack), &[]).await;
    let back = attack.server.seen().into_iter().find(|seen| seen.path == "/back").unwrap();
    assert_eq!(back.authorization(), None);
    assert!(other.seen().iter().all(|seen| seen.authorization().is_none()));
}

#[tokio::test]
async fn a_circle_of_servers_ends() {
    let places = Arc::new(std::sync::Mutex::new(Vec::<String>::new()));
    let hops = Arc::new(AtomicUsize::new(0));
    let mut attacks = Vec::new();
    for name in ["a", "b", "c"] {
        let (places, hops) = (Arc::clone(&places), Arc::clone(&hops));
        let answer = move |_: &_| {
            let places = places.lock().unwrap();
            let next = hops.fetch_add(1, SeqCst);
            reply(308, "").with("location", format!("{}/{next}", places[next % places.len()]))
        };
        attacks.push(Attack::new(name, "refused", answer).await);
    }
    places.lock().unwrap().extend(attacks.iter().map(|attack| format!("http://{}", attack.server.address)));
    Scene::new().await.endure(&attacks, &[]).await;
    assert_eq!(hops.load(SeqCst), 3 * 6, "five redirects of each image were followed");
}

#[tokio::test]
async fn urls_in_documents_are_never_fetched() {
    let trap = Server::http(|_| reply(200, "{}")).await;
    let urls = json!([format!("http://{}/layer", trap.address), "http://169.254.169.254/"]);
    let image = |name: &str| {
        let config = json!({"os": "linux", "architecture": "amd64", "config": {"Labels": {"name": name}}});
        Image::changed(&config.to_string(), |manifest| {
            manifest["config"]["urls"] = urls.clone();
            manifest["layers"][0]["urls"] = urls.clone();
            manifest["layers"][0]["mediaType"] = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip".into();
            manifest["urls"] = urls.clone();
        })
    };
    let (parts, image) = (image("image"), image("index"));
    let mut entry = image.entry();
    entry["urls"] = urls.clone();
    let index = json!({"schemaVersion": 2, "mediaType": super::image::INDEX, "manifests": [entry]}).to_string();
    let attacks = [
        Attack::new("image", "", move |seen| parts.answer(seen)).await,
        Attack::new("index", "", move |seen| match seen.path.ends_with("/manifests/1") {
            true => reply(200, index.clone()),
            false => image.answer(seen),
        })
        .await,
    ];
    Scene::new().await.endure(&attacks, &[]).await;
    assert_eq!(trap.connections(), 0);
    let lines: usize = attacks.iter().map(|attack| attack.server.lines().len()).sum();
    assert_eq!(lines, 2 + 3, "manifest and config; index, manifest and config");
}
