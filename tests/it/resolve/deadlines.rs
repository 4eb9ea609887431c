//! Deadlines hold whatever a server does. The clock of these tests jumps to the next thing that anybody waits for.

use std::collections::BTreeMap;
use std::time::Duration;

use imagefacts::image::Reference;
use imagefacts::limits::Limits;
use imagefacts::registry::{Address, Mirror, Upstream};
use imagefacts::resolve::{Answer, Resolution};
use imagefacts::stop::{Stop, StopReason};
use imagefacts::vocabulary::ErrorClass;
use tokio::net::TcpListener;
use tokio::time::Instant;

use super::{Bench, want};
use crate::registry_client::server::{Reply, Seen, Server, reply};

const IMAGE: Duration = Duration::from_secs(10);
const RUN: Duration = Duration::from_secs(35);
/// By so much a deadline may be missed.
const LATE: Duration = Duration::from_secs(1);

const HEAD: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 600\r\n\r\n";
const MANIFEST: &str = r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","layers":[],
    "config":{"mediaType":"application/vnd.oci.image.config.v1+json","size":2,
    "digest":"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"}}"#;

fn bench() -> Bench {
    let mut bench = Bench::new();
    (bench.limits.image_timeout, bench.limits.request_timeout, bench.limits.retries) = (IMAGE, IMAGE / 3, 5);
    bench.stop = Stop::at(Instant::now() + RUN);
    bench
}

fn drip(body: &str) -> Reply {
    Reply::Drip(HEAD.to_vec(), body.repeat(600).into_bytes())
}

fn challenge(seen: &Seen) -> Reply {
    let realm = format!("http://{}/token", seen.headers["host"]);
    reply(401, "{}")
        .with("www-authenticate", format!(r#"Bearer realm="{realm}",service="s",scope="repository:a:pull""#))
}

/// Servers that take all the time that they get, and the class that their images end with.
async fn servers() -> Vec<(&'static str, ErrorClass, Server)> {
    use ErrorClass::{RateLimited, Refused, Server as Failed, Timeout};
    let dripping = Server::http(|_| drip(" ")).await;
    let elsewhere = format!("http://{}/blob", dripping.address);
    let to_the_dripping = move |seen: &Seen| match seen.path.contains("/blobs/") {
        true => reply(307, "").with("location", elsewhere.clone()),
        false => reply(200, MANIFEST),
    };
    let silent = |seen: &Seen| if seen.path.starts_with("/token") { Reply::Stall("") } else { challenge(seen) };
    let trickling = |seen: &Seen| if seen.path.starts_with("/token") { drip(" ") } else { challenge(seen) };
    let round = |seen: &Seen| reply(302, "").with("location", format!("{}x", seen.path));
    vec![
        ("never-answers", Timeout, Server::http(|_| Reply::Stall("")).await),
        ("begins-a-head", Timeout, Server::http(|_| Reply::Stall("HTTP/1.1 200 OK\r\nx-")).await),
        (
            "sends-no-body",
            Timeout,
            Server::http(|_| Reply::Stall("HTTP/1.1 200 OK\r\ncontent-length: 600\r\n\r\n")).await,
        ),
        ("drips-its-body", Timeout, dripping),
        ("drips-its-head", Timeout, Server::http(|_| Reply::Drip(Vec::new(), HEAD.repeat(20))).await),
        ("silent-token-server", Timeout, Server::http(silent).await),
        ("dripping-token-server", Timeout, Server::http(trickling).await),
        ("blob-host-drips", Timeout, Server::http(to_the_dripping).await),
        ("redirects", Refused, Server::http(round).await),
        ("a-day", RateLimited, Server::http(|_| reply(429, "").with("retry-after", "86400")).await),
        ("again-and-again", RateLimited, Server::http(|_| reply(429, "").with("retry-after", "2")).await),
        ("a-day-off", Failed, Server::http(|_| reply(503, "").with("retry-after", "86400")).await),
        ("broken", Failed, Server::http(|_| reply(500, "")).await),
    ]
}

/// The class of each image's first failure, by the image's name.
fn classes(resolution: &Resolution) -> BTreeMap<&str, Option<ErrorClass>> {
    let class = |reference: &Reference| resolution.answers[reference].failures.first().map(|failure| failure.class);
    resolution.answers.keys().map(|reference| (reference.repository().path(), class(reference))).collect()
}

#[tokio::test(start_paused = true)]
async fn an_image_ends_within_its_time_whatever_its_server_does() {
    let (bench, servers) = (bench(), servers().await);
    let reference = |(name, _, server): &(&str, _, Server)| format!("{}/{name}:1", server.address);
    let wants = servers.iter().map(|server| want(Reference::parse(&reference(server)).unwrap(), &["linux/amd64"]));
    let began = Instant::now();
    let resolution = bench.resolve_all(wants.collect()).await;
    assert!(began.elapsed() <= IMAGE + LATE, "{:?}", began.elapsed());
    let expected: BTreeMap<&str, _> = servers.iter().map(|(name, class, _)| (*name, Some(*class))).collect();
    assert_eq!(classes(&resolution), expected, "{resolution:#?}");
}

/// A server that takes connections and never says a word.
#[tokio::test(start_paused = true)]
async fn a_handshake_without_end_ends() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = Mirror::at(Address::parse(&format!("https://{}", listener.local_addr().unwrap())).unwrap());
    let mut bench = bench();
    let upstream = Upstream { mirrors: Vec::new(), server: Some(server) };
    bench.options.upstreams = [("registry.example".to_owned(), upstream)].into();
    let began = Instant::now();
    let answer = bench.resolve_one(want(Reference::parse("registry.example/a:1").unwrap(), &["linux/amd64"])).await;
    assert!(began.elapsed() <= IMAGE + LATE, "{:?}", began.elapsed());
    assert_eq!(answer.failures[0].class, ErrorClass::Timeout, "{:?}", answer.failures);
}

#[tokio::test(start_paused = true)]
async fn a_run_ends_within_its_time_however_many_images_wait() {
    let (bench, servers) = (bench(), servers().await);
    let names = (0..100).flat_map(|nth| servers.iter().map(move |(name, _, server)| (nth, name, server.address)));
    let wants =
        names.map(|(nth, name, at)| want(Reference::parse(&format!("{at}/{name}/{nth}:1")).unwrap(), &["linux/amd64"]));
    let wants: Vec<_> = wants.collect();
    let (count, began) = (wants.len(), Instant::now());
    let resolution = bench.resolve_all(wants).await;
    assert!((RUN..=RUN + LATE).contains(&began.elapsed()), "{:?}", began.elapsed());
    assert_eq!((resolution.answers.len(), bench.stop.reason()), (count, Some(StopReason::Timeout)));
    let canceled =
        resolution.answers.values().filter(|answer| answer.failures[0].class == ErrorClass::Canceled).count();
    assert!((1..count).contains(&canceled), "{canceled}");
}

/// With the usual limits, images of a registry that is down are all told of in the run's time: they are not asked for one
/// after the other.
#[tokio::test(start_paused = true)]
async fn a_registry_that_is_down_costs_no_more_than_its_images_share() {
    let server = Server::http(|_| Reply::Stall("")).await;
    let mut bench = Bench::new();
    bench.limits = Limits::default();
    bench.stop = Stop::at(Instant::now() + bench.limits.run_timeout);
    let reference = |nth| Reference::parse(&format!("{}/a{nth}:1", server.address)).unwrap();
    let wants = (0..100).map(|nth| want(reference(nth), &["linux/amd64"])).collect();
    let resolution = bench.resolve_all(wants).await;
    assert_eq!(bench.stop.reason(), None);
    let class = |answer: &Answer| answer.failures[0].class;
    assert!(resolution.answers.values().all(|answer| class(answer) == ErrorClass::Timeout));
}
