//! Certificates, and the choice between https and plain http.

use std::io::Write;
use std::net::SocketAddr;
use std::process::Command;
use std::sync::Arc;

use axum::serve::Listener;
use imagefacts::credentials::Credential;
use imagefacts::event::Events;
use imagefacts::limits::Limits;
use imagefacts::registry::RegistryOptions;
use imagefacts::vocabulary::{ErrorClass, ErrorStage};
use rcgen::date_time_ymd;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::certificates::{Authority, acceptor, authority, named, server_config};
use super::server::{Server, document, reply, repository};
use super::{client_with, password};
use crate::cli::Program;

fn trusting(authority: &Authority) -> (RegistryOptions, tempfile::NamedTempFile) {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(authority.pem().as_bytes()).unwrap();
    let ca_files = vec![file.path().to_owned()];
    (RegistryOptions { ca_files, ..RegistryOptions::default() }, file)
}

/// The failure, if any, of asking `server` with `options`; the connection is tried once.
async fn ask(
    server: &Server,
    options: &RegistryOptions,
    credential: &Credential,
) -> Option<imagefacts::image::Failure> {
    let client = client_with(options, &Limits { retries: 0, ..Limits::default() }, Events::none());
    client.session().manifest(&server.repository("a"), "1", credential).await.err()
}

#[tokio::test]
async fn a_certificate_must_be_good() {
    let authority = authority("Corp Root");
    let (trusting, _file) = trusting(&authority);
    let mut expired = named("127.0.0.1");
    expired.not_after = date_time_ymd(2020, 1, 2);
    let mut early = named("127.0.0.1");
    early.not_before = date_time_ymd(2999, 1, 2);
    early.not_after = date_time_ymd(2999, 1, 3);
    for (params, options, text) in [
        (named("127.0.0.1"), &trusting, None),
        (named("127.0.0.1"), &RegistryOptions::default(), Some("certificate of CN=Corp Root, who is not trusted here")),
        (expired, &trusting, Some("expired at 2020-01-02T00:00:00Z")),
        (early, &trusting, Some("not valid before 2999-01-02T00:00:00Z")),
        (named("other.example"), &trusting, Some("certificate for other names: other.example (")),
    ] {
        let server = Server::https(acceptor(&authority, params), |_| reply(200, document().0)).await;
        let failure = ask(&server, options, &Credential::Anonymous).await;
        assert_eq!(failure.as_ref().map(|failure| failure.class), text.map(|_| ErrorClass::Tls), "{failure:?}");
        if let (Some(failure), Some(text)) = (failure, text) {
            assert!(failure.message.contains(text), "{}", failure.message);
            assert_eq!(failure.endpoint, Some(format!("https://{}", server.address)));
            assert_eq!(server.lines(), [""; 0]);
        }
    }
}

/// Whatever else is trusted: a certificate is good for whom one authority vouches, the system's or one that was given.
#[tokio::test]
async fn the_systems_authorities_count_beside_those_that_are_given() {
    let (system, given) = (authority("Public Root"), authority("Corp Root"));
    for (signer, flags, text) in [
        (&system, &[][..], None),
        (&system, &["--ca-file", "given.pem"], None),
        (&given, &["--ca-file", "given.pem"], None),
        (&given, &[], Some("certificate of CN=Corp Root, who is not trusted here")),
        (&authority("Other Root"), &["--ca-file", "given.pem"], Some("certificate of CN=Other Root")),
    ] {
        for (name, text) in [("127.0.0.1", text), ("other.example", text.or(Some("certificate for other names")))] {
            let server = Server::https(acceptor(signer, named(name)), |_| reply(200, document().0)).await;
            let program = Program::new();
            program.write("system.pem", system.pem());
            program.write("given.pem", given.pem());
            let program = program.with("SSL_CERT_FILE", "system.pem").with("SSL_CERT_DIR", "/nonexistent");
            let image = format!("{}/a:1", server.address);
            let ran = program.run(&[&["inspect", &image, "-o", "json", "--retries", "0"], flags].concat()).await;
            let report: serde_json::Value = serde_json::from_slice(&ran.stdout).unwrap();
            let errors = &report["images"][0]["errors"];
            let of_trust = errors.as_array().unwrap().iter().find(|error| error["class"] == "tls");
            let message = of_trust.map(|error| error["message"].as_str().unwrap());
            assert_eq!(message.is_some(), text.is_some(), "{name} {flags:?} {errors}");
            assert!(message.unwrap_or_default().contains(text.unwrap_or_default()), "{name} {flags:?} {errors}");
        }
    }
}

#[tokio::test]
async fn a_host_that_is_named_insecure_may_show_any_certificate() {
    let server =
        Server::https(acceptor(&authority("Corp Root"), named("other.example")), |_| reply(200, document().0)).await;
    let insecure = [server.address.to_string()].into();
    let options = RegistryOptions { insecure, ..RegistryOptions::default() };
    assert_eq!(ask(&server, &options, &Credential::Anonymous).await, None);
}

#[tokio::test]
async fn https_does_not_fall_back_to_http() {
    let authority = authority("Corp Root");
    let (options, _file) = trusting(&authority);
    let plain = Server::http(|_| reply(200, r#"{"token":"t"}"#)).await;
    let elsewhere = format!("http://{}/token", plain.address);
    let challenge = format!("Bearer realm=\"{elsewhere}\"");
    let realm = Server::https(acceptor(&authority, named("127.0.0.1")), move |_| {
        reply(401, "{}").with("www-authenticate", challenge.clone())
    })
    .await;
    let failure = ask(&realm, &options, &password("one")).await.unwrap();
    assert_eq!((failure.stage, failure.class), (ErrorStage::Token, ErrorClass::Refused));
    assert!(failure.message.contains("falls back from https to plain http"), "{}", failure.message);
    let redirect = Server::https(acceptor(&authority, named("127.0.0.1")), move |_| {
        reply(302, "").with("location", elsewhere.clone())
    })
    .await;
    let failure = ask(&redirect, &options, &Credential::Anonymous).await.unwrap();
    assert_eq!((failure.stage, failure.class), (ErrorStage::Manifest, ErrorClass::Refused));
    assert_eq!(plain.lines(), [""; 0]);
}

#[tokio::test]
async fn what_a_loopback_registry_speaks_is_found_once_by_many_at_once() {
    let authority = authority("Corp Root");
    let (options, _file) = trusting(&authority);
    let server = Server::https(acceptor(&authority, named("127.0.0.1")), |_| reply(200, document().0)).await;
    let client = client_with(&options, &Limits::default(), Events::none());
    let sessions: Vec<_> = (0..50).map(|_| client.session()).collect();
    let repository = server.repository("a");
    let asked = sessions.iter().map(|session| session.manifest(&repository, "1", &Credential::Anonymous));
    assert!(futures::future::join_all(asked).await.iter().all(Result::is_ok));
    let requests: u64 = sessions.iter().map(imagefacts::registry::Session::requests).sum();
    assert_eq!((requests, server.lines().len()), (50 + 1, 50));
}

#[tokio::test]
async fn what_a_loopback_registry_speaks_is_found_once() {
    let authority = authority("Corp Root");
    let (options, _file) = trusting(&authority);
    let server = Server::https(acceptor(&authority, named("127.0.0.1")), |_| reply(200, document().0)).await;
    let client = client_with(&options, &Limits::default(), Events::none());
    let first = client.session();
    first.manifest(&server.repository("a"), "1", &Credential::Anonymous).await.unwrap();
    let second = client.session();
    let fetched = second.manifest(&server.repository("a"), "2", &Credential::Anonymous).await.unwrap();
    assert_eq!(fetched.endpoint, format!("https://{}", server.address));
    assert_eq!((second.requests(), server.lines().len()), (1, 2));
}

struct TlsListener(TcpListener, TlsAcceptor);

impl Listener for TlsListener {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            let (stream, address) = self.0.accept().await.unwrap();
            if let Ok(stream) = self.1.accept(stream).await {
                return (stream, address);
            }
        }
    }

    fn local_addr(&self) -> std::io::Result<Self::Addr> {
        self.0.local_addr()
    }
}

#[tokio::test]
async fn http_2_is_spoken_where_it_is_offered() {
    let authority = authority("Corp Root");
    let (options, _file) = trusting(&authority);
    let mut config = server_config(&authority, named("localhost"));
    config.alpn_protocols = vec![b"h2".to_vec()];
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let answer = |request: axum::extract::Request| async move {
        assert_eq!(request.version(), axum::http::Version::HTTP_2);
        document().0
    };
    let listener = TlsListener(listener, TlsAcceptor::from(Arc::new(config)));
    tokio::spawn(axum::serve(listener, axum::Router::new().fallback(answer)).into_future());
    let repository = repository(&format!("localhost:{}/a", address.port()));
    let client = client_with(&options, &Limits { retries: 0, ..Limits::default() }, Events::none());
    let fetched = client.session().manifest(&repository, "1", &Credential::Anonymous).await.unwrap();
    assert_eq!((fetched.digest, fetched.endpoint), (document().1, format!("https://localhost:{}", address.port())));
}

/// Without any certificates, plain http works and https says what is missing.
#[tokio::test]
async fn a_machine_without_certificates_will_do() {
    const INNER: &str = "registry_client::tls::a_machine_without_certificates_will_do";
    if std::env::var_os("SSL_CERT_FILE").is_none_or(|file| file != "/nonexistent") {
        let inner = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", INNER])
            .env("SSL_CERT_FILE", "/nonexistent")
            .env("SSL_CERT_DIR", "/nonexistent")
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&inner.stdout).into_owned();
        assert!(inner.status.success() && said.contains("1 passed"), "{said}");
        return;
    }
    let plain = Server::http(|_| reply(200, document().0)).await;
    let options = RegistryOptions::default();
    assert_eq!(ask(&plain, &options, &Credential::Anonymous).await, None);
    let server =
        Server::https(acceptor(&authority("Corp Root"), named("127.0.0.1")), |_| reply(200, document().0)).await;
    assert_eq!(ask(&server, &options, &Credential::Anonymous).await.unwrap().class, ErrorClass::Tls);
}
