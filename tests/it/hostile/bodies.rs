//! Bodies that are endless, huge, slow or packed, of everything that a registry is asked for.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::{Answer, Attack, Image, Reply, Scene, challenge, head};

/// What is answered with something else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Manifest,
    Config,
    Token,
    /// of a manifest request that is refused
    Error,
}

impl Part {
    fn status(self) -> u16 {
        if self == Self::Error { 403 } else { 200 }
    }
}

/// A registry of which one part is answered with `reply`.
fn spoiled(part: Part, reply: Reply) -> impl Answer {
    let image = Image::good();
    move |seen| match part {
        Part::Manifest | Part::Error if seen.path.contains("/manifests/") => reply.clone(),
        Part::Config if seen.path.contains("/blobs/") => reply.clone(),
        Part::Token if seen.path.starts_with("/token") => reply.clone(),
        Part::Token => challenge(seen),
        _ => image.answer(seen),
    }
}

fn endless(status: u16) -> Reply {
    let chunk = format!("10000\r\n{}\r\n", " ".repeat(0x10000));
    Reply::Flood(head(status, "transfer-encoding: chunked\r\n"), chunk.into_bytes())
}

fn huge(status: u16) -> Reply {
    Reply::Flood(head(status, "content-length: 1099511627776\r\n"), vec![b'{'; 0x10000])
}

/// One that announces much, and sends nothing of it.
fn announced(status: u16) -> Reply {
    Reply::Drip(head(status, "content-length: 1099511627776\r\n"), vec![b' '; 600])
}

fn slow(status: u16) -> Reply {
    Reply::Drip(head(status, "content-length: 600\r\n"), vec![b' '; 600])
}

/// A hundred megabytes that look like a hundred kilobytes.
fn packed(status: u16) -> Reply {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    for _ in 0..100 {
        gzip.write_all(&[b' '; 1 << 20]).unwrap();
    }
    let body = gzip.finish().unwrap();
    let length = format!("content-encoding: gzip\r\ncontent-length: {}\r\n", body.len());
    Reply::Bytes([head(status, &length), body].concat())
}

/// Chunks that are said to be larger than anything.
fn absurd(status: u16) -> Reply {
    let head = head(status, "transfer-encoding: chunked\r\n");
    Reply::Bytes([head, b"fffffffffffffffffffff\r\n{}\r\n0\r\n\r\n".to_vec()].concat())
}

#[tokio::test]
async fn no_body_takes_more_than_its_share() {
    use Part::{Config, Error, Manifest, Token};
    // A body, and what comes of it in each part.
    type Case = (&'static str, fn(u16) -> Reply, [&'static str; 4]);
    let cases: [Case; 6] = [
        ("endless", endless, ["too-large", "too-large", "too-large", "forbidden"]),
        ("huge", huge, ["too-large", "too-large", "too-large", "forbidden"]),
        ("announced", announced, ["too-large", "too-large", "too-large", "forbidden"]),
        ("slow", slow, ["timeout", "timeout", "timeout", "forbidden"]),
        ("packed", packed, ["invalid-content", "digest-mismatch", "invalid-content", "forbidden"]),
        ("absurd", absurd, ["connect", "connect", "connect", "forbidden"]),
    ];
    let mut attacks = Vec::new();
    for (name, body, classes) in cases {
        for (part, class) in [Manifest, Config, Token, Error].into_iter().zip(classes) {
            attacks.push(Attack::new(name, class, spoiled(part, body(part.status()))).await);
        }
    }
    let facts = Scene::new().await.endure(&attacks, &[]).await;
    for registry in facts.0["run"]["registries"].as_array().unwrap() {
        assert!(registry["requests"].as_u64().unwrap() <= 12, "{registry}");
    }
    for attack in &attacks {
        for seen in attack.server.seen() {
            assert_eq!(seen.headers.get("accept-encoding"), None, "nothing that is packed was asked for");
        }
    }
    // Twelve bodies without end were read to their caps, and some twice.
    assert!(facts.0["run"]["bytes"].as_u64().unwrap() < 100 << 20, "{}", facts.0["run"]);
}
