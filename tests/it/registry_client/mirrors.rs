//! Mirrors: asked before the registry, and never with its credentials.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use imagefacts::credentials::Credential;
use imagefacts::event::Events;
use imagefacts::limits::Limits;
use imagefacts::registry::{Address, Mirror, RegistryClient, RegistryOptions};
use imagefacts::vocabulary::{ErrorClass, Via};

use super::server::{Reply, Server, document, reply};
use super::{client_with, password};

fn client(registry: &Server, mirrors: &[String]) -> RegistryClient {
    client_with(&options(registry, mirrors), &Limits { retries: 0, ..Limits::default() }, Events::none())
}

fn options(registry: &Server, mirrors: &[String]) -> RegistryOptions {
    let mirrors = mirrors.iter().map(|mirror| Mirror::at(Address::parse(&format!("http://{mirror}")).unwrap()));
    let mirrors = [(registry.address.to_string(), mirrors.collect())].into();
    RegistryOptions { mirrors, ..RegistryOptions::default() }
}

#[tokio::test]
async fn the_first_mirror_that_has_it_answers_for_the_registry() {
    let registry = Server::http(|_| reply(500, "")).await;
    let empty = Server::http(|_| reply(404, "")).await;
    let full = Server::http(|_| reply(200, document().0)).await;
    let client = client(&registry, &[empty.address.to_string(), format!("{}/proxy", full.address)]);
    let session = client.session();
    let fetched = session.manifest(&registry.repository("a"), "1", &password("one")).await.unwrap();
    assert_eq!((fetched.via, fetched.endpoint), (Via::Mirror, format!("http://{}", full.address)));
    assert_eq!(full.lines(), ["GET /proxy/v2/a/manifests/1"]);
    assert_eq!((empty.lines().len(), registry.lines().len()), (1, 0));
    let tallies = client.tallies();
    assert_eq!((tallies.len(), tallies[0].host.clone(), tallies[0].requests), (1, registry.address.to_string(), 2));
}

#[tokio::test]
async fn a_mirror_gets_no_credential() {
    let basic = |seen: &super::server::Seen| match seen.authorization() {
        Some(_) => reply(200, document().0),
        None => reply(401, "{}").with("www-authenticate", "Basic realm=\"x\""),
    };
    let (registry, mirror) = (Server::http(basic).await, Server::http(basic).await);
    let client = client(&registry, &[mirror.address.to_string()]);
    let fetched = client.session().manifest(&registry.repository("a"), "1", &password("one")).await.unwrap();
    assert_eq!(fetched.via, Via::Registry);
    assert_eq!(mirror.seen().iter().filter(|seen| seen.authorization().is_some()).count(), 0);
}

#[tokio::test]
async fn a_mirror_that_lies_is_passed_over() {
    let registry = Server::http(|_| reply(200, document().0)).await;
    let liar = Server::http(|_| reply(200, "{}")).await;
    let client = client(&registry, &[liar.address.to_string()]);
    let digest = document().1.to_string();
    let fetched = client.session().manifest(&registry.repository("a"), &digest, &Credential::Anonymous).await.unwrap();
    assert_eq!(fetched.via, Via::Registry);
}

#[tokio::test]
async fn a_mirror_that_is_down_costs_one_attempt() {
    let registry = Server::http(|_| reply(200, document().0)).await;
    let down = Server::http(|_| super::server::Reply::Raw("")).await;
    let client = client(&registry, &[down.address.to_string()]);
    for tag in ["1", "2", "3"] {
        client.session().manifest(&registry.repository("a"), tag, &Credential::Anonymous).await.unwrap();
    }
    assert_eq!((down.lines().len(), registry.lines().len()), (1, 3));
}

#[tokio::test]
async fn the_registrys_failure_is_the_one_that_is_told() {
    let registry = Server::http(|_| reply(404, "")).await;
    let mirror = Server::http(|_| reply(500, "")).await;
    let client = client(&registry, &[mirror.address.to_string()]);
    let session = client.session();
    let failure = session.manifest(&registry.repository("a"), "1", &Credential::Anonymous).await.unwrap_err();
    assert_eq!((failure.class, failure.http_status), (ErrorClass::NotFound, Some(404)));
    assert_eq!(failure.endpoint, Some(format!("http://{}", registry.address)));
}

/// Fifty images at once, of a registry with one mirror.
async fn ask_for_fifty(client: &RegistryClient, registry: &Server) {
    let images = (0..50).map(|nth| {
        let (session, repository) = (client.session(), registry.repository(&format!("a{nth}")));
        tokio::spawn(async move { session.manifest(&repository, "1", &password("one")).await })
    });
    for outcome in futures::future::join_all(images).await {
        outcome.unwrap().unwrap();
    }
}

#[tokio::test]
async fn a_mirror_that_is_down_costs_one_attempt_for_fifty_images_at_once() {
    for broken in [Reply::Raw(""), Reply::Stall(""), Reply::Stall("HTTP/1.1 200 OK\r\ncontent-length: 34\r\n\r\n{")] {
        let registry = Server::http(|_| reply(200, document().0)).await;
        let down = Server::http(move |_| broken.clone()).await;
        let limits = Limits { retries: 3, request_timeout: Duration::from_secs(3), ..Limits::default() };
        let client = client_with(&options(&registry, &[down.address.to_string()]), &limits, Events::none());
        ask_for_fifty(&client, &registry).await;
        assert_eq!((down.lines().len(), registry.lines().len()), (1, 50));
    }
}

#[tokio::test]
async fn a_mirror_that_is_up_is_asked_for_each_image() {
    let registry = Server::http(|_| reply(200, document().0)).await;
    let mirror = Server::http(|seen| reply(if seen.nth % 2 == 0 { 404 } else { 200 }, document().0)).await;
    let client = client(&registry, &[mirror.address.to_string()]);
    ask_for_fifty(&client, &registry).await;
    assert_eq!((mirror.lines().len(), registry.lines().len()), (50, 25));
}

#[tokio::test]
async fn what_was_given_for_a_mirror_goes_to_it_alone() {
    let basic = |seen: &super::server::Seen| match seen.authorization() {
        Some(_) => reply(404, "{}"),
        None => reply(401, "{}").with("www-authenticate", "Basic realm=\"x\""),
    };
    let (registry, mirror, other) = (Server::http(basic).await, Server::http(basic).await, Server::http(basic).await);
    let mut options = options(&registry, &[mirror.address.to_string(), other.address.to_string()]);
    options.host(&mirror.address.to_string()).credential = Some(password("two"));
    let client = client_with(&options, &Limits { retries: 0, ..Limits::default() }, Events::none());
    let failure = client.session().manifest(&registry.repository("a"), "1", &password("one")).await.unwrap_err();
    assert_eq!(failure.class, ErrorClass::NotFound);
    let shown = |server: &Server| -> Vec<_> {
        server.seen().iter().filter_map(|seen| seen.authorization().map(str::to_owned)).collect()
    };
    assert_eq!(shown(&mirror), ["Basic YWxpY2U6dHdv"]);
    assert_eq!(shown(&other), [""; 0]);
    assert_eq!(shown(&registry), ["Basic YWxpY2U6b25l"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_registry_may_have_a_limit_of_its_own() {
    let most = Arc::new(AtomicUsize::new(0));
    let (seen, running) = (Arc::clone(&most), AtomicUsize::new(0));
    let registry = Server::http(move |_| {
        let now = running.fetch_add(1, SeqCst) + 1;
        seen.fetch_max(now, SeqCst);
        std::thread::sleep(Duration::from_millis(5));
        running.fetch_sub(1, SeqCst);
        reply(200, document().0)
    })
    .await;
    let mut options = RegistryOptions::default();
    options.host(&registry.address.to_string()).per_registry = Some(1);
    let client = client_with(&options, &Limits::default(), Events::none());
    ask_for_fifty(&client, &registry).await;
    assert_eq!(most.load(SeqCst), 1);
}
