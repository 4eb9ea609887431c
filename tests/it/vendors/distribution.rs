//! The CNCF's distribution, with htpasswd: Basic, and the error codes of the specification.

use super::*;

const HOST: &str = "registry.example:5000";

fn distribution(seen: &Seen) -> Reply {
    if seen.headers["host"] != HOST {
        return storage(seen);
    }
    if seen.authorization().is_none_or(|sent| sent != basic("alice", RIGHT)) {
        return challenge(&[r#"Basic realm="Registry Realm""#]);
    }
    match Place::of(seen) {
        Some(place) if place.repository == "web" => place.content(Some("https://s3.example/bucket/c0ffee")),
        Some(_) => refusal(404, "NAME_UNKNOWN", "repository name not known to registry"),
        None => reply(200, "{}"),
    }
}

fn login(password: &str) -> [(&'static str, &str); 2] {
    [("REGISTRY_REGISTRY_EXAMPLE_5000_USERNAME", "alice"), ("REGISTRY_REGISTRY_EXAMPLE_5000_PASSWORD", password)]
}

#[tokio::test]
async fn it_resolves() {
    let internet = Internet::of(distribution).await;
    inspect(&internet, &format!("{HOST}/web:v1"), &login(RIGHT)).await.is_resolved(&["environment accepted"]);
    internet.assert_never_logged_in_to("s3.example");
}

#[tokio::test]
async fn a_wrong_password_is_unauthorized_and_shown_once() {
    let internet = Internet::of(distribution).await;
    let access = ["environment refused unauthorized", "anonymous refused unauthorized"];
    inspect(&internet, &format!("{HOST}/web:v1"), &login(WRONG)).await.fails("unauthorized at manifest", &access);
    let shown = internet.asked(HOST).into_iter().filter(|seen| seen.authorization().is_some());
    assert_eq!(shown.count(), 1);
}

#[tokio::test]
async fn a_missing_repository_is_not_found() {
    let internet = Internet::of(distribution).await;
    let outcome = inspect(&internet, &format!("{HOST}/none:v1"), &login(RIGHT)).await;
    outcome.fails("not-found at manifest", &["environment refused not-found", "anonymous refused unauthorized"]);
}
