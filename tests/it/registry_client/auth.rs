//! Challenges, tokens and credentials.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use imagefacts::credentials::Credential;
use imagefacts::vocabulary::{ErrorClass, ErrorStage, Via};
use serde_json::json;

use super::server::{Reply, Seen, Server, document, reply};
use super::{client, password};

/// Answers with a challenge, as Docker Hub does: the scope names the repository.
fn challenge(seen: &Seen) -> Reply {
    let repository = seen.path.trim_start_matches("/v2/").split("/manifests/").next().unwrap();
    let host = &seen.headers["host"];
    let bearer = format!(r#"Bearer realm="http://{host}/token",service="test",scope="repository:{repository}:pull""#);
    reply(401, "{}").with("www-authenticate", "Basic realm=\"x\"").with("www-authenticate", bearer)
}

fn found() -> Reply {
    reply(200, document().0)
}

/// A registry that gives a new token each time, and accepts those that `accepts` accepts.
async fn registry(accepts: impl Fn(&str) -> bool + Send + Sync + 'static) -> Server {
    let tokens = AtomicUsize::new(0);
    Server::http(move |seen| {
        if seen.path.starts_with("/token") {
            let scope = seen.path.rsplit("scope=").next().unwrap().replace("%3A", ".").replace("%2F", ".");
            let nth = tokens.fetch_add(1, SeqCst);
            return reply(200, format!(r#"{{"token":"{scope}.{nth}","expires_in":300}}"#));
        }
        match seen.authorization().and_then(|value| value.strip_prefix("Bearer ")) {
            Some(token) if accepts(token) => found(),
            _ => challenge(seen),
        }
    })
    .await
}

#[tokio::test]
async fn a_token_is_fetched_when_it_is_demanded_and_kept() {
    let server = registry(|_| true).await;
    let (client, repository) = (client(), server.repository("a/b"));
    let session = client.session();
    let fetched = session.manifest(&repository, "1", &Credential::Anonymous).await.unwrap();
    assert_eq!((fetched.digest, fetched.via), (document().1, Via::Registry));
    assert_eq!(fetched.endpoint, format!("http://{}", server.address));
    assert_eq!(session.requests(), 3);
    let digest = document().1.to_string();
    client.session().manifest(&repository, &digest, &Credential::Anonymous).await.unwrap();
    let expected = [
        "GET /v2/a/b/manifests/1".to_owned(),
        "GET /token?service=test&scope=repository%3Aa%2Fb%3Apull".to_owned(),
        "GET /v2/a/b/manifests/1".to_owned(),
        format!("GET /v2/a/b/manifests/{digest}"),
    ];
    assert_eq!(server.lines(), expected);
    let sent: Vec<_> = server.seen().iter().map(|seen| seen.authorization().map(str::to_owned)).collect();
    let token = Some("Bearer repository.a.b.pull.0".to_owned());
    assert_eq!(sent, [None, None, token.clone(), token]);
    let tally = &client.tallies()[0];
    assert_eq!((tally.host.as_str(), tally.requests), (server.address.to_string().as_str(), 4));
}

#[tokio::test]
async fn a_repositorys_token_serves_no_other() {
    let server = registry(|_| true).await;
    let client = client();
    for path in ["a", "b", "a"] {
        client.session().manifest(&server.repository(path), "1", &Credential::Anonymous).await.unwrap();
    }
    for seen in server.seen().iter().filter(|seen| seen.path.starts_with("/v2/")) {
        let repository = seen.path.split('/').nth(2).unwrap();
        let own = format!("Bearer repository.{repository}.pull.");
        assert!(seen.authorization().is_none_or(|sent| sent.starts_with(&own)), "{seen:?}");
    }
    assert_eq!(server.count("/token"), 2);
}

#[tokio::test]
async fn a_credentials_token_serves_no_other() {
    let server = registry(|_| true).await;
    let (client, repository) = (client(), server.repository("a"));
    for credential in [Credential::Anonymous, password("one"), password("two"), password("one")] {
        client.session().manifest(&repository, "1", &credential).await.unwrap();
    }
    let tokens = server.seen().into_iter().filter(|seen| seen.path.starts_with("/token"));
    let sent: Vec<_> = tokens.map(|seen| seen.authorization().map(str::to_owned)).collect();
    assert_eq!(sent, [None, Some("Basic YWxpY2U6b25l".into()), Some("Basic YWxpY2U6dHdv".into())]);
}

#[tokio::test]
async fn a_token_that_went_stale_is_replaced_once() {
    let revoked = Arc::new(AtomicUsize::new(0));
    let now = Arc::clone(&revoked);
    let server = registry(move |token| {
        let nth: usize = token.rsplit('.').next().unwrap().parse().unwrap();
        nth >= now.load(SeqCst)
    })
    .await;
    let (client, repository) = (client(), server.repository("a"));
    client.session().manifest(&repository, "1", &Credential::Anonymous).await.unwrap();
    revoked.store(1, SeqCst);
    client.session().manifest(&repository, "1", &Credential::Anonymous).await.unwrap();
    assert_eq!((server.count("/token"), server.count("/v2/")), (2, 4));
    revoked.store(usize::MAX, SeqCst);
    let failure = client.session().manifest(&repository, "1", &Credential::Anonymous).await.unwrap_err();
    assert_eq!((failure.class, failure.stage, failure.attempts), (ErrorClass::Unauthorized, ErrorStage::Manifest, 1));
    assert_eq!((server.count("/token"), server.count("/v2/")), (3, 6));
}

#[tokio::test]
async fn many_images_of_a_repository_share_one_token_request() {
    let server = registry(|_| true).await;
    let (client, repository) = (client(), server.repository("a"));
    let images = (0..500).map(|nth| {
        let (session, repository) = (client.session(), repository.clone());
        tokio::spawn(async move { session.manifest(&repository, &format!("v{nth}"), &Credential::Anonymous).await })
    });
    for outcome in futures::future::join_all(images).await {
        outcome.unwrap().unwrap();
    }
    assert_eq!(server.count("/token"), 1);
}

#[tokio::test]
async fn a_token_that_expired_in_the_run_is_asked_for_again() {
    // The first is good for a microsecond, the others for long.
    let tokens = AtomicUsize::new(0);
    let server = Server::http(move |seen| match (seen.path.starts_with("/token"), seen.authorization()) {
        (true, _) if tokens.fetch_add(1, SeqCst) == 0 => reply(200, r#"{"token":"first","expires_in":0.000001}"#),
        (true, _) => reply(200, r#"{"token":"second","expires_in":3600}"#),
        (false, Some("Bearer first" | "Bearer second")) => found(),
        _ => challenge(seen),
    })
    .await;
    let (client, repository) = (client(), server.repository("a"));
    for _ in 0..3 {
        client.session().manifest(&repository, "1", &Credential::Anonymous).await.unwrap();
    }
    let sent: Vec<_> = server.seen().iter().map(|seen| seen.authorization().map(str::to_owned)).collect();
    let [first, second] = ["first", "second"].map(|token| Some(format!("Bearer {token}")));
    assert_eq!(sent, [None, None, first, None, None, second.clone(), second], "it is not sent once it has expired");
}

#[tokio::test]
async fn tokens_are_opaque() {
    for token in ["djE6YWNtZS93ZWI6MTc2Mw==", "a.b.c", "v^1.1#i^1#f^0#I^3~/+", &"t".repeat(20_000)] {
        let (given, sent) = (json!({"token": token}).to_string(), format!("Bearer {token}"));
        let server = Server::http(move |seen| match seen.path.starts_with("/token") {
            true => reply(200, given.clone()),
            false if seen.authorization() == Some(&sent) => found(),
            false => challenge(seen),
        })
        .await;
        client().session().manifest(&server.repository("a"), "1", &password("one")).await.unwrap();
    }
}

#[tokio::test]
async fn a_challenge_is_understood_as_container_runtimes_do() {
    // Without quotes, with several spaces, with letters beyond ASCII, and several in one header.
    for challenges in [
        "Basic realm=/",
        "Basic  realm=\"x\"",
        "Basic realm=R\u{e9}gistre",
        "Digest realm=x, Basic realm=my registry",
        "Bearer realm=http://HOST/token,service=r.io,scope=repository:a:pull",
        "Basic realm=my registry, Bearer realm=http://HOST/token",
    ] {
        let server = Server::http(move |seen| match (seen.path.starts_with("/token"), seen.authorization()) {
            (true, Some("Basic YWxpY2U6b25l")) => reply(200, r#"{"token":"t"}"#),
            (false, Some("Basic YWxpY2U6b25l" | "Bearer t")) => found(),
            _ => reply(401, "{}").with("www-authenticate", challenges.replace("HOST", &seen.headers["host"])),
        })
        .await;
        let fetched = client().session().manifest(&server.repository("a"), "1", &password("one")).await;
        assert!(fetched.is_ok(), "{challenges}: {fetched:?}");
        assert_eq!(server.count("/token"), usize::from(challenges.contains("Bearer")), "{challenges}");
    }
}

#[tokio::test]
async fn an_identity_token_is_posted() {
    let server = Server::http(|seen| match (seen.path.as_str(), seen.authorization()) {
        ("/token", None) => reply(200, r#"{"access_token":"t"}"#),
        (_, Some("Bearer t")) => found(),
        _ => challenge(seen),
    })
    .await;
    let identity = Credential::IdentityToken("canary".to_owned().into());
    client().session().manifest(&server.repository("a"), "1", &identity).await.unwrap();
    let token = server.seen().into_iter().find(|seen| seen.path == "/token").unwrap();
    assert_eq!(token.method, "POST");
    let form =
        "grant_type=refresh_token&client_id=imagefacts&service=test&scope=repository%3Aa%3Apull&refresh_token=canary";
    assert_eq!(token.body, form);
}

#[tokio::test]
async fn a_bearer_token_goes_as_it_is() {
    let server = Server::http(|seen| match seen.authorization() {
        Some("Bearer good") => found(),
        _ => challenge(seen),
    })
    .await;
    let bearer = |token: &str| Credential::BearerToken(token.to_owned().into());
    client().session().manifest(&server.repository("a"), "1", &bearer("good")).await.unwrap();
    let failure = client().session().manifest(&server.repository("a"), "1", &bearer("bad")).await.unwrap_err();
    assert_eq!(failure.class, ErrorClass::Unauthorized);
    assert_eq!(server.lines(), ["GET /v2/a/manifests/1", "GET /v2/a/manifests/1"]);
}

#[tokio::test]
async fn a_registry_may_take_the_password_itself() {
    let server = Server::http(|seen| match seen.authorization() {
        Some("Basic YWxpY2U6b25l") => found(),
        _ => reply(401, "{}").with("www-authenticate", "Basic realm=\"x\""),
    })
    .await;
    let client = client();
    for path in ["a", "b"] {
        client.session().manifest(&server.repository(path), "1", &password("one")).await.unwrap();
    }
    assert_eq!(server.lines().len(), 3, "the second repository's request needs no refusal");
    for (credential, requests) in [(password("wrong"), 2), (Credential::Anonymous, 1)] {
        let session = client.session();
        let failure = session.manifest(&server.repository("a"), "1", &credential).await.unwrap_err();
        assert_eq!((failure.class, failure.http_status), (ErrorClass::Unauthorized, Some(401)));
        assert_eq!(session.requests(), requests);
    }
}

#[tokio::test]
async fn a_failed_token_request_is_a_failure_of_its_own() {
    for (status, body, class, attempts) in [
        (401, r#"{"details":"incorrect username or password"}"#, ErrorClass::Unauthorized, 1),
        (403, r#"{"errors":[{"code":"DENIED","message":"no"}]}"#, ErrorClass::Forbidden, 1),
        (404, "", ErrorClass::Server, 1),
        (200, "<html>", ErrorClass::InvalidContent, 1),
        (500, "", ErrorClass::Server, 4),
    ] {
        let server = Server::http(move |seen| match seen.path.starts_with("/token") {
            true => reply(status, body),
            false => challenge(seen),
        })
        .await;
        let repository = server.repository("a");
        let failure = client().session().manifest(&repository, "1", &password("one")).await.unwrap_err();
        assert_eq!((failure.stage, failure.class, failure.attempts), (ErrorStage::Token, class, attempts), "{status}");
        assert!(failure.message.contains("token server"), "{}", failure.message);
        assert_eq!(server.count("/v2/"), 1, "a failed token request does not lead to an anonymous one");
    }
}

#[tokio::test]
async fn a_refused_credential_is_not_shown_again() {
    let server = Server::http(|seen| match seen.path.starts_with("/token") {
        true => reply(401, "{}"),
        false => challenge(seen),
    })
    .await;
    let client = client();
    for (path, tag, tokens) in [("a", "1", 1), ("a", "2", 1), ("b", "1", 2)] {
        let repository = server.repository(path);
        let failure = client.session().manifest(&repository, tag, &password("one")).await.unwrap_err();
        assert_eq!((failure.stage, failure.class), (ErrorStage::Token, ErrorClass::Unauthorized));
        assert!(failure.message.starts_with(&format!("{repository}: ")), "{}", failure.message);
        assert_eq!(server.count("/token"), tokens);
    }
}

#[tokio::test]
async fn those_who_wait_for_a_token_share_its_failure() {
    let server = Server::http(|seen| match seen.path.starts_with("/token") {
        true => reply(400, "{}"),
        false => challenge(seen),
    })
    .await;
    let (client, repository) = (client(), server.repository("a"));
    let images = (0..20).map(|nth| {
        let (session, repository) = (client.session(), repository.clone());
        async move { session.manifest(&repository, &format!("v{nth}"), &Credential::Anonymous).await }
    });
    for outcome in futures::future::join_all(images).await {
        assert_eq!(outcome.unwrap_err().class, ErrorClass::Server);
    }
    assert!(server.count("/token") < 20, "{}", server.count("/token"));
}
