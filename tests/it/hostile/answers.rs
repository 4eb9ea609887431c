//! Answers that are no HTTP, too much HTTP, or none at all.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::{Attack, Image, Reply, Scene, Server, head, reply};
use crate::registry_client::server::repository;
use imagefacts::credentials::Credential;
use imagefacts::image::Digest;

fn raw(text: &str) -> Reply {
    Reply::Bytes(text.as_bytes().to_vec())
}

#[tokio::test]
async fn no_answer_is_too_odd() {
    let ok = "HTTP/1.1 200 OK\r\n";
    let many = (0..5000).map(|n| format!("x-{n}: y\r\n")).collect::<String>();
    let long = format!("x: {}\r\n", "y".repeat(1 << 20));
    let cases: Vec<(&'static str, &'static str, Reply)> = vec![
        ("no-http", "connect", Reply::Bytes(vec![0, 0xff, 0xfe, b'\n', 0])),
        ("no-status", "connect", raw("HTTP/1.1\r\n\r\n")),
        ("other-version", "connect", raw("HTTP/9.9 200 OK\r\n\r\n")),
        ("large-status", "connect", raw("HTTP/1.1 99999 OK\r\n\r\n")),
        ("negative-status", "connect", raw("HTTP/1.1 -200 OK\r\n\r\n")),
        ("only-a-body", "connect", raw("{}")),
        ("two-lengths", "connect", raw(&format!("{ok}content-length: 2\r\ncontent-length: 3\r\n\r\n{{}}"))),
        ("negative-length", "connect", raw(&format!("{ok}content-length: -1\r\n\r\n{{}}"))),
        ("large-length", "connect", raw(&format!("{ok}content-length: 99999999999999999999999\r\n\r\n{{}}"))),
        ("bare-return", "connect", raw(&format!("{ok}x: a\rset-cookie: b\r\ncontent-length: 2\r\n\r\n{{}}"))),
        ("nul-in-header", "connect", raw(&format!("{ok}x: a\0b\r\ncontent-length: 2\r\n\r\n{{}}"))),
        ("many-headers", "connect", raw(&format!("{ok}{many}content-length: 2\r\n\r\n{{}}"))),
        ("long-header", "connect", raw(&format!("{ok}{long}content-length: 2\r\n\r\n{{}}"))),
        ("endless-headers", "connect", Reply::Flood(ok.into(), b"x: y\r\n".repeat(1000))),
        ("endless-header", "connect", Reply::Flood(b"HTTP/1.1 200 OK\r\nx: ".to_vec(), b"y".repeat(1 << 16))),
        ("endless-status", "connect", Reply::Flood(b"HTTP/1.1 200 ".to_vec(), b"OK".repeat(1 << 15))),
        ("endless-continue", "timeout", Reply::Flood(Vec::new(), b"HTTP/1.1 100 Continue\r\n\r\n".repeat(1000))),
        (
            "endless-hints",
            "timeout",
            Reply::Flood(Vec::new(), b"HTTP/1.1 103 Early Hints\r\nlink: <x>\r\n\r\n".repeat(1000)),
        ),
        ("switching", "server", raw("HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\n")),
        ("silent", "timeout", Reply::Stall("")),
        ("slow-head", "timeout", Reply::Drip(Vec::new(), head(200, "content-length: 2\r\n"))),
        ("partial-content", "server", reply(206, "{}")),
        ("not-modified", "server", Reply::Bytes(head(304, ""))),
        ("nowhere", "server", reply(302, "")),
        ("several-places", "server", reply(300, "{}").with("location", "/elsewhere")),
        ("wait-for-ever", "rate-limited", reply(429, "").with("retry-after", "999999999")),
        ("wait-for-ages", "rate-limited", reply(429, "").with("retry-after", "Fri, 31 Dec 9999 23:59:59 GMT")),
        ("wait-in-the-past", "rate-limited", reply(429, "").with("retry-after", "Thu, 01 Jan 1970 00:00:00 GMT")),
        ("wait-wrongly", "rate-limited", reply(429, "").with("retry-after", "-9999999999999999999999")),
        (
            "odd-quota",
            "forbidden",
            reply(403, "").with("ratelimit-limit", "99999999999999999999").with("ratelimit-remaining", "-1"),
        ),
    ];
    let mut attacks = Vec::new();
    for (name, class, reply) in cases {
        attacks.push(Attack::new(name, class, move |_| reply.clone()).await);
    }
    let facts = Scene::new().await.endure(&attacks, &[]).await;
    for attack in &attacks {
        let asked = attack.server.connections();
        assert!((1..=8).contains(&asked), "{} was connected to {asked} times", attack.name);
    }
    assert!(facts.0["run"]["bytes"].as_u64().unwrap() < 10 << 20, "{}", facts.0["run"]);
}

#[tokio::test]
async fn a_handshake_that_stalls_is_given_up() {
    // It takes connections to itself as plain http, and hangs up; as TLS, and says nothing.
    let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = server.local_addr().unwrap();
    let handshakes = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&handshakes);
    tokio::spawn(async move {
        let mut held = Vec::new();
        while let Ok((mut stream, _)) = server.accept().await {
            let mut first = [0];
            if stream.read_exact(&mut first).await.is_ok() && first == [0x16] {
                seen.fetch_add(1, SeqCst);
                // The start of a ServerHello whose rest never comes.
                let _ = stream.write_all(&[0x16, 3, 3, 0x40, 0, 2]).await;
                held.push(stream);
            } else {
                let _ = stream.write_all(b"\x15\x03\x01\x00\x02\x02\x46").await;
            }
        }
    });
    let scene = Scene::new().await;
    let reference = format!("{address}/a:1");
    let facts = scene.collect(std::slice::from_ref(&reference), &[]).await;
    let error = &facts.image(&reference)["errors"][0];
    assert_eq!((&error["class"], &error["endpoint"]), (&"timeout".into(), &format!("https://{address}").into()));
    assert!((2..=4).contains(&handshakes.load(SeqCst)), "a first attempt, and others");
}

/// What comes after an answer on the same connection is not taken for the answer to the next request.
#[tokio::test]
async fn an_answer_cannot_bring_another_along() {
    let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = server.local_addr().unwrap();
    let body =
        |tag: &str| Image::changed("{}", |manifest| manifest["annotations"] = serde_json::json!({"tag": tag})).manifest;
    let answer = move |tag: &str| {
        let body = body(tag);
        let length = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
        [length.into_bytes(), body].concat()
    };
    let own = answer;
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = server.accept().await {
            let answer = own;
            tokio::spawn(async move {
                let mut bytes = vec![0; 4096];
                while let Ok(length @ 1..) = stream.read(&mut bytes).await {
                    let request = String::from_utf8_lossy(&bytes[..length]).into_owned();
                    let path = request.split(' ').nth(1).unwrap().to_owned();
                    let tag = path.rsplit('/').next().unwrap();
                    // Two answers at once: to this request, and to one that was not made.
                    let _ = stream.write_all(&[answer(tag), answer("smuggled")].concat()).await;
                }
            });
        }
    });
    let (client, repository) = (crate::registry_client::client(), repository(&format!("{address}/a")));
    for tag in ["1", "2", "3"] {
        let fetched = client.session().manifest(&repository, tag, &Credential::Anonymous).await.unwrap();
        let expected = answer(tag);
        let start = expected.windows(4).position(|window| window == b"\r\n\r\n").unwrap() + 4;
        assert_eq!(fetched.digest, Digest::of(&expected[start..]), "{tag}");
    }
}

/// Header values of a size that no URL may have.
#[tokio::test]
async fn long_places_are_not_gone_to() {
    let long = |before: &'static str| move |n: usize| format!("{before}{}", "x".repeat(n));
    let trap = Server::http(|_| reply(200, "{}")).await;
    let location = long("/")(100_000);
    let realm = format!("http://{}/{}", trap.address, long("")(100_000));
    let scope = long("repository:a:pull")(100_000);
    let own = format!("http://{}/token", trap.address);
    let attacks = [
        Attack::new("location", "refused", move |_| reply(302, "").with("location", location.clone())).await,
        Attack::new("realm", "refused", move |_| super::challenge_of(&realm)).await,
        Attack::new("scope", "refused", move |_| {
            let text = format!(r#"Bearer realm="{own}",scope="{scope}""#);
            reply(401, "{}").with("www-authenticate", text)
        })
        .await,
    ];
    Scene::new().await.endure(&attacks, &[]).await;
    assert_eq!(trap.connections(), 0);
}
