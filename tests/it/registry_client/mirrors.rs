//! Mirrors: asked before the registry, and never with its credentials.

use imagefacts::credentials::Credential;
use imagefacts::event::Events;
use imagefacts::limits::Limits;
use imagefacts::registry::{Address, Mirror, RegistryClient, RegistryOptions};
use imagefacts::vocabulary::{ErrorClass, Via};

use super::server::{Server, document, reply};
use super::{client_with, password};

fn client(registry: &Server, mirrors: &[String]) -> RegistryClient {
    let mirrors = mirrors.iter().map(|mirror| Mirror::at(Address::parse(&format!("http://{mirror}")).unwrap()));
    let mirrors = [(registry.address.to_string(), mirrors.collect())].into();
    let options = RegistryOptions { mirrors, ..RegistryOptions::default() };
    client_with(&options, &Limits { retries: 0, ..Limits::default() }, Events::none())
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
