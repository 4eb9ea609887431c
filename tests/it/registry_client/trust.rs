//! What is trusted, and what is shown, host by host.

use imagefacts::credentials::Credential;
use imagefacts::event::Events;
use imagefacts::image::Failure;
use imagefacts::limits::Limits;
use imagefacts::registry::{ClientFiles, HostOptions, RegistryOptions};
use imagefacts::vocabulary::ErrorClass;
use rcgen::{CertificateParams, CertifiedIssuer, KeyPair, date_time_ymd};

use super::certificates::{Files, acceptor, acceptor_of, authority, authority_params, guarded, named};
use super::client_with;
use super::server::{Server, document, reply};

/// The failure, if any, of asking `server` once.
async fn ask(server: &Server, options: &RegistryOptions) -> Option<Failure> {
    let client = client_with(options, &Limits { retries: 0, ..Limits::default() }, Events::none());
    client.session().manifest(&server.repository("a"), "1", &Credential::Anonymous).await.err()
}

/// What is wrong with TLS at `server`.
#[track_caller]
fn complaint(server: &Server, failure: Option<Failure>) -> String {
    let failure = failure.expect("it was accepted");
    assert_eq!(failure.class, ErrorClass::Tls, "{}", failure.message);
    assert_eq!(server.lines(), [""; 0], "nothing was asked");
    failure.message
}

fn of_host(server: &Server, host: HostOptions) -> RegistryOptions {
    let mut options = RegistryOptions::default();
    *options.host(&server.address.to_string()) = host;
    options
}

fn trusting(path: std::path::PathBuf) -> HostOptions {
    HostOptions { ca_files: vec![path], ..HostOptions::default() }
}

async fn serve(tls: tokio_rustls::TlsAcceptor) -> Server {
    Server::https(tls, |_| reply(200, document().0)).await
}

#[tokio::test]
async fn the_missing_issuer_is_the_one_at_the_chains_end() {
    let root = authority("Corp Root");
    let between = KeyPair::generate().unwrap();
    let between = CertifiedIssuer::signed_by(authority_params("Corp Web"), between, &root).unwrap();
    let key = KeyPair::generate().unwrap();
    let own = named("127.0.0.1").signed_by(&key, &between).unwrap().der().clone();
    for (chain, issuer) in [(vec![own.clone()], "CN=Corp Web,"), (vec![own, between.der().clone()], "CN=Corp Root,")] {
        let server = serve(acceptor_of(chain, &key)).await;
        let said = complaint(&server, ask(&server, &RegistryOptions::default()).await);
        let remedy = format!("ca-file under [registries.\"{}\"] in config.toml", server.address);
        assert!(said.contains(issuer) && said.contains("--ca-file") && said.contains(&remedy), "{said}");
        assert!(!said.contains("BEGIN") && said.len() < 400, "{said}");
    }
}

#[tokio::test]
async fn a_certificate_may_be_trusted_by_itself() {
    let files = Files::new();
    let key = KeyPair::generate().unwrap();
    let params = |name: &str| with_authority(named(name));
    let mut expired = params("127.0.0.1");
    expired.not_after = date_time_ymd(2020, 1, 2);
    for (params, flaw) in [
        (params("127.0.0.1"), None),
        (params("other.example"), Some("other names")),
        (expired, Some("expired at 2020")),
    ] {
        let own = params.self_signed(&key).unwrap();
        let server = serve(acceptor_of(vec![own.der().clone()], &key)).await;
        if flaw.is_none() {
            let said = complaint(&server, ask(&server, &RegistryOptions::default()).await);
            assert!(said.contains("signed by itself (CN=Corp Root)"), "{said}");
        }
        let options = of_host(&server, trusting(files.write("own.pem", &own.pem())));
        let failure = ask(&server, &options).await;
        match flaw {
            None => assert_eq!(failure, None),
            Some(flaw) => assert!(complaint(&server, failure).contains(flaw)),
        }
    }
}

/// As `openssl req -x509` makes them: a server's certificate that is an authority's too.
fn with_authority(mut params: CertificateParams) -> CertificateParams {
    let authority = authority_params("Corp Root");
    (params.is_ca, params.distinguished_name) = (authority.is_ca, authority.distinguished_name);
    params
}

#[tokio::test]
async fn a_hosts_authority_is_no_other_hosts() {
    let root = authority("Corp Root");
    let files = Files::new();
    let (one, other) =
        (serve(acceptor(&root, named("127.0.0.1"))).await, serve(acceptor(&root, named("127.0.0.1"))).await);
    let options = of_host(&one, trusting(files.write("ca.pem", &root.pem())));
    assert_eq!(ask(&one, &options).await, None);
    assert!(complaint(&other, ask(&other, &options).await).contains("CN=Corp Root"));
}

#[tokio::test]
async fn a_client_certificate_is_shown_to_its_host() {
    let (root, clients) = (authority("Corp Root"), authority("Corp Clients"));
    let files = Files::new();
    let ca = files.write("ca.pem", &root.pem());
    let (certificate, key) = files.write_client(&clients, "me.crt", "me.key");
    let good = Some(ClientFiles { certificate, key });
    let (certificate, key) = files.write_client(&root, "bad.crt", "bad.key");
    let bad = Some(ClientFiles { certificate, key });
    for (client, accepted) in [(None, false), (bad, false), (good, true)] {
        let server = serve(guarded(&root, named("127.0.0.1"), &clients)).await;
        let options = of_host(&server, HostOptions { client, ..trusting(ca.clone()) });
        let failure = ask(&server, &options).await;
        if accepted {
            assert_eq!(failure, None);
        } else {
            let said = complaint(&server, failure);
            let remedy = format!("client-cert and client-key under [registries.\"{}\"]", server.address);
            assert!(said.contains("client certificate") && said.contains(&remedy), "{said}");
        }
    }
}

/// A registry that sends us elsewhere must not make us log in there for it.
#[tokio::test]
async fn a_client_certificate_is_not_shown_on_behalf_of_another() {
    let (root, clients) = (authority("Corp Root"), authority("Corp Clients"));
    let files = Files::new();
    let (certificate, key) = files.write_client(&clients, "me.crt", "me.key");
    let victim = Server::https(guarded(&root, named("127.0.0.1"), &clients), |_| reply(200, r#"{"token":"t"}"#)).await;
    let mut options =
        of_host(&victim, HostOptions { client: Some(ClientFiles { certificate, key }), ..HostOptions::default() });
    options.ca_files = vec![files.write("ca.pem", &root.pem())];
    let elsewhere = format!("https://{}/token", victim.address);
    for answer in [
        reply(401, "{}").with("www-authenticate", format!("Bearer realm=\"{elsewhere}\",service=\"s\"")),
        reply(307, "").with("location", elsewhere),
    ] {
        let server = Server::http(move |_| answer.clone()).await;
        assert!(ask(&server, &options).await.is_some());
        assert_eq!(victim.lines(), [""; 0]);
    }
}

#[tokio::test]
async fn an_ipv6_host_has_its_own_trust() {
    if std::net::TcpListener::bind("[::1]:0").is_err() {
        // This machine has no IPv6.
        return;
    }
    let (root, clients) = (authority("Corp Root"), authority("Corp Clients"));
    let files = Files::new();
    let (certificate, key) = files.write_client(&clients, "me.crt", "me.key");
    let tls = guarded(&root, named("::1"), &clients);
    let server = Server::https_at("[::1]:0", tls, |_| reply(200, document().0)).await;
    assert!(complaint(&server, ask(&server, &RegistryOptions::default()).await).contains("[registries.\"[::1]:"));
    let client = Some(ClientFiles { certificate, key });
    let options = of_host(&server, HostOptions { client, ..trusting(files.write("ca.pem", &root.pem())) });
    assert_eq!(ask(&server, &options).await, None);
}
