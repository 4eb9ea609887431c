//! Google's registries (`gcr.io`, `pkg.dev`): keys and access tokens as passwords, and `denied` for what may not exist.

use super::*;

const HOST: &str = "europe-docker.pkg.dev";
/// The key of a service account is a JSON document; it is sent as the password of `_json_key`.
const KEY: &str = r#"{"type": "service_account", "private_key": "s3cr3t-canary-right"}"#;

fn google(seen: &Seen) -> Reply {
    if seen.path.starts_with("/v2/token") {
        return match seen.authorization() {
            Some(sent) if sent == basic("_json_key", KEY) => token("account"),
            Some(_) => refusal(401, "UNAUTHORIZED", "authentication failed"),
            None => token("anonymous"),
        };
    }
    if seen.path.starts_with("/artifacts-downloads/") {
        return blob();
    }
    let Some(place) = Place::of(seen) else { return challenge(&[&wanted(None)]) };
    let blobs = Some("/artifacts-downloads/namespaces/acme/repositories/team/downloads/c0ffee");
    match (seen.authorization(), place.repository) {
        (None, _) => challenge(&[&wanted(Some(&place.scope()))]),
        (Some("Bearer canary-token-anonymous"), "acme/public/web") => place.content(blobs),
        (Some("Bearer canary-token-account"), "acme/team/web") => place.content(blobs),
        _ => {
            let message = "Permission \"artifactregistry.repositories.downloadArtifacts\" denied on resource \
                           \"projects/acme/locations/europe/repositories/none\" (or it may not exist)";
            refusal(403, "DENIED", message)
        }
    }
}

fn token(name: &str) -> Reply {
    reply(200, format!(r#"{{"expires_in":43200,"token":"canary-token-{name}"}}"#))
}

fn wanted(scope: Option<&str>) -> String {
    let scope = scope.map(|scope| format!(r#",scope="{scope}""#)).unwrap_or_default();
    format!(r#"Bearer realm="https://{HOST}/v2/token",service="{HOST}"{scope}"#)
}

fn login(password: &str) -> String {
    json!({"auths": {HOST: {"username": "_json_key", "password": password}}}).to_string()
}

#[tokio::test]
async fn it_resolves() {
    let internet = Internet::of(google).await;
    inspect(&internet, &format!("{HOST}/acme/public/web:v1"), &[]).await.is_resolved(&["anonymous accepted"]);
    let key = login(KEY);
    let outcome = inspect(&internet, &format!("{HOST}/acme/team/web:v1"), &[("DOCKER_AUTH_CONFIG", &key)]).await;
    outcome.is_resolved(&["environment accepted"]);
}

#[tokio::test]
async fn a_wrong_key_is_refused_by_the_token_server() {
    let internet = Internet::of(google).await;
    let key = login(WRONG);
    let outcome = inspect(&internet, &format!("{HOST}/acme/team/web:v1"), &[("DOCKER_AUTH_CONFIG", &key)]).await;
    // That anonymous pulls are denied says more than that the key is wrong, so that comes first; the key's word is kept.
    outcome.fails("forbidden at manifest", &["environment refused unauthorized", "anonymous refused forbidden"]);
}

#[tokio::test]
async fn a_missing_repository_is_forbidden() {
    let internet = Internet::of(google).await;
    let key = login(KEY);
    let outcome = inspect(&internet, &format!("{HOST}/acme/none/web:v1"), &[("DOCKER_AUTH_CONFIG", &key)]).await;
    outcome.fails("forbidden at manifest", &["environment refused forbidden", "anonymous refused forbidden"]);
    assert!(outcome.text.contains("(or it may not exist)"), "{}", outcome.text);
}
