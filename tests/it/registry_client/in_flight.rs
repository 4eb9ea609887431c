//! How many requests are in flight to a server at once.

use std::io::Write as _;
use std::sync::Arc;

use axum::http::Version;
use imagefacts::credentials::Credential;
use imagefacts::event::Events;
use imagefacts::image::{Failure, Repository};
use imagefacts::limits::Limits;
use imagefacts::registry::{Address, Mirror, RegistryClient, RegistryOptions, Upstream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use super::certificates::{authority, named, server_config};
use super::client_with;
use super::held::Held;
use super::server::{Server, reply, repository};

/// Asks for `count` images at once, each in a repository of its own.
fn ask(client: &RegistryClient, host: &str, count: usize) -> JoinSet<Result<(), Failure>> {
    let repositories: Vec<Repository> = (0..count).map(|nth| repository(&format!("{host}/a{nth}"))).collect();
    let ask = |repository: Repository| {
        let session = client.session();
        async move { session.manifest(&repository, "1", &Credential::Anonymous).await.map(drop) }
    };
    repositories.into_iter().map(ask).collect()
}

fn client(limits: &Limits) -> RegistryClient {
    client_with(&RegistryOptions::default(), limits, Events::none())
}

#[tokio::test]
async fn more_are_in_flight_while_all_goes_well_and_half_as_many_after_trouble() {
    let server = Held::start(None).await;
    let asking = ask(&client(&Limits::default()), &server.address.to_string(), 300);
    server.holds(32).await;
    server.answer(32, 200);
    server.holds(64).await;
    // Those that fail together count once.
    server.answer(64, 429);
    server.holds(32).await;
    server.answer(32, 200);
    server.holds(33).await;
    server.answer(1, 503);
    server.holds(32).await;
    // One left, and 16 is what there may be.
    server.answer(17, 200);
    server.holds(16).await;
    server.open();
    assert!(asking.join_all().await.iter().all(Result::is_ok));
    assert_eq!(server.most(), 64);
}

/// Its images would be tried one after the other, to no avail.
#[tokio::test]
async fn a_server_that_is_down_is_not_asked_less_and_less() {
    let server = Held::start(None).await;
    let asking = ask(&client(&Limits::default()), &server.address.to_string(), 100);
    server.holds(32).await;
    server.answer(32, 502);
    for _ in 0..3 {
        server.holds(16).await;
        server.answer(16, 502);
    }
    server.open();
    asking.join_all().await;
    assert_eq!(server.most(), 32);
}

#[tokio::test]
async fn refusals_are_no_trouble() {
    for status in [401, 403, 404] {
        let server = Held::start(None).await;
        let asking = ask(&client(&Limits::default()), &server.address.to_string(), 100);
        server.holds(32).await;
        server.answer(32, status);
        server.holds(64).await;
        server.open();
        assert_eq!(asking.join_all().await.iter().filter(|outcome| outcome.is_err()).count(), 32);
    }
}

#[tokio::test]
async fn what_a_user_allows_is_never_exceeded() {
    for (concurrency, per_registry, own, most) in
        [(64, Some(5), None, 5), (64, Some(5), Some(7), 7), (10, None, None, 10), (64, Some(40), None, 40)]
    {
        let server = Held::start(None).await;
        let limits = Limits { concurrency, per_registry, ..Limits::default() };
        let mut options = RegistryOptions::default();
        options.host(&server.address.to_string()).per_registry = own;
        let asking = ask(&client_with(&options, &limits, Events::none()), &server.address.to_string(), 100);
        let at_first = most.min(32);
        server.holds(at_first).await;
        server.answer(at_first, 200);
        server.holds(most).await;
        server.open();
        assert!(asking.join_all().await.iter().all(Result::is_ok));
        assert_eq!(server.most(), most);
    }
}

/// A server that offers `protocols` over TLS, and a client that knows it as `registry.example`.
async fn tls(protocols: &[&[u8]]) -> (Held, RegistryClient) {
    let authority = authority("Corp Root");
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(authority.pem().as_bytes()).unwrap();
    let mut config = server_config(&authority, named("localhost"));
    config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
    let server = Held::start(Some(TlsAcceptor::from(Arc::new(config)))).await;
    let address = Address::parse(&format!("https://localhost:{}", server.address.port())).unwrap();
    let upstream = Upstream { mirrors: Vec::new(), server: Some(Mirror::at(address)) };
    let options = RegistryOptions {
        ca_files: vec![file.path().to_owned()],
        upstreams: [("registry.example".to_owned(), upstream)].into(),
        ..RegistryOptions::default()
    };
    (server, client_with(&options, &Limits::default(), Events::none()))
}

/// Before the first answer nobody knows that one connection will do, so that it is waited for.
#[tokio::test]
async fn as_many_are_in_flight_over_http_2_with_one_connection() {
    let h2: &[&[u8]] = &[b"h2", b"http/1.1"];
    for (protocols, version) in [(h2, Version::HTTP_2), (&h2[1..], Version::HTTP_11)] {
        let (server, client) = tls(protocols).await;
        let asking = ask(&client, "registry.example", 300);
        server.holds(1).await;
        server.answer(1, 200);
        server.holds(33).await;
        server.answer(33, 200);
        server.holds(66).await;
        server.open();
        assert!(asking.join_all().await.iter().all(Result::is_ok));
        assert_eq!(server.versions(), [version]);
        let connections = server.connections();
        assert!(connections == 1 || version == Version::HTTP_11, "{connections}");
    }
}

/// One that does not answer its first request does not hold up all others for as long as that may take.
#[tokio::test]
async fn the_first_answer_is_not_waited_for_long() {
    let (server, client) = tls(&[b"h2"]).await;
    let asking = ask(&client, "registry.example", 100);
    server.holds(32).await;
    server.open();
    assert!(asking.join_all().await.iter().all(Result::is_ok));
}

/// A server in trouble is asked less, and its neighbour no less than before.
#[tokio::test]
async fn a_mirror_in_trouble_does_not_slow_down_its_registry() {
    let (registry, mirror) = (Held::start(None).await, Server::http(|_| reply(503, "")).await);
    let address = Address::parse(&format!("http://{}", mirror.address)).unwrap();
    let mirrors = [(registry.address.to_string(), vec![Mirror::at(address)])].into();
    let options = RegistryOptions { mirrors, ..RegistryOptions::default() };
    let asking = ask(&client_with(&options, &Limits::default(), Events::none()), &registry.address.to_string(), 200);
    registry.holds(32).await;
    registry.answer(32, 200);
    registry.holds(64).await;
    registry.open();
    assert!(asking.join_all().await.iter().all(Result::is_ok));
}
