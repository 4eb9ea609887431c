//! Manifests as others send them: every format at once, unknown fields ignored.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::{Deserializer, SeqAccess, Visitor};
use serde_json::value::RawValue;
use serde_with::{DefaultOnNull, serde_as};

use super::{Descriptor, IndexEntry, InvalidDocument};
use crate::image::media_type::written;
use crate::image::{Digest, MediaType, Platform};
use crate::text;

/// How many characters of a document a message quotes.
const LONGEST_QUOTE: usize = 200;
/// How many entries of an index that are none are told of.
const MAX_SKIPPED: usize = 100;

/// Every manifest format at once, so that a document that is two of them can be told.
#[serde_as]
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct WireDocument<'a> {
    pub(super) schema_version: Option<u32>,
    pub(super) media_type: Option<String>,
    pub(super) artifact_type: Option<String>,
    pub(super) manifests: Option<WireEntries>,
    #[serde(borrow)]
    pub(super) config: Option<WireDescriptor<'a>>,
    #[serde(borrow)]
    pub(super) layers: Option<Vec<WireDescriptor<'a>>>,
    #[serde(default)]
    #[serde_as(as = "DefaultOnNull<BTreeMap<_, DefaultOnNull>>")]
    pub(super) annotations: BTreeMap<String, String>,
    #[serde(borrow)]
    pub(super) subject: Option<WireDescriptor<'a>>,
    pub(super) fs_layers: Option<Vec<WireFsLayer>>,
    pub(super) history: Option<Vec<WireV1History>>,
    pub(super) architecture: Option<String>,
}

impl WireDocument<'_> {
    /// The document's own word, else the header's, else what its shape says.
    pub(super) fn media_type(&self, content_type: Option<&str>) -> Result<String, InvalidDocument> {
        let essence = content_type.map(|t| t.split(';').next().unwrap_or_default().trim().to_ascii_lowercase());
        // What a proxy or a static file server says of any file contradicts nothing.
        let header = essence.filter(|t| {
            !matches!(t.as_str(), "" | "application/json" | "text/plain" | "application/octet-stream" | "text/html")
        });
        // Signed schema 1 documents come under either of their two types.
        let same = |a: &str, b: &str| {
            a.eq_ignore_ascii_case(b)
                || (MediaType::parse(a) == MediaType::DockerSchema1 && MediaType::parse(b) == MediaType::DockerSchema1)
        };
        match (self.media_type.as_deref().filter(|t| !t.is_empty()), header) {
            (Some(own), Some(header)) if !same(own, &header) => {
                Err(InvalidDocument::Contradiction { content_type: cut(&header), media_type: cut(own) })
            }
            (Some(own), _) => Ok(own.to_owned()),
            (None, Some(header)) => Ok(header),
            (None, None) => Ok(self.shape().to_owned()),
        }
    }

    /// The media type that a document without any has by its fields.
    fn shape(&self) -> &'static str {
        if self.schema_version == Some(1) || self.fs_layers.is_some() {
            "application/vnd.docker.distribution.manifest.v1+json"
        } else if self.manifests.is_some() {
            "application/vnd.oci.image.index.v1+json"
        } else {
            "application/vnd.oci.image.manifest.v1+json"
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct WireDescriptor<'a> {
    #[serde(borrow, default)]
    pub(super) media_type: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) digest: Cow<'a, str>,
    pub(super) size: u64,
}

impl WireDescriptor<'_> {
    pub(super) fn into_descriptor(self) -> Result<Descriptor, InvalidDocument> {
        Ok(Descriptor { digest: parse_digest(&self.digest)?, media_type: written(&self.media_type), size: self.size })
    }
}

#[serde_as]
#[derive(Deserialize)]
pub(super) struct WireEntry<'a> {
    #[serde(borrow, flatten)]
    pub(super) descriptor: WireDescriptor<'a>,
    pub(super) platform: Option<WirePlatform>,
    #[serde(default)]
    #[serde_as(as = "DefaultOnNull<BTreeMap<_, DefaultOnNull>>")]
    pub(super) annotations: BTreeMap<String, String>,
    #[serde(rename = "artifactType")]
    pub(super) artifact_type: Option<String>,
}

impl WireEntry<'_> {
    pub(super) fn into_entry(self) -> Result<IndexEntry, InvalidDocument> {
        let known = self.platform.filter(|p| !p.os.is_empty() && p.os != "unknown" && p.architecture != "unknown");
        let platform = known.as_ref().map(|p| Platform::new(&p.os, &p.architecture, p.variant.as_deref()));
        Ok(IndexEntry {
            descriptor: self.descriptor.into_descriptor()?,
            platform,
            os_version: known.and_then(|p| p.os_version),
            annotations: self.annotations,
            artifact_type: self.artifact_type,
        })
    }
}

#[derive(Deserialize)]
pub(super) struct WirePlatform {
    #[serde(default)]
    pub(super) os: String,
    #[serde(default)]
    pub(super) architecture: String,
    pub(super) variant: Option<String>,
    #[serde(rename = "os.version")]
    pub(super) os_version: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct WireFsLayer {
    pub(super) blob_sum: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct WireV1History {
    pub(super) v1_compatibility: String,
}

/// The entries of an index, each read as it comes; what is none is passed over.
#[derive(Default)]
pub(super) struct WireEntries {
    pub(super) entries: Vec<IndexEntry>,
    pub(super) skipped: Vec<String>,
}

impl WireEntries {
    fn take(&mut self, at: usize, json: &str) {
        let entry = serde_json::from_str::<WireEntry>(json).map_err(malformed).and_then(WireEntry::into_entry);
        match entry {
            Ok(entry) => self.entries.push(entry),
            Err(why) if self.skipped.len() < MAX_SKIPPED => {
                self.skipped.push(format!("entry {at} of the index is passed over: {why}"));
            }
            Err(_) => {}
        }
    }
}

impl<'de> Deserialize<'de> for WireEntries {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries;
        impl<'de> Visitor<'de> for Entries {
            type Value = WireEntries;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a list of entries")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<WireEntries, A::Error> {
                let (mut read, mut at) = (WireEntries::default(), 0);
                while let Some(json) = list.next_element::<&RawValue>()? {
                    read.take(at, json.get());
                    at += 1;
                }
                Ok(read)
            }
        }
        deserializer.deserialize_seq(Entries)
    }
}

/// What the parser says, which may quote as much of the document as there is.
pub(in crate::image) fn malformed(error: serde_json::Error) -> InvalidDocument {
    InvalidDocument::Malformed(cut(&error.to_string()))
}

/// As much of a document's words as a message has room for.
pub(super) fn cut(text: &str) -> String {
    text::cut(text, LONGEST_QUOTE).into_owned()
}

pub(super) fn parse_digest(text: &str) -> Result<Digest, InvalidDocument> {
    Digest::parse(text).map_err(|error| InvalidDocument::Malformed(error.to_string()))
}
