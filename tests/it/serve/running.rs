//! The registry as a whole: its start and end, injected faults, the access log.

use std::sync::Arc;
use std::time::Duration;

use imagefacts::serve::{AccessLog, Fault, Options, Registry, Store};
use reqwest::{Method, StatusCode};

use super::{Bench, header};

#[tokio::test]
async fn faults_are_what_they_say() {
    let body = "0123456789";
    let intercept = Arc::new(|parts: &http::request::Parts| match parts.uri.query()? {
        "answer" => Some(Fault::status(StatusCode::TOO_MANY_REQUESTS, "{}")),
        "cut" => Some(Fault::Cut(4)),
        "stall" => Some(Fault::Stall(4)),
        "corrupt" => Some(Fault::Corrupt),
        "delay" => Some(Fault::Delay(Duration::from_millis(1))),
        "hang" => Some(Fault::Hang),
        _ => None,
    });
    let bench = Bench::start(Options { intercept: Some(intercept), ..Options::new(Store::memory()) }).await;
    let path = format!("/v2/a/blobs/{}", bench.push_blob("a", body.as_bytes()).await);
    let get = async |fault: &str| bench.get(&format!("{path}?{fault}")).await;
    assert_eq!(get("answer").await.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(get("delay").await.text().await.unwrap(), body);
    assert_eq!(get("corrupt").await.text().await.unwrap(), "0123456788");
    let (mut cut, mut stalled) = (get("cut").await, get("stall").await);
    for response in [&mut cut, &mut stalled] {
        assert_eq!(header(response, "content-length"), "10");
        assert_eq!(response.chunk().await.unwrap().unwrap(), "0123");
    }
    assert!(cut.chunk().await.is_err());
    let a_while = Duration::from_millis(50);
    assert!(tokio::time::timeout(a_while, stalled.chunk()).await.is_err());
    assert!(tokio::time::timeout(a_while, get("hang")).await.is_err());
    // Nothing that waits on purpose keeps the registry from stopping.
    let Bench { registry, .. } = bench;
    registry.stop().await;
}

#[tokio::test]
async fn the_log_knows_requests_but_no_secrets() {
    let log = AccessLog::default();
    let bench = Bench::start(Options { log: Some(log.clone()), ..Options::new(Store::memory()) }).await;
    let request = |value: &str| bench.request(Method::GET, "/v2/a/tags/list?n=1").header("authorization", value);
    for value in ["Basic czNjcjN0LWNhbmFyeQ==", "Bearer s3cr3t-canary", "s3cr3t-canary"] {
        request(value).send().await.unwrap();
    }
    bench.send(Method::HEAD, "/v2/b/manifests/v1", "").await;
    let schemes: Vec<_> = log.entries().into_iter().map(|access| access.authorization).collect();
    assert_eq!(schemes, [Some("Basic".into()), Some("Bearer".into()), Some("unknown".into()), None]);
    assert_eq!((log.count(&Method::GET, "/a/"), log.count(&Method::HEAD, "manifests")), (3, 1));
    let all = format!("{log:?}");
    assert!(!all.contains("s3cr3t") && !all.contains("czNjcjN0"), "{all}");
}

#[tokio::test]
async fn a_taken_address_is_told_and_a_stopped_registry_frees_its_own() {
    let first = Registry::start(Options::new(Store::memory())).await.unwrap();
    let listen = first.address();
    let options = || Options { listen, ..Options::new(Store::memory()) };
    let taken = Registry::start(options()).await.unwrap_err().to_string();
    assert!(taken.contains(&listen.to_string()), "{taken}");
    first.stop().await;
    Registry::start(options()).await.unwrap();
}
