//! Harbor: Bearer for who shows nothing, Basic for who showed something that is not enough.

use super::*;

const HOST: &str = "harbor.example";

fn harbor(seen: &Seen) -> Reply {
    if seen.path.starts_with("/service/token") {
        assert_eq!(query(seen, "service").as_deref(), Some("harbor-registry"), "{seen:?}");
        return match seen.authorization() {
            Some(sent) if sent == basic("robot$acme+puller", RIGHT) => token("robot"),
            // Without a body that would say why.
            Some(_) => reply(401, ""),
            None => token("nobody"),
        };
    }
    let Some(place) = Place::of(seen) else { return unauthorized(seen, None) };
    let project = place.repository.split('/').next().unwrap_or_default();
    match (seen.authorization(), project) {
        (Some(_), "library") if place.repository == "library/web" => place.content(None),
        (Some("Bearer canary-token-robot"), "acme") if place.repository == "acme/web" => place.content(None),
        (Some("Bearer canary-token-robot"), "acme") => refusal(404, "NOT_FOUND", "repository acme/none not found"),
        _ => unauthorized(seen, Some(&place)),
    }
}

fn token(name: &str) -> Reply {
    reply(200, format!(r#"{{"token":"canary-token-{name}","access_token":"","expires_in":1800}}"#))
}

fn unauthorized(seen: &Seen, place: Option<&Place<'_>>) -> Reply {
    let scope = place.map(|place| format!(r#",scope="{}""#, place.scope())).unwrap_or_default();
    let bearer = format!(r#"Bearer realm="https://{HOST}/service/token",service="harbor-registry"{scope}"#);
    let wanted = if seen.authorization().is_some() { r#"Basic realm="harbor""# } else { &bearer };
    let name = place.map(|place| place.repository).unwrap_or_default();
    refusal(401, "UNAUTHORIZED", &format!("unauthorized to access repository: {name}, action: pull"))
        .with("www-authenticate", wanted)
}

fn login(password: &str) -> [(&'static str, &str); 2] {
    [("REGISTRY_HARBOR_EXAMPLE_USERNAME", "robot$acme+puller"), ("REGISTRY_HARBOR_EXAMPLE_PASSWORD", password)]
}

#[tokio::test]
async fn it_resolves() {
    let internet = Internet::of(harbor).await;
    inspect(&internet, "harbor.example/library/web:v1", &[]).await.is_resolved(&["anonymous accepted"]);
    inspect(&internet, "harbor.example/acme/web:v1", &login(RIGHT)).await.is_resolved(&["environment accepted"]);
}

#[tokio::test]
async fn a_wrong_password_is_refused_by_the_token_server() {
    let internet = Internet::of(harbor).await;
    let access = ["environment refused unauthorized", "anonymous refused unauthorized"];
    let outcome = inspect(&internet, "harbor.example/acme/web:v1", &login(WRONG)).await;
    outcome.fails("unauthorized at token", &access);
}

#[tokio::test]
async fn a_missing_repository_is_not_found_and_a_missing_project_unauthorized() {
    let internet = Internet::of(harbor).await;
    let access = ["environment refused not-found", "anonymous refused unauthorized"];
    let outcome = inspect(&internet, "harbor.example/acme/none:v1", &login(RIGHT)).await;
    outcome.fails("not-found at manifest", &access);
    let access = ["environment refused unauthorized", "anonymous refused unauthorized"];
    let outcome = inspect(&internet, "harbor.example/nobody/web:v1", &login(RIGHT)).await;
    outcome.fails("unauthorized at manifest", &access);
}
