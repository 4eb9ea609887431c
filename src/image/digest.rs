//! Content digests: `algorithm:hex`, valid by construction, safe in URLs and file names.

use std::{borrow::Cow, fmt, str::FromStr, sync::Arc};

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest as _, Sha256, Sha512};

use crate::text::cut;

/// A digest of a registered algorithm that can be verified: `sha256` or `sha512`, in lower-case hex.
///
/// Nothing else ever becomes part of a URL or of a file name (CVE-2024-3727).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(Arc<str>);

/// Verifies content that comes piece by piece; made by [`Digest::verifier`].
#[derive(Debug, Clone)]
pub struct Verifier {
    expected: Digest,
    hasher: Hasher,
}

#[derive(Debug, Clone)]
enum Hasher {
    Sha256(Sha256),
    Sha512(Sha512),
}

/// A string that is no digest that we can verify.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidDigest {
    /// Not `algorithm:hex`, or the hex has the wrong length or letters.
    #[error("{0:?} is not a digest: expected an algorithm and lower-case hex, such as sha256:9f86d0…")]
    Malformed(String),
    /// Well formed, but of an algorithm that we cannot compute.
    #[error("digest algorithm {0:?} is not supported: expected sha256 or sha512")]
    Algorithm(String),
}

impl Digest {
    /// Parses `sha256:` or `sha512:` and the hex that belongs to it
    /// (<https://github.com/opencontainers/image-spec/blob/main/descriptor.md#digests>).
    pub fn parse(text: &str) -> Result<Self, InvalidDigest> {
        let malformed = || InvalidDigest::Malformed(cut(text, 160).into_owned());
        let (algorithm, hex) = text.split_once(':').ok_or_else(malformed)?;
        let length = match algorithm {
            "sha256" => 64,
            "sha512" => 128,
            _ if is_algorithm(algorithm) => return Err(InvalidDigest::Algorithm(algorithm.chars().take(40).collect())),
            _ => return Err(malformed()),
        };
        if hex.len() != length || !is_hex(hex) {
            return Err(malformed());
        }
        Ok(Self(text.into()))
    }

    /// The sha256 digest of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        Self(format!("sha256:{}", hex(&Sha256::digest(bytes))).into())
    }

    /// Whether `bytes` are what this digest names.
    pub fn matches(&self, bytes: &[u8]) -> bool {
        let mut verifier = self.verifier();
        verifier.update(bytes);
        verifier.is_match()
    }

    /// Verifies content that comes piece by piece.
    pub fn verifier(&self) -> Verifier {
        let hasher = match self.algorithm() {
            "sha512" => Hasher::Sha512(Sha512::new()),
            _ => Hasher::Sha256(Sha256::new()),
        };
        Verifier { expected: self.clone(), hasher }
    }

    /// `sha256` or `sha512`.
    pub fn algorithm(&self) -> &str {
        self.0.split_once(':').map_or("", |(algorithm, _)| algorithm)
    }

    /// The hex after the colon.
    pub fn hex(&self) -> &str {
        self.0.split_once(':').map_or("", |(_, hex)| hex)
    }

    /// The first 64 bits: enough to count digests, as of a million two agree by chance once in 37 million times. It proves
    /// nothing of contents.
    pub fn fingerprint(&self) -> u64 {
        let first = self.hex().get(..16).unwrap_or_default();
        u64::from_str_radix(first, 16).unwrap_or_default()
    }

    /// The whole, `algorithm:hex`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Verifier {
    /// Takes the next piece.
    pub fn update(&mut self, bytes: &[u8]) {
        match &mut self.hasher {
            Hasher::Sha256(hasher) => hasher.update(bytes),
            Hasher::Sha512(hasher) => hasher.update(bytes),
        }
    }

    /// Whether all pieces together are what the digest names.
    pub fn is_match(self) -> bool {
        let actual = match self.hasher {
            Hasher::Sha256(hasher) => hex(&hasher.finalize()),
            Hasher::Sha512(hasher) => hex(&hasher.finalize()),
        };
        actual == self.expected.hex()
    }
}

/// Whether the text before the colon has the grammar of an algorithm's name.
fn is_algorithm(text: &str) -> bool {
    !text.is_empty()
        && text
            .split(['+', '.', '_', '-'])
            .all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()))
}

const DIGITS: &[u8; 16] = b"0123456789abcdef";

/// Whether `text` is hex in lower case.
pub(super) fn is_hex(text: &str) -> bool {
    const IS_HEX: [bool; 256] = {
        let (mut is_hex, mut at) = ([false; 256], 0);
        while at < DIGITS.len() {
            is_hex[DIGITS[at] as usize] = true;
            at += 1;
        }
        is_hex
    };
    // Looked at to the end, without a decision for each: nearly all are.
    text.bytes().fold(true, |all, byte| all & IS_HEX[usize::from(byte)])
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        text.push(DIGITS[usize::from(byte >> 4)] as char);
        text.push(DIGITS[usize::from(byte & 15)] as char);
    }
    text
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Digest {
    type Err = InvalidDigest;

    fn from_str(text: &str) -> Result<Self, InvalidDigest> {
        Self::parse(text)
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for Digest {
    fn schema_name() -> Cow<'static, str> {
        "Digest".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        schemars::json_schema!({
            "type": "string",
            "description": "algorithm:hex",
            "pattern": "^(sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EMPTY: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn a_digest_is_what_it_names() {
        assert_eq!(Digest::of(b"").as_str(), EMPTY);
        let digest = Digest::parse(EMPTY).unwrap();
        assert!(digest.matches(b""));
        assert!(!digest.matches(b"x"));
        let mut verifier = Digest::of(b"abc").verifier();
        verifier.update(b"a");
        verifier.update(b"bc");
        assert!(verifier.is_match());
        assert_eq!(digest.fingerprint(), 0xe3b0_c442_98fc_1c14);
        let long = format!("sha512:{}", hex(&Sha512::digest(b"abc")));
        assert!(Digest::parse(&long).unwrap().matches(b"abc"));
    }

    #[test]
    fn what_is_no_digest_is_refused() {
        let upper = EMPTY.replace('e', "E");
        let path = "sha256:../../../../admin/secret";
        let newline = format!("{EMPTY}\n");
        for text in ["", ":", "sha256", "sha256:", "sha256:abc", &upper, path, &newline, "../:aa", " sha256:00"] {
            assert!(matches!(Digest::parse(text), Err(InvalidDigest::Malformed(_))), "{text:?}");
        }
        assert_eq!(Digest::parse("blake3:00"), Err(InvalidDigest::Algorithm("blake3".into())));
    }
}
