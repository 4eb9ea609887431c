//! A real registry, guarded in three ways, behind a network that is slow, drops connections and asks to come later.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use reqwest::Client;
use serde_json::{Value, json};

use crate::cli::program::Program;
use crate::registry_client::server::{Forward, Reply, Seen, Server, reply};
use crate::support::http::{client, client_that_trusts};
use crate::support::real::{DebianRegistry, Guard, PASSWORD, USER, UmociImage, copy};
use crate::support::tls::Authority;
use crate::support::token_server::TokenServer;

/// Images at each registry: so many repositories, each with so many tags.
const REPOSITORIES: usize = 20;
const TAGS: usize = 10;
const TOKEN_PASSWORD: &str = "s3cr3t-canary-tokens";

/// Fills `registry` with an image under many names: its blobs are mounted, its manifest is put.
async fn fill(registry: &DebianRegistry) {
    let host = registry.host();
    let there = format!("docker://{host}/real/umoci:v1");
    tokio::task::spawn_blocking(move || copy(&UmociImage::build().source(), &there)).await.unwrap();
    let (client, base) = (client(), format!("http://{host}/v2"));
    let url = format!("{base}/real/umoci/manifests/v1");
    let media_type = imagefacts::image::MediaType::ACCEPT.split(',').nth(2).unwrap().trim();
    let manifest = client.get(url).header("accept", media_type).send().await.unwrap().bytes().await.unwrap();
    let parsed: Value = serde_json::from_slice(&manifest).unwrap();
    let layers = parsed["layers"].as_array().unwrap().iter().chain([&parsed["config"]]);
    let blobs: Vec<&str> = layers.map(|blob| blob["digest"].as_str().unwrap()).collect();
    for repository in 0..REPOSITORIES {
        for blob in &blobs {
            let url = format!("{base}/team/app{repository}/blobs/uploads/?mount={blob}&from=real/umoci");
            assert_eq!(client.post(url).send().await.unwrap().status(), 201);
        }
        for tag in 0..TAGS {
            let url = format!("{base}/team/app{repository}/manifests/t{tag}");
            let put = client.put(url).header("content-type", media_type).body(manifest.clone());
            assert_eq!(put.send().await.unwrap().status(), 201);
        }
    }
}

/// Goes wrong the first time that something is asked for, in another way each time; every third thing twice.
fn unsteady(to: &str, client: Client) -> impl Fn(&Seen) -> Reply + Send + Sync + 'static {
    // By path: which came how early, and how often it was asked for.
    let (to, asked) = (to.to_owned(), Arc::new(Mutex::new(HashMap::<String, (usize, usize)>::new())));
    move |seen| {
        let (turn, before) = {
            let mut asked = asked.lock().unwrap();
            let turn = asked.len();
            let (turn, before) = asked.entry(seen.path.clone()).or_insert((turn, 0));
            *before += 1;
            (*turn, *before)
        };
        match (turn % 4, before) {
            (0, 1) => Reply::Raw(""),
            (1, 1) => reply(429, "").with("retry-after", "1"),
            (2, 1) => Reply::Raw("HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n{"),
            (_, 2) if turn.is_multiple_of(3) => reply(429, ""),
            _ => Reply::Forward(Forward { client: client.clone(), to: to.clone(), after: Duration::from_millis(20) }),
        }
    }
}

/// What pods in `namespace` need to pull 200 images of `host`.
fn objects(namespace: &str, host: &str, login: Option<(&str, &str)>) -> Vec<Value> {
    let names =
        (0..REPOSITORIES).flat_map(|repository| (0..TAGS).map(move |tag| format!("team/app{repository}:t{tag}")));
    let containers: Vec<Value> = names
        .enumerate()
        .map(|(at, name)| json!({"name": format!("c{at}"), "image": format!("{host}/{name}")}))
        .collect();
    let secrets: Vec<Value> = login.iter().map(|_| json!({"name": "pull"})).collect();
    let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "namespace": namespace},
        "spec": {"containers": containers, "imagePullSecrets": secrets}});
    let secret = login.map(|(user, password)| {
        let config = json!({"auths": {host: {"username": user, "password": password}}}).to_string();
        let data = base64::engine::general_purpose::STANDARD.encode(config);
        json!({"apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/dockerconfigjson",
            "metadata": {"name": "pull", "namespace": namespace}, "data": {".dockerconfigjson": data}})
    });
    [pod].into_iter().chain(secret).collect()
}

/// Every `Authorization` that a server was shown.
fn shown(server: &Server) -> Vec<String> {
    server.seen().iter().filter_map(|seen| seen.authorization().map(str::to_owned)).collect()
}

#[tokio::test]
#[ignore = "needs docker-registry, skopeo and umoci; tests/run installs them"]
async fn two_hundred_images_at_each_of_three_guarded_registries() {
    let tokens = TokenServer::start("token-user", TOKEN_PASSWORD).await;
    let open = tokio::task::spawn_blocking(|| DebianRegistry::start(Guard::Open)).await.unwrap();
    fill(&open).await;
    let beside = |guard| DebianRegistry::beside(guard, &open);
    let (password, tls, token) = (beside(Guard::Password), beside(Guard::Tls), beside(Guard::Token(&tokens)));

    let authority = Authority::new();
    let by_password = Server::http(unsteady(&format!("http://{}", password.host()), client())).await;
    let inner = client_that_trusts(&tls.authority());
    let acceptor = authority.acceptor("127.0.0.1", |_| {});
    let by_tls = Server::https(acceptor, unsteady(&format!("https://{}", tls.host()), inner)).await;
    let by_token = Server::http(unsteady(&format!("http://{}", token.host()), client())).await;

    let items: Vec<Value> = [
        objects("passwords", &by_password.address.to_string(), Some((USER, PASSWORD))),
        objects("certificates", &by_tls.address.to_string(), None),
        objects("tokens", &by_token.address.to_string(), Some(("token-user", TOKEN_PASSWORD))),
    ]
    .concat();
    let program = Program::new();
    program.write("cluster.json", json!({"apiVersion": "v1", "kind": "List", "items": items}).to_string());
    program.write("ca.pem", authority.pem());
    let scope = ["collect", "--include-images", "--from", "cluster.json", "--platform", "linux/amd64", "-vvv"];
    let ran =
        program.run(&[&scope[..], &["--ca-file", "ca.pem", "--strict", "--progress", "plain"]].concat()).await.exits(0);
    let bundle = ran.bundle();
    let facts = bundle.facts();
    assert_eq!(facts.0["summary"]["resolved"], 3 * REPOSITORIES * TAGS);

    // Nobody saw what was not for them.
    let basic = |user: &str, password: &str| {
        format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}")))
    };
    assert!(shown(&by_password).iter().all(|sent| *sent == basic(USER, PASSWORD)));
    assert_eq!(shown(&by_tls), [""; 0]);
    assert!(shown(&by_token).iter().all(|sent| sent.starts_with("Bearer ")));
    assert!(shown(&tokens.server).iter().all(|sent| *sent == basic("token-user", TOKEN_PASSWORD)));
    assert_eq!(tokens.server.lines().len(), REPOSITORIES, "one token for each repository");
    assert!(!shown(&by_password).is_empty() && !shown(&by_token).is_empty());
    let secrets = [PASSWORD, TOKEN_PASSWORD];
    for log in [open.log(), password.log(), tls.log(), token.log(), ran.stderr.clone()] {
        crate::cli::bundle::assert_none_of("a log", &log, &secrets);
    }
    bundle.has_none_of(&secrets);
}
