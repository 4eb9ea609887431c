//! zot, with htpasswd and an anonymous policy: who shows nothing sees what is for all, who shows a wrong password
//! sees nothing.

use super::*;

const HOST: &str = "zot.example";

fn zot(seen: &Seen) -> Reply {
    let is_known = match seen.authorization() {
        Some(sent) if sent == basic("alice", RIGHT) => true,
        Some(_) => return challenge(&[r#"Basic realm="Authorization Required""#]),
        None => false,
    };
    match Place::of(seen) {
        Some(place) if place.repository == "public/web" => place.content(None),
        Some(_) if !is_known => challenge(&[r#"Basic realm="Authorization Required""#]),
        Some(place) if place.repository == "private/web" => place.content(None),
        Some(_) => refusal(404, "NAME_UNKNOWN", "repository name not known to registry"),
        None => reply(200, "{}"),
    }
}

fn login(password: &str) -> [(&'static str, &str); 2] {
    [("REGISTRY_ZOT_EXAMPLE_USERNAME", "alice"), ("REGISTRY_ZOT_EXAMPLE_PASSWORD", password)]
}

#[tokio::test]
async fn it_resolves() {
    let internet = Internet::of(zot).await;
    inspect(&internet, "zot.example/public/web:v1", &[]).await.is_resolved(&["anonymous accepted"]);
    inspect(&internet, "zot.example/private/web:v1", &login(RIGHT)).await.is_resolved(&["environment accepted"]);
}

#[tokio::test]
async fn what_is_for_all_needs_no_password_not_even_a_wrong_one() {
    let internet = Internet::of(zot).await;
    inspect(&internet, "zot.example/public/web:v1", &login(WRONG)).await.is_resolved(&["environment accepted"]);
    internet.assert_never_logged_in_to(HOST);
}

#[tokio::test]
async fn a_wrong_password_is_unauthorized() {
    let internet = Internet::of(zot).await;
    let access = ["environment refused unauthorized", "anonymous refused unauthorized"];
    let outcome = inspect(&internet, "zot.example/private/web:v1", &login(WRONG)).await;
    outcome.fails("unauthorized at manifest", &access);
}

#[tokio::test]
async fn a_missing_repository_is_not_found() {
    let internet = Internet::of(zot).await;
    let access = ["environment refused not-found", "anonymous refused unauthorized"];
    let outcome = inspect(&internet, "zot.example/none:v1", &login(RIGHT)).await;
    outcome.fails("not-found at manifest", &access);
}
