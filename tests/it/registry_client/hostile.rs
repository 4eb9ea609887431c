//! What a hostile registry must not get: our credentials, our way into a network, our time.

use std::io::Write;
use std::sync::{Arc, Mutex};

use imagefacts::credentials::Credential;
use imagefacts::image::{Descriptor, Digest};
use imagefacts::vocabulary::{ErrorClass, ErrorStage};
use tracing_subscriber::fmt::MakeWriter;

use super::server::{Server, document, reply, repository};
use super::{client, password};

fn challenge(realm: &str) -> super::server::Reply {
    reply(401, "{}")
        .with("www-authenticate", format!(r#"Bearer realm="{realm}",service="s",scope="repository:a:pull""#))
}

#[tokio::test]
async fn a_redirect_to_another_server_gets_no_authorization() {
    let (body, digest) = document();
    let storage = Server::http(move |_| reply(200, body)).await;
    let elsewhere = format!("http://{}/blob?signature=1", storage.address);
    let server = Server::http(move |seen| match (seen.authorization(), seen.path.as_str()) {
        (None, _) => reply(401, "{}").with("www-authenticate", "Basic realm=\"x\""),
        (Some(_), "/v2/a/blobs/here") => reply(307, "").with("location", elsewhere.clone()),
        (Some(_), _) => reply(307, "").with("location", "/v2/a/blobs/here"),
    })
    .await;
    let descriptor = Descriptor { media_type: "".into(), digest, size: 34 };
    let fetched = client().session().config(&server.repository("a"), &descriptor, &password("one")).await.unwrap();
    assert_eq!(fetched.bytes, body);
    assert_eq!(server.seen().iter().filter(|seen| seen.authorization().is_some()).count(), 2);
    assert_eq!(storage.lines(), ["GET /blob?signature=1"]);
    assert_eq!(storage.seen()[0].authorization(), None);
}

#[tokio::test]
async fn whom_we_are_redirected_to_may_not_ask_for_a_credential() {
    let thief = Server::http(|seen| {
        let host = &seen.headers["host"];
        reply(401, "{}").with("www-authenticate", format!("Bearer realm=\"http://{host}/token\", Basic realm=\"x\""))
    })
    .await;
    let elsewhere = format!("http://{}/x", thief.address);
    let server = Server::http(move |_| reply(302, "").with("location", elsewhere.clone())).await;
    let failure = client().session().manifest(&server.repository("a"), "1", &password("one")).await.unwrap_err();
    assert_eq!(failure.class, ErrorClass::Unauthorized);
    assert_eq!(thief.lines(), ["GET /x"]);
    assert_eq!(thief.seen()[0].authorization(), None);
}

#[tokio::test]
async fn redirects_end() {
    let server = Server::http(|seen| reply(302, "").with("location", seen.path.clone())).await;
    let failure = client().session().manifest(&server.repository("a"), "1", &Credential::Anonymous).await.unwrap_err();
    assert_eq!((failure.class, failure.attempts), (ErrorClass::Refused, 1));
    assert_eq!(server.lines().len(), 6);
}

/// By its name alone this registry might be anywhere: its address says that it may send us to others like it.
#[tokio::test]
async fn a_registry_is_judged_by_its_address() {
    let storage = Server::http(|_| reply(200, document().0)).await;
    let elsewhere = format!("http://{}/x", storage.address);
    let server = Server::http(move |_| reply(302, "").with("location", elsewhere.clone())).await;
    let repository = repository(&format!("localhost:{}/a", server.address.port()));
    client().session().manifest(&repository, "1", &Credential::Anonymous).await.unwrap();
    assert_eq!(storage.lines(), ["GET /x"]);
}

#[tokio::test]
async fn metadata_services_are_never_asked() {
    for place in ["http://169.254.169.254/latest/meta-data", "http://[fd00:ec2::254]/", "https://168.63.129.16/"] {
        let server = Server::http(move |_| challenge(place)).await;
        let repository = server.repository("a");
        let failure = client().session().manifest(&repository, "1", &Credential::Anonymous).await.unwrap_err();
        assert_eq!((failure.stage, failure.class), (ErrorStage::Token, ErrorClass::Refused), "{}", failure.message);
        let server = Server::http(move |_| reply(302, "").with("location", place)).await;
        let repository = server.repository("a");
        let failure = client().session().manifest(&repository, "1", &Credential::Anonymous).await.unwrap_err();
        assert_eq!((failure.stage, failure.class), (ErrorStage::Manifest, ErrorClass::Refused), "{}", failure.message);
    }
}

#[tokio::test]
async fn a_credential_does_not_go_over_plain_http_to_another_host() {
    let server = Server::http(|_| challenge("http://auth.invalid/token")).await;
    let failure = client().session().manifest(&server.repository("a"), "1", &password("one")).await.unwrap_err();
    assert_eq!((failure.stage, failure.class), (ErrorStage::Token, ErrorClass::Refused));
    assert_eq!((failure.attempts, server.lines().len()), (0, 1));
}

#[tokio::test]
async fn a_token_servers_redirect_gets_no_password() {
    let thief = Server::http(|_| reply(200, r#"{"token":"t"}"#)).await;
    let elsewhere = format!("http://{}/token", thief.address);
    let server = Server::http(move |seen| match seen.path.starts_with("/token") {
        true => reply(302, "").with("location", elsewhere.clone()),
        false if seen.authorization().is_some() => reply(200, document().0),
        false => challenge(&format!("http://{}/token", seen.headers["host"])),
    })
    .await;
    client().session().manifest(&server.repository("a"), "1", &password("one")).await.unwrap();
    assert_eq!(thief.seen()[0].authorization(), None);
}

#[tokio::test]
async fn an_identity_token_is_not_posted_elsewhere() {
    let thief = Server::http(|_| reply(200, r#"{"token":"t"}"#)).await;
    let elsewhere = format!("http://{}/token", thief.address);
    let server = Server::http(move |seen| match seen.method.as_str() {
        "POST" => reply(307, "").with("location", elsewhere.clone()),
        _ => challenge(&format!("http://{}/token", seen.headers["host"])),
    })
    .await;
    let identity = Credential::IdentityToken("canary".to_owned().into());
    let failure = client().session().manifest(&server.repository("a"), "1", &identity).await.unwrap_err();
    assert_eq!((failure.stage, failure.class), (ErrorStage::Token, ErrorClass::Server));
    assert!(thief.seen().is_empty());
}

#[tokio::test]
async fn what_is_no_tag_and_no_digest_is_not_asked_for() {
    let server = Server::http(|_| reply(200, document().0)).await;
    for target in ["../../../admin", "sha256:../../../../admin/secret", "1?x=y", ""] {
        let session = client().session();
        let failure = session.manifest(&server.repository("a"), target, &Credential::Anonymous).await.unwrap_err();
        assert_eq!((failure.class, failure.attempts), (ErrorClass::InvalidReference, 0), "{target}");
    }
    assert!(server.seen().is_empty());
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// A server that says back what it was told, in every way that ends up in a message.
#[tokio::test]
async fn secrets_show_nowhere() {
    const SECRETS: [&str; 4] = ["canary", "YWxpY2U6Y2FuYXJ5", "t0ken", "refresh-me"];
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(log.clone()).finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let server = Server::http(|seen| {
        let told = format!("{}{}", seen.authorization().unwrap_or_default(), seen.body);
        let echo = format!(r#"{{"errors":[{{"code":"DENIED","message":"I was told {told} (canary)"}}]}}"#);
        match seen.path.as_str() {
            path if path.starts_with("/token") && path.contains("fail") => reply(403, echo),
            path if path.starts_with("/token") => reply(200, r#"{"token":"t0ken"}"#),
            _ if seen.authorization().is_some() => reply(403, echo),
            path if path.contains("basic") => reply(401, "{}").with("www-authenticate", "Basic realm=\"x\""),
            path if path.contains("redirect") => reply(302, "").with("location", "http://x:Canary@evil.example/"),
            path if path.contains("scheme") => {
                reply(401, "{}").with("www-authenticate", "canary-refresh-me realm=\"x\"")
            }
            path => challenge(&format!("http://{}/token{path}", seen.headers["host"])),
        }
    })
    .await;
    let client = client();
    for path in ["basic", "bearer", "fail", "redirect", "scheme"] {
        let identity = Credential::IdentityToken("refresh-me".to_owned().into());
        for credential in [password("canary"), identity] {
            // Another test's thread may have noted, at the moment when the log was set up, that nobody listens.
            tracing::callsite::rebuild_interest_cache();
            let session = client.session();
            let failure = session.manifest(&server.repository(path), "1", &credential).await.unwrap_err();
            let shown = format!("{failure:?} {} {credential:?}", failure.message);
            assert!(!SECRETS.iter().any(|secret| shown.contains(secret)), "{shown}");
        }
    }
    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(log.contains("request"), "the log was looked at");
    for secret in SECRETS {
        assert!(!log.contains(secret), "{secret} is in the log");
    }
}

/// A server that sends us to a host whose name is the password.
#[tokio::test]
async fn a_failure_names_no_host_that_repeats_a_credential() {
    let server = Server::http(|seen| match seen.authorization() {
        Some(_) => reply(302, "").with("location", "http://My-Canary.invalid:1/"),
        None => reply(401, "{}").with("www-authenticate", "Basic realm=\"x\""),
    })
    .await;
    let failure = client().session().manifest(&server.repository("a"), "1", &password("MyCanary")).await.unwrap_err();
    assert_eq!((failure.class, failure.endpoint), (ErrorClass::Dns, None));
    assert!(failure.message.contains("repeats a credential"), "{}", failure.message);
}

#[tokio::test]
async fn a_servers_words_are_cleaned() {
    let body = format!(r#"{{"errors":[{{"code":"DENIED","message":"\u001b[31mred\r\n{}"}}]}}"#, "x".repeat(5000));
    let server = Server::http(move |_| reply(403, body.clone())).await;
    let failure = client().session().manifest(&server.repository("a"), "1", &Credential::Anonymous).await.unwrap_err();
    assert!(failure.message.contains("DENIED: [31mred …"), "{}", failure.message);
    assert!(failure.message.len() < 600 && !failure.message.contains(['\u{1b}', '\n']));
}

#[tokio::test]
async fn a_descriptors_size_is_not_believed() {
    let server = Server::http(|_| reply(200, document().0)).await;
    let descriptor = Descriptor { media_type: "".into(), digest: Digest::of(b"x"), size: u64::MAX };
    let failure =
        client().session().config(&server.repository("a"), &descriptor, &Credential::Anonymous).await.unwrap_err();
    assert_eq!(failure.class, ErrorClass::DigestMismatch);
}
