//! Whether a body is what its digest says.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use bytes::Bytes;
use http::HeaderMap;
use serde::Deserialize;

use crate::image::{Descriptor, Digest, MediaType};

/// A body that is not what its digest or its size says.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Mismatch {
    /// The digest does not match.
    #[error("gives content that is not what its digest says: {expected} is announced")]
    Digest {
        /// what was asked for, or what the header says
        expected: Digest,
    },
    /// The size does not match.
    #[error("gives {actual} bytes where the manifest says {expected}")]
    Size {
        /// by the descriptor
        expected: u64,
        /// of the body
        actual: u64,
    },
}

/// Verifies a manifest against the digest that was asked for, or else against `Docker-Content-Digest`, and returns
/// the digest that names it. A header that is no digest counts as none, and the digest is then computed.
pub(super) fn manifest(
    body: &[u8],
    asked: Option<&Digest>,
    headers: &HeaderMap,
    content_type: Option<&str>,
) -> Result<Digest, Mismatch> {
    let expected = asked.cloned().or_else(|| announced(headers));
    let signed = signed_payload(body, content_type);
    let content = signed.as_deref().unwrap_or(body);
    match expected {
        None => Ok(Digest::of(content)),
        // Some registries keep schema 1 under the digest of the bytes with their signatures.
        Some(digest) if digest.matches(content) || digest.matches(body) => Ok(digest),
        Some(expected) => Err(Mismatch::Digest { expected }),
    }
}

/// Verifies content against its descriptor.
pub(super) fn content(body: &Bytes, descriptor: &Descriptor) -> Result<(), Mismatch> {
    let actual = u64::try_from(body.len()).unwrap_or(u64::MAX);
    if actual != descriptor.size {
        return Err(Mismatch::Size { expected: descriptor.size, actual });
    }
    match descriptor.digest.matches(body) {
        true => Ok(()),
        false => Err(Mismatch::Digest { expected: descriptor.digest.clone() }),
    }
}

/// The digest in `Docker-Content-Digest`, when it is one that can be verified.
pub(super) fn announced(headers: &HeaderMap) -> Option<Digest> {
    Digest::parse(headers.get("docker-content-digest")?.to_str().ok()?.trim()).ok()
}

/// The part of a signed schema 1 manifest that its digest is over.
///
/// The document is a JSON web signature that was folded into the JSON that it signs: each signature says how much of
/// the document it covers, and how that part ended
/// (<https://distribution.github.io/distribution/spec/deprecated-schema-v1/>).
fn signed_payload(body: &[u8], content_type: Option<&str>) -> Option<Vec<u8>> {
    #[derive(Deserialize)]
    struct Signed {
        signatures: Vec<Signature>,
    }
    #[derive(Deserialize)]
    struct Signature {
        protected: String,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Protected {
        format_length: usize,
        format_tail: String,
    }
    if MediaType::parse(content_type?) != MediaType::DockerSchema1 {
        return None;
    }
    let signed: Signed = serde_json::from_slice(body).ok()?;
    let protected = BASE64_URL_SAFE_NO_PAD.decode(&signed.signatures.first()?.protected).ok()?;
    let protected: Protected = serde_json::from_slice(&protected).ok()?;
    let mut payload = body.get(..protected.format_length)?.to_vec();
    payload.extend(BASE64_URL_SAFE_NO_PAD.decode(protected.format_tail).ok()?);
    Some(payload)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRETTYJWS: Option<&str> = Some("application/vnd.docker.distribution.manifest.v1+prettyjws");

    fn header(digest: &str) -> HeaderMap {
        [("docker-content-digest".parse().unwrap(), digest.parse().unwrap())].into_iter().collect()
    }

    #[test]
    fn a_manifest_is_what_was_asked_for_or_announced() {
        let (good, bad) = (Digest::of(b"body"), Digest::of(b"other"));
        let wrong = Err(Mismatch::Digest { expected: bad.clone() });
        for (asked, announced, expected) in [
            (None, None, Ok(good.clone())),
            (None, Some(good.as_str()), Ok(good.clone())),
            (None, Some(bad.as_str()), wrong.clone()),
            (None, Some("sha256:../../x"), Ok(good.clone())),
            (Some(&good), None, Ok(good.clone())),
            (Some(&good), Some(bad.as_str()), Ok(good.clone())),
            (Some(&bad), Some(good.as_str()), wrong),
        ] {
            let headers = announced.map(header).unwrap_or_default();
            assert_eq!(manifest(b"body", asked, &headers, None), expected, "{asked:?} {announced:?}");
        }
    }

    #[test]
    fn sha512_is_verified_too() {
        const EMPTY: &str = "sha512:cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce\
            47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e";
        assert_eq!(manifest(b"", None, &header(EMPTY), None).unwrap().as_str(), EMPTY);
        assert!(manifest(b"x", None, &header(EMPTY), None).is_err());
    }

    #[test]
    fn a_schema_1_digest_leaves_the_signatures_out() {
        let payload = "{\n   \"schemaVersion\": 1\n}";
        let head = payload.strip_suffix("\n}").unwrap();
        let encode = |text: &str| BASE64_URL_SAFE_NO_PAD.encode(text);
        let protected = format!(r#"{{"formatLength":{},"formatTail":"{}"}}"#, head.len(), encode("\n}"));
        let body = format!("{head},\n   \"signatures\": [{{\"protected\": \"{}\"}}]\n}}", encode(&protected));
        let digest = Digest::of(payload.as_bytes());
        assert_eq!(manifest(body.as_bytes(), None, &header(digest.as_str()), PRETTYJWS), Ok(digest.clone()));
        assert_eq!(manifest(body.as_bytes(), None, &HeaderMap::new(), PRETTYJWS), Ok(digest.clone()));
        let other = manifest(body.as_bytes(), Some(&digest), &HeaderMap::new(), Some("application/json"));
        assert!(other.is_err(), "only schema 1 has signatures");
        let long = body.replace(&encode(&protected), &encode(r#"{"formatLength":999999,"formatTail":""}"#));
        assert!(manifest(long.as_bytes(), Some(&digest), &HeaderMap::new(), PRETTYJWS).is_err());
    }

    #[test]
    fn content_has_its_size_and_digest() {
        let body = Bytes::from_static(b"{}");
        let check =
            |named: &[u8], size| content(&body, &Descriptor { media_type: "".into(), digest: Digest::of(named), size });
        assert_eq!(check(b"{}", 2), Ok(()));
        assert_eq!(check(b"{}", 3), Err(Mismatch::Size { expected: 3, actual: 2 }));
        assert!(matches!(check(b"[]", 2), Err(Mismatch::Digest { .. })));
    }
}
