//! Azure's registry: an identity token of `az acr login`, a password of a service principal, and blobs in a storage
//! account that refuses a second login.

use super::*;

const HOST: &str = "acme.azurecr.io";
const STORAGE: &str = "https://weu2manag.blob.core.windows.net/c0ffee/docker/registry/v2/blobs/c0ffee";

fn acr(seen: &Seen) -> Reply {
    if seen.headers["host"] != HOST {
        return storage(seen);
    }
    if seen.path.starts_with("/oauth2/token") {
        let is_right = match seen.method.as_str() {
            "POST" => seen.body.contains(&format!("refresh_token={RIGHT}")) && seen.body.contains("repository%3A"),
            _ => seen.authorization().is_some_and(|sent| sent == basic("principal", RIGHT)),
        };
        return match is_right {
            true => reply(200, r#"{"access_token":"canary-token"}"#),
            false => refusal(401, "UNAUTHORIZED", "authentication required, visit https://aka.ms/acr/authorization"),
        };
    }
    let Some(place) = Place::of(seen) else { return challenge(&[&wanted(None)]) };
    match (seen.authorization(), place.repository) {
        (Some("Bearer canary-token"), "team/web") => place.content(Some(STORAGE)),
        (Some("Bearer canary-token"), name) => {
            refusal(404, "NAME_UNKNOWN", &format!("repository \"{name}\" is not found"))
        }
        _ => challenge(&[&wanted(Some(&place.scope()))]),
    }
}

fn wanted(scope: Option<&str>) -> String {
    let scope = scope.map(|scope| format!(r#",scope="{scope}""#)).unwrap_or_default();
    format!(r#"Bearer realm="https://{HOST}/oauth2/token",service="{HOST}"{scope}"#)
}

/// What `az acr login` leaves in docker's configuration.
fn identity(token: &str) -> String {
    let auth = STANDARD.encode("00000000-0000-0000-0000-000000000000:");
    json!({"auths": {HOST: {"auth": auth, "identitytoken": token}}}).to_string()
}

async fn with_identity(repository: &str, token: &str) -> (Internet, Outcome) {
    let (internet, config) = (Internet::of(acr).await, identity(token));
    let reference = format!("{HOST}/{repository}:v1");
    let outcome = inspect(&internet, &reference, &[("DOCKER_AUTH_CONFIG", &config)]).await;
    (internet, outcome)
}

#[tokio::test]
async fn it_resolves() {
    let (internet, outcome) = with_identity("team/web", RIGHT).await;
    outcome.is_resolved(&["environment accepted"]);
    internet.assert_never_logged_in_to("weu2manag.blob.core.windows.net");
    let login = [("REGISTRY_ACME_AZURECR_IO_USERNAME", "principal"), ("REGISTRY_ACME_AZURECR_IO_PASSWORD", RIGHT)];
    inspect(&internet, &format!("{HOST}/team/web:v1"), &login).await.is_resolved(&["environment accepted"]);
}

#[tokio::test]
async fn a_wrong_token_is_refused_by_the_token_server() {
    let (_, outcome) = with_identity("team/web", WRONG).await;
    let access = ["environment refused unauthorized", "anonymous refused unauthorized"];
    outcome.fails("unauthorized at token", &access);
}

#[tokio::test]
async fn a_missing_repository_is_not_found() {
    let (_, outcome) = with_identity("team/none", RIGHT).await;
    let access = ["environment refused not-found", "anonymous refused unauthorized"];
    outcome.fails("not-found at manifest", &access);
}
