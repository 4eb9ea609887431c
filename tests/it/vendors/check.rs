//! `imagefacts registry check` against registries that answer as the world's do.

use super::*;
use crate::cli::Ran;

/// What works: a registry for everyone, one for `alice` alone, one that is down, one that is none.
fn world(seen: &Seen) -> Reply {
    match seen.headers["host"].as_str() {
        "open.example" => Place::of(seen).map_or_else(|| reply(200, "{}"), |place| open(&place)),
        "closed.example" if seen.authorization() == Some(&basic("alice", RIGHT)) => {
            Place::of(seen).map_or_else(|| reply(200, "{}"), |place| place.content(None))
        }
        "closed.example" => challenge(&[r#"Basic realm="Closed""#]),
        "bearer.example" => {
            challenge(&[r#"Bearer realm="https://auth.example/token?canary-signature",service="bearer""#])
        }
        "auth.example" => refusal(401, "UNAUTHORIZED", "who are you?"),
        "down.example" => reply(503, "canary-body"),
        _ => Reply::Full(404, vec![("content-type", "text/html".to_owned())], b"<html>\x1b[31m".to_vec()),
    }
}

fn open(place: &Place<'_>) -> Reply {
    let content = match place.repository {
        "web" if place.item == "v1" => place.content(None),
        _ => refusal(404, "MANIFEST_UNKNOWN", "manifest unknown"),
    };
    content.with("ratelimit-limit", "100;w=21600").with("ratelimit-remaining", "76;w=21600")
}

async fn check(targets: &[&str], password: Option<&str>, more: &[&str]) -> Ran {
    let mut program = Internet::of(world).await.program();
    if let Some(password) = password {
        let variables = [("REGISTRY_CLOSED_EXAMPLE_USERNAME", "alice"), ("REGISTRY_CLOSED_EXAMPLE_PASSWORD", password)];
        program = variables.iter().fold(program, |program, (name, value)| program.with(name, value));
    }
    let ran = program.run(&[&["-vvv", "registry", "check", "--retries", "0"], more, targets].concat()).await;
    for secret in [RIGHT, WRONG, "canary-signature", "\x1b[31m"] {
        assert!(!format!("{}{}", ran.stdout(), ran.stderr).contains(secret), "{secret}: {}", ran.stdout());
    }
    ran
}

async fn report(targets: &[&str], password: Option<&str>) -> (Option<i32>, Vec<Value>) {
    let ran = check(targets, password, &["-o", "json"]).await;
    let report: Value = serde_json::from_str(&ran.stdout()).unwrap();
    assert_eq!(report["schemaVersion"], "1.0");
    (ran.code, report["registries"].as_array().unwrap().clone())
}

#[tokio::test]
async fn what_works_is_told_step_by_step() {
    let (code, registries) = report(&["open.example/web:v1"], None).await;
    assert_eq!(code, Some(0));
    let registry = &registries[0];
    assert_eq!((&registry["host"], &registry["repository"]), (&json!("open.example"), &json!("web")));
    assert_eq!(registry["rateLimit"], json!({"limit": 100, "remaining": 76}));
    let endpoint = &registry["endpoints"][0];
    assert_eq!((&endpoint["endpoint"], &endpoint["via"]), (&json!("https://open.example"), &json!("registry")));
    assert_eq!((&endpoint["status"], &endpoint["auth"]["scheme"]), (&json!(200), &json!("none")));
    assert!(endpoint["latencyMs"].is_u64() && endpoint["proxied"] == true, "{endpoint}");
    let tls = &endpoint["tls"];
    assert_eq!((&tls["protocol"], &tls["trusted"]), (&json!("TLS 1.3"), &json!(true)));
    assert_eq!(tls["certificates"][0]["names"], json!(["open.example"]));
    assert!(tls["certificates"][0]["issuer"].as_str().unwrap().contains("an authority in a box"), "{tls}");
    assert_eq!(endpoint["access"], json!([{"source": "anonymous", "accepted": true, "found": true}]));
}

#[tokio::test]
async fn a_credential_is_named_with_what_became_of_it() {
    let (code, registries) = report(&["closed.example/team/web", "closed.example"], Some(RIGHT)).await;
    assert_eq!(code, Some(0));
    for registry in &registries {
        let access = &registry["endpoints"][0]["access"];
        assert_eq!((&access[0]["source"], &access[0]["accepted"]), (&json!("environment"), &json!(true)), "{access}");
        assert!(access[0]["name"].as_str().unwrap().contains("REGISTRY_CLOSED_EXAMPLE"), "{access}");
        assert_eq!(registry["endpoints"][0]["auth"]["scheme"], "basic");
    }
    let (code, registries) = report(&["closed.example/team/web", "closed.example"], Some(WRONG)).await;
    assert_eq!(code, Some(3));
    for registry in &registries {
        let access = registry["endpoints"][0]["access"].as_array().unwrap();
        let classes: Vec<_> = access.iter().map(|access| &access["error"]["class"]).collect();
        assert_eq!(classes, ["unauthorized", "unauthorized"], "{registry}");
    }
}

#[tokio::test]
async fn nothing_tagged_latest_is_no_refusal_but_a_missing_tag_is() {
    let (code, registries) = report(&["open.example/other"], None).await;
    let access = &registries[0]["endpoints"][0]["access"][0];
    assert_eq!((code, &access["accepted"], &access["found"]), (Some(0), &json!(true), &json!(false)));
    let (code, registries) = report(&["open.example/other:v9"], None).await;
    let access = &registries[0]["endpoints"][0]["access"][0];
    assert_eq!((code, &access["accepted"]), (Some(3), &json!(false)));
    assert_eq!(access["error"]["class"], "not-found");
}

#[tokio::test]
async fn a_token_server_is_named_and_asked_only_for_a_repository() {
    let (code, registries) = report(&["bearer.example"], None).await;
    let endpoint = &registries[0]["endpoints"][0];
    let expected = json!({"scheme": "bearer", "realm": "https://auth.example/token", "service": "bearer"});
    assert_eq!((code, &endpoint["auth"], &endpoint["access"]), (Some(0), &expected, &json!([])));
    let (code, registries) = report(&["bearer.example/web"], None).await;
    let access = &registries[0]["endpoints"][0]["access"][0];
    assert_eq!((code, &access["error"]["class"]), (Some(3), &json!("unauthorized")));
    assert!(access["error"]["message"].as_str().unwrap().contains("the token server https://auth.example"), "{access}");
}

#[tokio::test]
async fn several_are_listed_for_a_person() {
    let targets = ["open.example/web:v1", "down.example", "www.example/web"];
    let ran = check(&targets, None, &[]).await.exits(3);
    let text = ran.stdout();
    for line in [
        "ok open.example/web can be pulled from\n  https://open.example\n",
        "ok  access  anonymous: accepted\n",
        "-  rate limit  76 of 100 pulls left\n",
        "FAIL down.example cannot be pulled from\n",
        "answers 503 Service Unavailable",
        "FAIL www.example/web cannot be pulled from\n",
        "where a registry answers 200 or 401; check that this is a registry",
    ] {
        assert!(text.contains(line), "{line:?} is not in\n{text}");
    }
}

#[tokio::test]
async fn a_certificate_that_is_not_trusted_is_shown_with_its_issuer() {
    let program = Internet::of(world).await.wary_program();
    let ran = program.run(&["registry", "check", "--retries", "0", "open.example/web:v1"]).await.exits(3);
    let text = ran.stdout();
    for words in ["TLS 1.3", "certificate for open.example", "an authority in a box", "FAIL  trust", "--ca-file"] {
        assert!(text.contains(words), "{words} is not in\n{text}");
    }
}

#[tokio::test]
async fn what_names_no_registry_is_wrong_usage() {
    let internet = Internet::of(world).await;
    internet.program().run(&["registry", "check", "nginx"]).await.exits(2).says(&["names no registry", "ghcr.io"]);
    internet.program().run(&["registry", "check"]).await.exits(2);
}
