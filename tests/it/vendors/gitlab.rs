//! GitLab: the token server is GitLab itself, on another host than the registry; a token may allow nothing.

use super::*;

const HOST: &str = "registry.gitlab.example";
const REALM: &str = "gitlab.example";

fn gitlab(seen: &Seen) -> Reply {
    if seen.headers["host"] == REALM {
        assert_eq!(query(seen, "service").as_deref(), Some("container_registry"), "{seen:?}");
        let scope = query(seen, "scope").unwrap_or_default();
        let name = match seen.authorization() {
            Some(sent) if sent == basic("gitlab+deploy-token-1", RIGHT) => "deploy",
            Some(_) => return refusal(401, "UNAUTHORIZED", "HTTP Basic: Access denied"),
            None => "nobody",
        };
        let allowed = match (name, scope.as_str()) {
            (_, "repository:acme/public:pull") | ("deploy", "repository:acme/private:pull") => "pull",
            _ => "nothing",
        };
        return reply(200, format!(r#"{{"token":"canary-token-{allowed}","expires_in":300}}"#));
    }
    let Some(place) = Place::of(seen) else { return challenge(&[&wanted(None)]) };
    match seen.authorization() {
        Some("Bearer canary-token-pull") => place.content(Some("https://storage.example/gitlab/c0ffee")),
        // A token that allows nothing is answered like none.
        _ => challenge(&[&wanted(Some(&place.scope()))]),
    }
}

fn wanted(scope: Option<&str>) -> String {
    let scope = scope.map(|scope| format!(r#",scope="{scope}",error="insufficient_scope""#)).unwrap_or_default();
    format!(r#"Bearer realm="https://{REALM}/jwt/auth",service="container_registry"{scope}"#)
}

fn login(password: &str) -> [(&'static str, &str); 2] {
    [
        ("REGISTRY_REGISTRY_GITLAB_EXAMPLE_USERNAME", "gitlab+deploy-token-1"),
        ("REGISTRY_REGISTRY_GITLAB_EXAMPLE_PASSWORD", password),
    ]
}

#[tokio::test]
async fn it_resolves() {
    let internet =
        Internet::of(|seen| if seen.headers["host"] == "storage.example" { storage(seen) } else { gitlab(seen) });
    let internet = internet.await;
    inspect(&internet, &format!("{HOST}/acme/public:v1"), &[]).await.is_resolved(&["anonymous accepted"]);
    let outcome = inspect(&internet, &format!("{HOST}/acme/private:v1"), &login(RIGHT)).await;
    outcome.is_resolved(&["environment accepted"]);
    internet.assert_never_logged_in_to("storage.example");
    assert!(
        internet.asked(HOST).iter().all(|seen| seen.authorization().is_none_or(|sent| sent.starts_with("Bearer ")))
    );
}

#[tokio::test]
async fn a_wrong_password_is_refused_by_the_token_server() {
    let internet = Internet::of(gitlab).await;
    let access = ["environment refused unauthorized", "anonymous refused unauthorized"];
    let outcome = inspect(&internet, &format!("{HOST}/acme/private:v1"), &login(WRONG)).await;
    outcome.fails("unauthorized at token", &access);
}

#[tokio::test]
async fn a_missing_repository_is_unauthorized() {
    let internet = Internet::of(gitlab).await;
    let access = ["environment refused unauthorized", "anonymous refused unauthorized"];
    let outcome = inspect(&internet, &format!("{HOST}/acme/none:v1"), &login(RIGHT)).await;
    outcome.fails("unauthorized at manifest", &access);
}
