//! Quay: its token server is a path of its own, and what one may not see is unauthorized, whether it exists or not.

use super::*;

const BLOBS: &str = "https://cdn01.quay.io/quayio-production-s3/sha256/c0/c0ffee";

fn quay(seen: &Seen) -> Reply {
    if seen.headers["host"] != "quay.io" {
        return storage(seen);
    }
    if seen.path.starts_with("/v2/auth") {
        return match seen.authorization() {
            Some(sent) if sent == basic("acme+robot", RIGHT) => reply(200, r#"{"token":"canary-token-robot"}"#),
            Some(_) => refusal(401, "UNAUTHORIZED", "Could not find robot with specified username"),
            None => reply(200, r#"{"token":"canary-token-anonymous"}"#),
        };
    }
    let Some(place) = Place::of(seen) else {
        return reply(401, "true")
            .with("www-authenticate", r#"Bearer realm="https://quay.io/v2/auth",service="quay.io""#);
    };
    match (seen.authorization(), place.repository) {
        (Some("Bearer canary-token-anonymous"), "acme/public") => place.content(Some(BLOBS)),
        (Some("Bearer canary-token-robot"), "acme/public" | "acme/private") => place.content(Some(BLOBS)),
        _ => {
            let scope = place.scope();
            let wanted = format!(r#"Bearer realm="https://quay.io/v2/auth",service="quay.io",scope="{scope}""#);
            refusal(401, "UNAUTHORIZED", "access to the requested resource is not authorized")
                .with("www-authenticate", wanted)
        }
    }
}

fn login(password: &str) -> [(&'static str, &str); 2] {
    [("REGISTRY_QUAY_IO_USERNAME", "acme+robot"), ("REGISTRY_QUAY_IO_PASSWORD", password)]
}

#[tokio::test]
async fn it_resolves() {
    let internet = Internet::of(quay).await;
    inspect(&internet, "quay.io/acme/public:v1", &[]).await.is_resolved(&["anonymous accepted"]);
    internet.assert_never_logged_in_to("cdn01.quay.io");
    inspect(&internet, "quay.io/acme/private:v1", &login(RIGHT)).await.is_resolved(&["environment accepted"]);
}

#[tokio::test]
async fn a_wrong_password_is_refused_by_the_token_server() {
    let internet = Internet::of(quay).await;
    let access = ["environment refused unauthorized", "anonymous refused unauthorized"];
    let outcome = inspect(&internet, "quay.io/acme/private:v1", &login(WRONG)).await;
    outcome.fails("unauthorized at token", &access);
    assert!(outcome.text.contains("Could not find robot"), "{}", outcome.text);
}

#[tokio::test]
async fn a_missing_repository_is_unauthorized() {
    let internet = Internet::of(quay).await;
    let outcome = inspect(&internet, "quay.io/acme/none:v1", &[]).await;
    outcome.fails("unauthorized at manifest", &["anonymous refused unauthorized"]);
}
