//! Which request goes wrong, and how: decided beforehand, so that what must come of it is known.

use imagefacts::image::Digest;
use imagefacts::vocabulary::ErrorClass;

/// How often a request is tried again.
pub(super) const RETRIES: u32 = 2;

/// What becomes of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Good,
    /// 429; with so many seconds in `Retry-After`
    Limited(Option<u8>),
    /// a 5xx
    Broken(u16),
    /// the connection ends in place of an answer
    Cut,
    /// it ends in the middle of the body
    CutInBody,
    /// no answer comes
    Slow,
    /// a byte is wrong
    WrongDigest,
    /// the end of the body is missing, and its length says so
    Truncated,
    /// somebody else's page
    Garbage,
}

/// What a path leads to, since not everything can go wrong with each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// what a tag names
    Tag,
    /// a manifest or config by its digest
    Content,
    Token,
}

/// What comes of asking for a path as often as it takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Outcome {
    pub(super) failed: Option<ErrorClass>,
    pub(super) attempts: u32,
}

/// The kind of what lies at `path`.
pub(super) fn kind(path: &str) -> Kind {
    match path {
        path if path.starts_with("/token") => Kind::Token,
        path if path.ends_with("/manifests/1") => Kind::Tag,
        _ => Kind::Content,
    }
}

/// What becomes of the request for `path` before which there were `nth` others: a third of all goes wrong.
///
/// What makes a whole host wait, or takes all the time of a request, is rarer than the rest: it would be all that the
/// test does.
pub(super) fn fate(path: &str, nth: u32) -> Fate {
    let digest = Digest::of(format!("soak {path} {nth}").as_bytes()).to_string();
    let number = u64::from_str_radix(&digest["sha256:".len()..][..12], 16).unwrap();
    if !number.is_multiple_of(3) {
        return Fate::Good;
    }
    let fate = match number / 3 % 100 {
        0..3 => Fate::Slow,
        3..5 => Fate::Limited(Some(1)),
        5..9 => Fate::Limited(None),
        9..13 => Fate::Limited(Some(0)),
        13..27 => Fate::Broken(500),
        27..41 => Fate::Broken(502),
        41..55 => Fate::Broken(503),
        55..70 => Fate::Cut,
        70..85 => Fate::CutInBody,
        85..90 => Fate::WrongDigest,
        90..95 => Fate::Truncated,
        _ => Fate::Garbage,
    };
    match (kind(path), fate) {
        // Nothing says what a token should be.
        (Kind::Token, Fate::WrongDigest | Fate::Truncated) => Fate::Good,
        (_, fate) => fate,
    }
}

/// What must come of asking for `path`.
pub(super) fn outcome(path: &str) -> Outcome {
    let (mut attempts, mut left) = (0, RETRIES);
    loop {
        let fate = fate(path, attempts);
        attempts += 1;
        let end = |failed| Outcome { failed, attempts };
        match (class(fate, kind(path)), fate) {
            (None, _) => return end(None),
            // Who says when to come back is asked again, however often.
            (_, Fate::Limited(Some(1..))) => {}
            (Some(class), Fate::WrongDigest | Fate::Truncated | Fate::Garbage) => return end(Some(class)),
            (Some(class), _) if left == 0 => return end(Some(class)),
            _ => left -= 1,
        }
    }
}

/// As what a fate is told, when it is the last.
fn class(fate: Fate, kind: Kind) -> Option<ErrorClass> {
    Some(match fate {
        Fate::Good => return None,
        Fate::Limited(_) => ErrorClass::RateLimited,
        Fate::Broken(_) => ErrorClass::Server,
        Fate::Cut | Fate::CutInBody => ErrorClass::Connect,
        Fate::Slow => ErrorClass::Timeout,
        // What was asked for by its digest is known not to be it.
        Fate::Garbage if kind != Kind::Content => ErrorClass::InvalidContent,
        Fate::WrongDigest | Fate::Truncated | Fate::Garbage => ErrorClass::DigestMismatch,
    })
}
