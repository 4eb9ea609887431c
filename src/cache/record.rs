//! A record: what is kept under one key.

use bytes::Bytes;

use crate::image::Digest;

/// The longest media type that is kept, in bytes; RFC 6838 allows twice 127 and a slash.
pub(super) const MEDIA_TYPE_BYTES: usize = 255;

/// What a record is found by: half of a digest.
///
/// Two that were the same would do no harm: each content shows when it is read whether it is what was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub(super) struct Key([u8; Self::BYTES]);

/// What is kept.
#[derive(Debug, Clone)]
pub(super) struct Record {
    /// the document that a reference named; of a document none
    pub(super) names: Key,
    pub(super) content: Bytes,
}

/// A document as it was fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CachedDocument {
    /// empty where none was given
    pub media_type: String,
    /// as the registry gave them; verified
    pub bytes: Bytes,
}

impl Key {
    const BYTES: usize = 16;

    pub(super) fn of(digest: &Digest) -> Self {
        let half = digest.hex().get(..2 * Self::BYTES).unwrap_or_default();
        Self(u128::from_str_radix(half, 16).unwrap_or_default().to_be_bytes())
    }

    pub(super) fn to_bytes(self) -> [u8; Self::BYTES] {
        self.0
    }

    pub(super) fn from_bytes(bytes: [u8; Self::BYTES]) -> Self {
        Self(bytes)
    }
}

impl Record {
    /// A line with the media type, and then the document. `None` for a media type that is none.
    ///
    /// It is not compressed: it would be a third, and take several times as long as all else that is done with it.
    pub(super) fn of_document(media_type: &str, bytes: &[u8]) -> Option<Self> {
        let is_kept = media_type.len() <= MEDIA_TYPE_BYTES && !media_type.contains('\n');
        let content = || [media_type.as_bytes(), b"\n", bytes].concat().into();
        is_kept.then(|| Self { names: Key::default(), content: content() })
    }
}

impl CachedDocument {
    /// The document in a record that was kept for `digest`, if it is that.
    pub(super) fn read(digest: &Digest, content: &Bytes) -> Option<Self> {
        let end = content.iter().take(MEDIA_TYPE_BYTES + 1).position(|byte| *byte == b'\n')?;
        let media_type = std::str::from_utf8(content.get(..end)?).ok()?.to_owned();
        let bytes = content.slice(end + 1..);
        digest.matches(&bytes).then_some(Self { media_type, bytes })
    }
}
