//! Gitea: two challenges, of which Bearer has no service and no scope, and a token for nobody too.

use super::*;

const HOST: &str = "git.example";

fn gitea(seen: &Seen) -> Reply {
    let wanted = [&*format!(r#"Bearer realm="https://{HOST}/v2/token""#), "Basic"];
    if seen.path.starts_with("/v2/token") {
        return match seen.authorization() {
            Some(sent) if sent == basic("alice", RIGHT) => reply(200, r#"{"token":"canary-token-alice"}"#),
            Some(_) => challenge(&wanted),
            None => reply(200, r#"{"token":"canary-token-ghost"}"#),
        };
    }
    let Some(place) = Place::of(seen) else { return challenge(&wanted) };
    match (seen.authorization(), place.repository) {
        (Some("Bearer canary-token-ghost" | "Bearer canary-token-alice"), "acme/public") => place.content(None),
        (Some("Bearer canary-token-alice"), "acme/private") => place.content(None),
        (Some("Bearer canary-token-alice"), _) => refusal(404, "MANIFEST_UNKNOWN", "manifest unknown"),
        _ => challenge(&wanted),
    }
}

fn login(password: &str) -> [(&'static str, &str); 2] {
    [("REGISTRY_GIT_EXAMPLE_USERNAME", "alice"), ("REGISTRY_GIT_EXAMPLE_PASSWORD", password)]
}

#[tokio::test]
async fn it_resolves() {
    let internet = Internet::of(gitea).await;
    inspect(&internet, "git.example/acme/public:v1", &[]).await.is_resolved(&["anonymous accepted"]);
    inspect(&internet, "git.example/acme/private:v1", &login(RIGHT)).await.is_resolved(&["environment accepted"]);
    // The password went to the token server alone, though the registry would have taken it.
    let shown = internet.asked(HOST).into_iter().filter(|seen| seen.authorization() == Some(&basic("alice", RIGHT)));
    assert!(shown.into_iter().all(|seen| seen.path.starts_with("/v2/token")));
}

#[tokio::test]
async fn a_wrong_password_is_refused_by_the_token_server() {
    let internet = Internet::of(gitea).await;
    let access = ["environment refused unauthorized", "anonymous refused unauthorized"];
    let outcome = inspect(&internet, "git.example/acme/private:v1", &login(WRONG)).await;
    outcome.fails("unauthorized at token", &access);
}

#[tokio::test]
async fn a_missing_repository_is_not_found() {
    let internet = Internet::of(gitea).await;
    let access = ["environment refused not-found", "anonymous refused unauthorized"];
    let outcome = inspect(&internet, "git.example/acme/none:v1", &login(RIGHT)).await;
    outcome.fails("not-found at manifest", &access);
}
