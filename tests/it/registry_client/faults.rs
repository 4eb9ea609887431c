//! Retries, pauses, limits and broken answers.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use imagefacts::clock::Clock;
use imagefacts::credentials::Credential;
use imagefacts::event::{Event, Events, Sink};
use imagefacts::image::{Descriptor, Digest};
use imagefacts::limits::Limits;
use imagefacts::registry::{RegistryClient, RegistryOptions};
use imagefacts::stop::{Stop, StopReason};
use imagefacts::vocabulary::{ErrorClass, ErrorStage};
use tokio::time::Instant;

use super::server::{Reply, Server, document, reply, repository};
use super::{client, client_with};

#[derive(Default)]
struct Log(Mutex<Vec<Event>>);

impl Sink for Log {
    fn emit(&self, event: &Event) {
        self.0.lock().unwrap().push(event.clone());
    }
}

fn patient(retries: u32) -> RegistryClient {
    let limits = Limits { retries, request_timeout: Duration::from_secs(30), ..Limits::default() };
    client_with(&RegistryOptions::default(), &limits, Events::none())
}

fn hasty(retries: u32) -> RegistryClient {
    let limits = Limits { retries, request_timeout: Duration::from_millis(300), ..Limits::default() };
    client_with(&RegistryOptions::default(), &limits, Events::none())
}

#[tokio::test]
async fn only_what_may_succeed_later_is_asked_again() {
    let cases = [
        (500, ErrorClass::Server, 3),
        (503, ErrorClass::Server, 3),
        (408, ErrorClass::Timeout, 3),
        (429, ErrorClass::RateLimited, 3),
        (400, ErrorClass::Server, 1),
        (401, ErrorClass::Unauthorized, 1),
        (403, ErrorClass::Forbidden, 1),
        (404, ErrorClass::NotFound, 1),
        (204, ErrorClass::Server, 1),
    ];
    let asking = cases.map(|(status, class, attempts)| async move {
        let server = Server::http(move |_| reply(status, "")).await;
        let session = patient(2).session();
        let failure = session.manifest(&server.repository("a"), "1", &Credential::Anonymous).await.unwrap_err();
        assert_eq!((failure.class, failure.attempts), (class, attempts), "{status}: {}", failure.message);
        assert_eq!((failure.stage, failure.http_status), (ErrorStage::Manifest, Some(status)));
        assert_eq!(server.count("/v2/"), attempts as usize, "{status}");
        assert_eq!(failure.endpoint, Some(format!("http://{}", server.address)));
    });
    futures::future::join_all(asking).await;
}

#[tokio::test]
async fn what_recovers_is_no_failure() {
    let cut = "HTTP/1.1 200 OK\r\ncontent-length: 34\r\n\r\n{\"schema";
    for broken in [reply(502, ""), Reply::Raw(""), Reply::Raw(cut)] {
        let server =
            Server::http(move |seen| if seen.nth == 0 { broken.clone() } else { reply(200, document().0) }).await;
        let repository = repository(&format!("localhost:{}/a", server.address.port()));
        let fetched = patient(3).session().manifest(&repository, "1", &Credential::Anonymous).await.unwrap();
        assert_eq!(fetched.digest, document().1);
        assert_eq!(server.count("/v2/"), 2);
    }
}

#[tokio::test]
async fn a_server_that_asks_for_a_pause_gets_one_from_everyone() {
    for (form, value) in [("seconds", "1"), ("date", "Fri, 20 Nov 2026 15:00:01 GMT")] {
        let server = Server::http(move |seen| match seen.nth {
            0 => reply(429, "").with("date", "Fri, 20 Nov 2026 15:00:00 GMT").with("retry-after", value),
            _ => reply(200, document().0)
                .with("ratelimit-limit", "100;w=21600")
                .with("ratelimit-remaining", "98;w=21600"),
        })
        .await;
        let log = Arc::new(Log::default());
        let client = client_with(&RegistryOptions::default(), &Limits::default(), Events::to(Arc::<Log>::clone(&log)));
        let repository = server.repository("a");
        let first = client.session();
        let asked = Instant::now();
        let (first, second) = tokio::join!(first.manifest(&repository, "1", &Credential::Anonymous), async {
            while log.0.lock().unwrap().is_empty() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            client.session().manifest(&repository, "2", &Credential::Anonymous).await
        });
        assert_eq!((first.unwrap().digest, second.unwrap().digest), (document().1, document().1));
        assert!(asked.elapsed() >= Duration::from_secs(1), "{form}");
        let host = server.address.to_string();
        let events = log.0.lock().unwrap().clone();
        assert!(
            matches!(events.as_slice(), [Event::Paused { host: paused, seconds: 1, .. }] if *paused == host),
            "{form}: {events:?}"
        );
        assert_eq!(client.tallies()[0].rate_limit, Some((100, 98)));
    }
}

#[tokio::test]
async fn who_says_when_to_come_back_is_asked_until_no_time_is_left() {
    let server = Server::http(|_| reply(429, "").with("retry-after", "1")).await;
    let limits = Limits { retries: 0, image_timeout: Duration::from_secs(4), ..Limits::default() };
    let session = client_with(&RegistryOptions::default(), &limits, Events::none()).session();
    let failure = session.manifest(&server.repository("a"), "1", &Credential::Anonymous).await.unwrap_err();
    assert_eq!((failure.class, failure.retry_after_seconds), (ErrorClass::RateLimited, Some(1)));
    assert!((2..=4).contains(&failure.attempts), "{}", failure.attempts);
    assert_eq!(session.requests(), u64::from(failure.attempts));
}

#[tokio::test]
async fn a_pause_that_is_longer_than_the_run_is_not_waited_for() {
    let server = Server::http(|_| reply(429, "").with("retry-after", "99999999999999999999")).await;
    let (client, repository) = (client(), server.repository("a"));
    let failure = client.session().manifest(&repository, "1", &Credential::Anonymous).await.unwrap_err();
    assert_eq!((failure.class, failure.attempts), (ErrorClass::RateLimited, 1));
    assert!(failure.retry_after_seconds.is_some());
    let failure = client.session().manifest(&repository, "2", &Credential::Anonymous).await.unwrap_err();
    assert_eq!((failure.class, failure.attempts), (ErrorClass::RateLimited, 0));
    assert_eq!(server.lines(), ["GET /v2/a/manifests/1"]);
}

#[tokio::test]
async fn large_bodies_are_given_up_at_once() {
    const CHUNKED: &str = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    let announced = "HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n";
    for endless in [Reply::Endless(CHUNKED), Reply::Stall(announced)] {
        let server = Server::http(move |_| endless.clone()).await;
        let client = client();
        let session = client.session();
        let failure = session.manifest(&server.repository("a"), "1", &Credential::Anonymous).await.unwrap_err();
        assert_eq!((failure.class, failure.attempts), (ErrorClass::TooLarge, 1));
        assert!(client.tallies()[0].bytes < 5 << 20, "{}", client.tallies()[0].bytes);
    }
}

#[tokio::test]
async fn an_endless_error_is_cut() {
    let server = Server::http(|_| Reply::Endless("HTTP/1.1 404 Not Found\r\ntransfer-encoding: chunked\r\n\r\n")).await;
    let client = client();
    let failure = client.session().manifest(&server.repository("a"), "1", &Credential::Anonymous).await.unwrap_err();
    assert_eq!(failure.class, ErrorClass::NotFound);
    assert!(client.tallies()[0].bytes < 1 << 20);
}

#[tokio::test]
async fn a_server_that_does_not_end_its_answer_is_late() {
    let body = "HTTP/1.1 200 OK\r\ncontent-length: 34\r\n\r\n{";
    for (silence, text) in [("", "does not answer"), (body, "does not end its answer")] {
        let server = Server::http(move |_| Reply::Stall(silence)).await;
        let session = hasty(1).session();
        let failure = session.manifest(&server.repository("a"), "1", &Credential::Anonymous).await.unwrap_err();
        assert_eq!((failure.class, failure.attempts), (ErrorClass::Timeout, 2));
        assert!(failure.message.contains(text), "{}", failure.message);
    }
}

#[tokio::test]
async fn a_broken_connection_is_told_from_a_refused_one_and_a_name_without_address() {
    let broken = Server::http(|_| Reply::Raw("")).await;
    let refused = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap()
    };
    for (name, class, text) in [
        (format!("{}/a", broken.address), ErrorClass::Connect, "broke the connection"),
        (format!("{refused}/a"), ErrorClass::Connect, "refuses the connection"),
        ("registry.invalid/a".to_owned(), ErrorClass::Dns, "cannot be resolved"),
    ] {
        let session = patient(0).session();
        let failure = session.manifest(&repository(&name), "1", &Credential::Anonymous).await.unwrap_err();
        assert_eq!((failure.class, failure.attempts), (class, 1), "{}", failure.message);
        assert!(failure.message.contains(text), "{}", failure.message);
    }
}

#[tokio::test]
async fn content_that_is_not_what_its_digest_says_is_refused() {
    let (body, digest) = document();
    let other = Digest::of(b"other");
    let announced = other.to_string();
    let server = Server::http(move |_| reply(200, body).with("docker-content-digest", announced.clone())).await;
    let (client, repository) = (client(), server.repository("a"));
    for target in ["1", other.as_str()] {
        let session = client.session();
        let failure = session.manifest(&repository, target, &Credential::Anonymous).await.unwrap_err();
        assert_eq!((failure.class, failure.attempts), (ErrorClass::DigestMismatch, 1), "{target}");
    }
    client.session().manifest(&repository, digest.as_str(), &Credential::Anonymous).await.unwrap();
    let descriptor = |digest: &Digest, size| Descriptor { media_type: "".into(), digest: digest.clone(), size };
    for (descriptor, good) in
        [(descriptor(&digest, 34), true), (descriptor(&digest, 35), false), (descriptor(&other, 34), false)]
    {
        let outcome = client.session().config(&repository, &descriptor, &Credential::Anonymous).await;
        assert_eq!(outcome.is_ok(), good, "{descriptor:?}");
        if let Err(failure) = outcome {
            assert_eq!((failure.stage, failure.class), (ErrorStage::Config, ErrorClass::DigestMismatch));
        }
    }
}

#[tokio::test]
async fn a_head_gives_the_digest() {
    let server =
        Server::http(|_| reply(200, document().0).with("docker-content-digest", document().1.to_string())).await;
    let head = client().session().head(&server.repository("a"), "1", &Credential::Anonymous).await.unwrap();
    assert_eq!(head.digest, Some(document().1));
    assert_eq!(server.lines(), ["HEAD /v2/a/manifests/1"]);
}

#[tokio::test]
async fn a_run_that_ends_takes_its_requests_along() {
    let server = Server::http(|_| Reply::Stall("")).await;
    let stop = Stop::at(Instant::now() + Duration::from_secs(60));
    let options = RegistryOptions::default();
    let client =
        RegistryClient::new(&options, &Limits::default(), Clock::System, Events::none(), stop.clone()).unwrap();
    let (session, repository) = (client.session(), server.repository("a"));
    let (outcome, ()) = tokio::join!(session.manifest(&repository, "1", &Credential::Anonymous), async {
        while server.seen().is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        stop.stop(StopReason::Interrupted);
    });
    assert_eq!(outcome.unwrap_err().class, ErrorClass::Canceled);
}

#[tokio::test]
async fn an_image_has_its_deadline() {
    let server = Server::http(|_| reply(500, "")).await;
    let limits = Limits { retries: 1000, image_timeout: Duration::from_millis(900), ..Limits::default() };
    let session = client_with(&RegistryOptions::default(), &limits, Events::none()).session();
    let failure = session.manifest(&server.repository("a"), "1", &Credential::Anonymous).await.unwrap_err();
    assert_eq!(failure.class, ErrorClass::Server);
    assert!((1..5).contains(&failure.attempts), "{}", failure.attempts);
}

#[tokio::test(start_paused = true)]
async fn who_is_late_is_told_of_with_the_limit_that_would_help() {
    let seconds = Duration::from_secs;
    for (request, image, run, flag) in
        [(2, 60, 600, "--registry-timeout"), (60, 2, 600, "--image-timeout"), (60, 60, 2, "--timeout")]
    {
        for silence in ["", "HTTP/1.1 200 OK\r\ncontent-length: 34\r\n\r\n{"] {
            let server = Server::http(move |_| Reply::Stall(silence)).await;
            let (request_timeout, image_timeout) = (seconds(request), seconds(image));
            let limits = Limits { retries: 0, request_timeout, image_timeout, ..Limits::default() };
            let (options, stop) = (RegistryOptions::default(), Stop::at(Instant::now() + seconds(run + 1)));
            let client = RegistryClient::new(&options, &limits, Clock::System, Events::none(), stop).unwrap();
            let session = client.session();
            let failure = session.manifest(&server.repository("a"), "1", &Credential::Anonymous).await.unwrap_err();
            match flag {
                // Nobody is told what would have been: the run has ended.
                "--timeout" => assert_eq!(failure.class, ErrorClass::Canceled),
                _ => {
                    assert_eq!(failure.class, ErrorClass::Timeout);
                    assert!(failure.message.ends_with(&format!("allow more with {flag}")), "{}", failure.message);
                }
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_pause_is_told_of_with_the_limit_that_would_help() {
    for (image, run, flag) in [(20, 600, "--image-timeout"), (600, 20, "--timeout")] {
        let seconds = Duration::from_secs;
        let server = Server::http(|seen| match seen.nth {
            0 => reply(200, document().0),
            _ => reply(429, "").with("retry-after", "60"),
        })
        .await;
        let limits = Limits { image_timeout: seconds(image), ..Limits::default() };
        let (options, stop) = (RegistryOptions::default(), Stop::at(Instant::now() + seconds(run)));
        let client = RegistryClient::new(&options, &limits, Clock::System, Events::none(), stop).unwrap();
        let (waiting, repository) = (client.session(), server.repository("a"));
        // Its time runs already when another image is told to wait.
        waiting.manifest(&repository, "1", &Credential::Anonymous).await.unwrap();
        client.session().manifest(&repository, "2", &Credential::Anonymous).await.unwrap_err();
        let failure = waiting.manifest(&repository, "3", &Credential::Anonymous).await.unwrap_err();
        assert_eq!((failure.class, failure.attempts), (ErrorClass::RateLimited, 0));
        assert!(failure.message.ends_with(&format!("or allow more with {flag}")), "{}", failure.message);
    }
}
