//! Every class of error, made for real: what `inspect` tells of it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use rcgen::date_time_ymd;
use regex::Regex;
use serde_json::{Value, json};
use tokio::net::{TcpSocket, TcpStream};

use super::{Answer, Image, Reply, Scene, Server, challenge, challenge_of, head, reply};
use crate::cli::program::nobody;
use crate::support::tls::Authority;

/// An image that fails, and what is told of it.
struct Case {
    reference: String,
    class: &'static str,
    stage: &'static str,
    status: Option<u16>,
    attempts: u64,
    /// what its message says, beside who was asked and how often
    words: &'static [&'static str],
    /// what keeps the server alive
    _server: Option<Server>,
}

async fn case(
    name: &str,
    told: (&'static str, &'static str, Option<u16>, u64),
    words: &'static [&'static str],
    answer: impl Answer,
) -> Case {
    let server = Server::http(answer).await;
    let reference = format!("{}/{name}:1", server.address);
    of(reference, told, words, Some(server))
}

fn of(
    reference: String,
    (class, stage, status, attempts): (&'static str, &'static str, Option<u16>, u64),
    words: &'static [&'static str],
    server: Option<Server>,
) -> Case {
    Case { reference, class, stage, status, attempts, words, _server: server }
}

fn error(status: u16, code: &str) -> Reply {
    reply(status, json!({"errors": [{"code": code, "message": "in words"}]}).to_string())
}

/// An address that takes no more connections: whoever is not taken waits.
async fn full() -> (SocketAddr, Vec<TcpStream>) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let mut waiting = Vec::new();
    while let Ok(Ok(stream)) = tokio::time::timeout(Duration::from_millis(300), TcpStream::connect(address)).await {
        waiting.push(stream);
    }
    // It shall listen as long as the test lasts, and take nobody.
    std::mem::forget(listener);
    (address, waiting)
}

async fn answers() -> Vec<Case> {
    let manifest = "manifest";
    let config = r#"{"os":"linux","architecture":"amd64"}"#;
    let good = || Image::of(config);
    let basic = |_: &_| reply(401, "{}").with("www-authenticate", "Basic realm=\"x\"");
    let token = |seen: &crate::registry_client::server::Seen| match seen.path.starts_with("/token") {
        true => reply(200, r#"{"token":"t"}"#),
        false => challenge(seen),
    };
    let bad_token = |seen: &crate::registry_client::server::Seen| match seen.path.starts_with("/token") {
        true => error(403, "DENIED"),
        false => challenge(seen),
    };
    let cut = || Reply::Bytes([head(200, "content-length: 500\r\n"), b"{\"schema".to_vec()].concat());
    let no_config = good();
    let slow_config = good();
    let other_config = good();
    vec![
        case("anonymous", ("unauthorized", manifest, Some(401), 1), &["credential is needed"], basic).await,
        case("after-token", ("unauthorized", manifest, Some(401), 1), &["credential"], token).await,
        case("denied", ("forbidden", manifest, Some(403), 1), &["DENIED: in words", "anonymous pulls"], |_| {
            error(403, "DENIED")
        })
        .await,
        case("token-denied", ("forbidden", "token", Some(403), 1), &["token server", "DENIED"], bad_token).await,
        case("no-manifest", ("not-found", manifest, Some(404), 1), &["tag or digest"], |_| {
            error(404, "MANIFEST_UNKNOWN")
        })
        .await,
        case("no-repository", ("not-found", manifest, Some(404), 1), &["check the repository's name"], |_| {
            error(404, "NAME_UNKNOWN")
        })
        .await,
        case("no-config", ("not-found", "config", Some(404), 1), &["push the image again"], move |seen| {
            match seen.path.contains("/blobs/") {
                true => error(404, "BLOB_UNKNOWN"),
                false => no_config.answer(seen),
            }
        })
        .await,
        case("limited", ("rate-limited", manifest, Some(429), 3), &["larger quota"], |_| error(429, "TOOMANYREQUESTS"))
            .await,
        case("broken", ("server", manifest, Some(500), 3), &["server's log"], |_| reply(500, "<html>")).await,
        case("silent", ("timeout", manifest, None, 3), &["does not answer in time", "--registry-timeout"], |_| {
            Reply::Stall("")
        })
        .await,
        case("stalls", ("timeout", manifest, None, 3), &["does not end its answer"], |_| {
            Reply::Stall("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{")
        })
        .await,
        case("config-stalls", ("timeout", "config", None, 3), &["does not answer in time"], move |seen| {
            match seen.path.contains("/blobs/") {
                true => Reply::Stall(""),
                false => slow_config.answer(seen),
            }
        })
        .await,
        case("cut", ("connect", manifest, None, 3), &["broke the connection"], move |_| cut()).await,
        case("other-digest", ("digest-mismatch", manifest, Some(200), 1), &["not what its digest says"], |_| {
            reply(200, "{}").with("docker-content-digest", imagefacts::image::Digest::of(b"x").to_string())
        })
        .await,
        case("other-config", ("digest-mismatch", "config", Some(200), 1), &["where the manifest says"], move |seen| {
            match seen.path.contains("/blobs/") {
                true => reply(200, "{}"),
                false => other_config.answer(seen),
            }
        })
        .await,
        case("large", ("too-large", manifest, None, 1), &["4194304 bytes"], |_| reply(200, vec![b' '; 5 << 20])).await,
        case("no-json", ("invalid-content", manifest, None, 1), &["no JSON", "push the image again"], |_| {
            reply(200, "<html>")
        })
        .await,
        case("half-json", ("invalid-content", manifest, None, 1), &["EOF", "push the image again"], |_| {
            reply(200, "{\"schemaVersion\":2")
        })
        .await,
        case("unknown-type", ("unsupported", manifest, None, 1), &["application/x"], |_| {
            reply(200, r#"{"mediaType":"application/x"}"#)
        })
        .await,
        case("unknown-scheme", ("unsupported", manifest, Some(401), 1), &["Negotiate", "Basic or Bearer"], |_| {
            reply(401, "").with("www-authenticate", "Negotiate")
        })
        .await,
        case("metadata", ("refused", "token", None, 0), &["less public", "for safety"], |_| {
            challenge_of("http://169.254.169.254/")
        })
        .await,
        case("is-redirected", ("refused", manifest, None, 1), &["less public", "for safety"], |_| {
            reply(302, "").with("location", "http://[fd00:ec2::254]/")
        })
        .await,
    ]
}

/// Certificates that are not good, each in its own way, and a handshake that breaks off.
async fn tls(authority: &Authority) -> Vec<Case> {
    let told = ("tls", "manifest", None, 1);
    let stranger = Authority::new();
    let mut cases = Vec::new();
    let early = |params: &mut rcgen::CertificateParams| params.not_before = date_time_ymd(2999, 1, 1);
    for (name, acceptor, words) in [
        ("stranger", stranger.acceptor("127.0.0.1", |_| {}), &["certificate", "issuer"][..]),
        (
            "expired",
            authority.acceptor("127.0.0.1", |params| params.not_after = date_time_ymd(2020, 1, 2)),
            &["certificate", "expired"],
        ),
        ("early", authority.acceptor("127.0.0.1", early), &["certificate", "not valid"]),
        ("other-name", authority.acceptor("other.example", |_| {}), &["certificate", "other.example"]),
    ] {
        let server = Server::https(acceptor, |_| reply(200, "{}")).await;
        cases.push(of(format!("{}/{name}:1", server.address), told, words, Some(server)));
    }
    cases
}

/// Who was asked, by the reference.
fn host(reference: &str) -> &str {
    reference.split('/').next().unwrap()
}

#[tokio::test]
async fn each_class_tells_what_happened_to_what_and_what_to_do() {
    let authority = Authority::new();
    let mut cases = answers().await;
    cases.extend(tls(&authority).await);
    let (full, _waiting) = full().await;
    cases.push(of("registry.invalid/a:1".into(), ("dns", "manifest", None, 0), &["cannot be resolved", "DNS"], None));
    cases.push(of(format!("{}/a:1", nobody()), ("connect", "manifest", None, 3), &["refuses the connection"], None));
    cases.push(of(format!("{full}/a:1"), ("timeout", "manifest", None, 3), &["cannot be connected to in time"], None));
    let scene = Scene::new().await;
    scene.program.write("ca.pem", authority.pem());
    let references: Vec<&str> = cases.iter().map(|case| case.reference.as_str()).collect();
    let limits = ["--retries", "2", "--registry-timeout", "3s", "--image-timeout", "40s", "--platform", "linux/amd64"];
    let arguments = [&["inspect", "-o", "json", "--ca-file", "ca.pem"], &limits[..], &references].concat();
    let ran = scene.program.run(&arguments).await.exits(3);
    let report: Value = serde_json::from_str(&ran.stdout()).unwrap();
    let images = report["images"].as_array().unwrap().iter();
    let errors: BTreeMap<&str, &Value> =
        images.map(|image| (image["writtenAs"][0].as_str().unwrap(), &image["errors"][0])).collect();
    let duration = Regex::new(r"(?i)\b\d+(\.\d+)? ?(ms|s|sec|seconds?|min|minutes?|h|hours?)\b").unwrap();
    for case in &cases {
        let error = errors[case.reference.as_str()];
        let message = error["message"].as_str().unwrap_or_default();
        let told = (error["class"].as_str(), error["stage"].as_str(), error["httpStatus"].as_u64());
        assert_eq!(
            told,
            (Some(case.class), Some(case.stage), case.status.map(u64::from)),
            "{} {error}",
            case.reference
        );
        // A name server may be asked again, or not.
        let attempts = error["attempts"].as_u64().unwrap();
        assert!(attempts == case.attempts || case.class == "dns", "{attempts} attempts: {error}");
        let said = if attempts == 1 { "(1 attempt)".to_owned() } else { format!("({attempts} attempts)") };
        let about = host(&case.reference);
        let parts: Vec<&str> = case.words.iter().copied().chain([about, &said, "; "]).collect();
        assert!(parts.iter().all(|part| message.contains(part)), "{parts:?} in {message}");
        assert!(!duration.is_match(message), "{message}");
        assert!(error["endpoint"].as_str().is_some_and(|endpoint| endpoint.contains("://")), "{error}");
    }
}

#[tokio::test]
async fn an_old_form_is_no_error() {
    let document =
        json!({"schemaVersion": 1, "name": "a", "tag": "1", "architecture": "amd64", "fsLayers": [], "history": []});
    let document = document.to_string();
    let server = Server::http(move |_| reply(200, document.clone())).await;
    let scene = Scene::new().await;
    let reference = format!("{}/legacy:1", server.address);
    let ran = scene.program.run(&["inspect", "-o", "json", &reference]).await.exits(0);
    let report: Value = serde_json::from_str(&ran.stdout()).unwrap();
    assert_eq!(
        (&report["images"][0]["status"], &report["manifests"][0]["kind"]),
        (&json!("resolved"), &json!("legacy"))
    );
}
