//! The record of what a reference named, and when.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::record::Key;
use crate::image::{Digest, Reference};
use crate::vocabulary::Via;

/// What a reference named when a registry was asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Seen {
    /// of the index or manifest
    pub digest: Digest,
    /// of that document
    pub media_type: String,
    /// who answered
    pub via: Via,
    /// scheme, host and port of who answered
    pub endpoint: String,
    /// when
    pub seen_at: Timestamp,
}

/// A record as it is written. It says itself what it is about, so that another's is found out.
#[derive(Serialize, Deserialize)]
struct Record<S> {
    reference: String,
    #[serde(flatten)]
    seen: S,
}

/// What the registry is asked for: of a reference with tag and digest, the digest alone.
fn subject(reference: &Reference) -> String {
    format!("{} {}", reference.repository(), reference.target())
}

/// What the record is found by.
pub(super) fn key(reference: &Reference) -> Key {
    Key::of(&Digest::of(subject(reference).as_bytes()))
}

/// The record to be written.
pub(super) fn record(reference: &Reference, seen: &Seen) -> serde_json::Result<Vec<u8>> {
    serde_json::to_vec(&Record { reference: subject(reference), seen })
}

/// Reads a record; `None` when it is none, or of something else.
pub(super) fn parse(reference: &Reference, record: &[u8]) -> Option<Seen> {
    let record: Record<Seen> = serde_json::from_slice(record).ok()?;
    (record.reference == subject(reference)).then_some(record.seen)
}
