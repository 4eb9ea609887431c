//! GitHub's registry: opaque tokens without a life, and `denied` for a wrong login as for a missing permission.

use super::*;

const BLOBS: &str = "https://pkg-containers.githubusercontent.com/ghcr1/blobs/sha256:c0ffee";

fn ghcr(seen: &Seen) -> Reply {
    if seen.headers["host"] != "ghcr.io" {
        return storage(seen);
    }
    if seen.path.starts_with("/token") {
        let scope = query(seen, "scope").unwrap_or_default();
        let login = basic("octocat", RIGHT);
        return match seen.authorization() {
            None if scope == "repository:acme/public:pull" => token("anonymous"),
            None => refusal(401, "UNAUTHORIZED", "authentication required"),
            Some(sent) if sent == login => token("octocat"),
            Some(_) => refusal(403, "DENIED", "denied"),
        };
    }
    let Some(place) = Place::of(seen) else { return challenge(&[&wanted("repository:user/image:pull")]) };
    match (seen.authorization(), place.repository) {
        (None, _) => challenge(&[&wanted(&place.scope())]),
        (Some("Bearer canary-token-anonymous"), "acme/public") => place.content(Some(BLOBS)),
        (Some("Bearer canary-token-octocat"), "acme/public" | "acme/private") => place.content(Some(BLOBS)),
        _ => refusal(404, "MANIFEST_UNKNOWN", "manifest unknown"),
    }
}

fn token(name: &str) -> Reply {
    reply(200, format!(r#"{{"token":"canary-token-{name}"}}"#))
}

fn wanted(scope: &str) -> String {
    format!(r#"Bearer realm="https://ghcr.io/token",service="ghcr.io",scope="{scope}""#)
}

#[tokio::test]
async fn it_resolves() {
    let internet = Internet::of(ghcr).await;
    inspect(&internet, "ghcr.io/acme/public:v1", &[]).await.is_resolved(&["anonymous accepted"]);
    internet.assert_never_logged_in_to("pkg-containers.githubusercontent.com");
    let login = [("GITHUB_TOKEN", RIGHT), ("GITHUB_ACTOR", "octocat")];
    inspect(&internet, "ghcr.io/acme/private:v1", &login).await.is_resolved(&["environment accepted"]);
}

#[tokio::test]
async fn a_wrong_password_is_told_from_a_missing_one() {
    let internet = Internet::of(ghcr).await;
    let access = ["environment refused forbidden", "anonymous refused unauthorized"];
    let login = [("GITHUB_TOKEN", WRONG), ("GITHUB_ACTOR", "octocat")];
    inspect(&internet, "ghcr.io/acme/private:v1", &login).await.fails("forbidden at token", &access);
    let nobody = inspect(&internet, "ghcr.io/acme/private:v1", &[]).await;
    nobody.fails("unauthorized at token", &["anonymous refused unauthorized"]);
}

#[tokio::test]
async fn a_missing_repository_is_not_found_by_who_may_look() {
    let internet = Internet::of(ghcr).await;
    let login = [("GITHUB_TOKEN", RIGHT), ("GITHUB_ACTOR", "octocat")];
    let access = ["environment refused not-found", "anonymous refused unauthorized"];
    inspect(&internet, "ghcr.io/acme/none:v1", &login).await.fails("not-found at manifest", &access);
}
