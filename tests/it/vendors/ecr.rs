//! Amazon's registry: Basic with a token that is good for twelve hours, and a 403 once it is not.

use super::*;

const HOST: &str = "123456789012.dkr.ecr.us-east-1.amazonaws.com";
const BLOBS: &str = "https://prod-us-east-1-starport-layer-bucket.s3.us-east-1.amazonaws.com/c0ffee";
const EXPIRED: &str = "s3cr3t-canary-expired";

fn ecr(seen: &Seen) -> Reply {
    if seen.headers["host"] != HOST {
        return storage(seen);
    }
    let Some(sent) = seen.authorization() else { return not_authorized() };
    if sent == basic("AWS", EXPIRED) {
        return refusal(403, "DENIED", "Your authorization token has expired. Reauthenticate and try again.");
    }
    if sent != basic("AWS", RIGHT) {
        return not_authorized();
    }
    match Place::of(seen) {
        Some(place) if place.repository == "acme/private" => place.content(Some(BLOBS)),
        Some(place) => {
            let name = place.repository;
            let message =
                format!("The repository with name '{name}' does not exist in the registry with id '123456789012'");
            refusal(404, "NAME_UNKNOWN", &message)
        }
        None => reply(200, ""),
    }
}

/// The body is a text, not what the specification wants.
fn not_authorized() -> Reply {
    let wanted = format!(r#"Basic realm="https://{HOST}/",service="ecr.amazonaws.com""#);
    Reply::Full(401, vec![("content-type", "text/plain; charset=utf-8".to_owned())], b"Not Authorized\n".to_vec())
        .with("www-authenticate", wanted)
}

async fn with_password(repository: &str, password: &str) -> (Internet, Outcome) {
    let internet = Internet::of(ecr).await;
    let auth = STANDARD.encode(format!("AWS:{password}"));
    let config = json!({"auths": {HOST: {"auth": auth}}}).to_string();
    let outcome = inspect(&internet, &format!("{HOST}/{repository}:v1"), &[("DOCKER_AUTH_CONFIG", &config)]).await;
    (internet, outcome)
}

#[tokio::test]
async fn it_resolves() {
    let (internet, outcome) = with_password("acme/private", RIGHT).await;
    outcome.is_resolved(&["environment accepted"]);
    internet.assert_never_logged_in_to("prod-us-east-1-starport-layer-bucket.s3.us-east-1.amazonaws.com");
}

#[tokio::test]
async fn a_wrong_and_an_expired_token_are_unauthorized() {
    let access = ["environment refused unauthorized", "anonymous refused unauthorized"];
    let (_, wrong) = with_password("acme/private", WRONG).await;
    wrong.fails("unauthorized at manifest", &access);
    let (_, expired) = with_password("acme/private", EXPIRED).await;
    expired.fails("unauthorized at manifest", &access);
    assert!(expired.text.contains("12 hours"), "{}", expired.text);
}

#[tokio::test]
async fn a_missing_repository_is_not_found() {
    let (_, outcome) = with_password("acme/none", RIGHT).await;
    outcome.fails("not-found at manifest", &["environment refused not-found", "anonymous refused unauthorized"]);
    assert!(outcome.text.contains("The repository with name 'acme/none' does not exist"), "{}", outcome.text);
}
