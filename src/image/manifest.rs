//! Manifests and indexes as parsed from the raw bytes that a registry gave.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::{Deserializer, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::{Digest, MediaType, Platform, shape};
use crate::vocabulary::ManifestKind;

/// How many characters of a document a message quotes.
const LONGEST_QUOTE: usize = 200;
/// How many entries of an index that are none are told of.
const MAX_SKIPPED: usize = 100;

/// What points at content: its media type, digest and size in bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Descriptor {
    /// the media type that it announces, as written
    pub media_type: String,
    /// the content's digest
    pub digest: Digest,
    /// the content's size in bytes
    pub size: u64,
}

/// An entry of an index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexEntry {
    /// what it points at
    pub descriptor: Descriptor,
    /// absent when the index says none, or `unknown/unknown`
    pub platform: Option<Platform>,
    /// Windows: the build
    pub os_version: Option<String>,
    /// `vnd.docker.reference.type` and the like
    pub annotations: BTreeMap<String, String>,
    /// what an artifact's entry calls itself
    pub artifact_type: Option<String>,
}

/// An OCI index or a Docker manifest list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Index {
    /// in the order of the document
    pub entries: Vec<IndexEntry>,
    /// the index's own annotations
    pub annotations: BTreeMap<String, String>,
    /// entries that were passed over, and why; of very many the first
    pub skipped: Vec<String>,
}

/// An OCI or Docker schema 2 manifest: of an image, or of an artifact when the config is no image config.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// the config
    pub config: Descriptor,
    /// lowest first
    pub layers: Vec<Descriptor>,
    /// the manifest's annotations
    pub annotations: BTreeMap<String, String>,
    /// OCI 1.1
    pub artifact_type: Option<String>,
    /// what it is attached to (OCI 1.1)
    pub subject: Option<Digest>,
}

/// A Docker schema 1 manifest: layers without sizes, and a config for each of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LegacyManifest {
    /// always linux
    pub platform: Option<Platform>,
    /// lowest first
    pub layers: Vec<Digest>,
    /// the topmost `v1Compatibility`: the image's config, as JSON
    pub config: Option<String>,
}

/// What a manifest request may answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Document {
    /// an index or list
    Index(Index),
    /// an image's manifest
    Image(Manifest),
    /// a manifest of something else
    Artifact(Manifest),
    /// Docker schema 1
    Legacy(LegacyManifest),
}

/// Why bytes are no manifest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidDocument {
    /// not JSON, or not of the shape that its kind has
    #[error("it cannot be read: {0}")]
    Malformed(String),
    /// an index and a manifest at once (CVE-2021-41190)
    #[error("it is an index and a manifest at once, so what it names depends on who reads it (CVE-2021-41190)")]
    Ambiguous,
    /// `Content-Type` and `mediaType` disagree (CVE-2021-41190)
    #[error("the registry calls it {content_type:?}, the document itself says {media_type:?} (CVE-2021-41190)")]
    Contradiction {
        /// the header
        content_type: String,
        /// the document's own word
        media_type: String,
    },
    /// more values than any manifest or config has
    #[error("it has more values than any manifest or config")]
    TooLarge,
    /// JSON, but of a kind that we do not know
    #[error("its media type {0:?} is of a kind that is not known")]
    Unsupported(String),
}

impl Document {
    /// Parses the bytes of a manifest response, together with its `Content-Type`.
    ///
    /// Returns the document and its media type: the document's own word, else the header's, else what its shape says.
    pub fn parse(bytes: &[u8], content_type: Option<&str>) -> Result<(Self, String), InvalidDocument> {
        shape::check(bytes)?;
        let wire: WireDocument = serde_json::from_slice(bytes).map_err(malformed)?;
        let media_type = wire.media_type(content_type)?;
        let is_index = wire.manifests.is_some();
        let is_image = wire.config.is_some() || wire.layers.is_some();
        let is_legacy = wire.fs_layers.is_some();
        if usize::from(is_index) + usize::from(is_image) + usize::from(is_legacy) > 1 {
            return Err(InvalidDocument::Ambiguous);
        }
        let missing = |what| Err(InvalidDocument::Malformed(format!("it has no {what}")));
        match MediaType::parse(&media_type) {
            MediaType::OciIndex | MediaType::DockerList => match wire.manifests {
                Some(entries) => Ok((Self::Index(Index::from_wire(entries, wire.annotations)), media_type)),
                None => missing("manifests, which an index must have"),
            },
            MediaType::OciManifest | MediaType::DockerManifest => match (wire.config, wire.layers) {
                (Some(config), layers) => {
                    let layers = layers.unwrap_or_default();
                    let (subject, artifact) = (wire.subject, wire.artifact_type);
                    let manifest = Manifest::from_wire(config, layers, wire.annotations, artifact, subject)?;
                    Ok((manifest.classified(), media_type))
                }
                (None, _) => missing("config, which a manifest must have"),
            },
            MediaType::DockerSchema1 => match wire.fs_layers {
                Some(layers) => {
                    let history = wire.history.unwrap_or_default();
                    let manifest = LegacyManifest::from_wire(wire.architecture.as_deref(), layers, history)?;
                    Ok((Self::Legacy(manifest), media_type))
                }
                None => missing("fsLayers, which a schema 1 manifest must have"),
            },
            MediaType::Other => Err(InvalidDocument::Unsupported(cut(&media_type))),
        }
    }

    /// The kind, as the facts name it.
    pub fn kind(&self) -> ManifestKind {
        match self {
            Self::Index(_) => ManifestKind::Index,
            Self::Image(_) => ManifestKind::Image,
            Self::Artifact(_) => ManifestKind::Artifact,
            Self::Legacy(_) => ManifestKind::Legacy,
        }
    }
}

impl Index {
    fn from_wire(wire: WireEntries, annotations: Option<BTreeMap<String, Option<String>>>) -> Self {
        Self { entries: wire.entries, annotations: flatten(annotations), skipped: wire.skipped }
    }
}

/// The entries of an index, each read as it comes; what is none is passed over.
#[derive(Default)]
struct WireEntries {
    entries: Vec<IndexEntry>,
    skipped: Vec<String>,
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

impl IndexEntry {
    /// Whether this entry is an attestation (SBOM, provenance) and no image: BuildKit gives it the platform
    /// `unknown/unknown` and `vnd.docker.reference.type: attestation-manifest`
    /// (<https://docs.docker.com/build/metadata/attestations/attestation-storage/>).
    pub fn is_attestation(&self) -> bool {
        self.annotations.contains_key("vnd.docker.reference.type")
    }
}

impl Manifest {
    fn from_wire(
        config: WireDescriptor,
        layers: Vec<WireDescriptor>,
        annotations: Option<BTreeMap<String, Option<String>>>,
        artifact_type: Option<String>,
        subject: Option<WireDescriptor>,
    ) -> Result<Self, InvalidDocument> {
        let layers = layers.into_iter().map(WireDescriptor::into_descriptor).collect::<Result<_, _>>()?;
        let subject = subject.and_then(|s| Digest::parse(&s.digest).ok());
        let annotations = flatten(annotations);
        Ok(Self { config: config.into_descriptor()?, layers, annotations, artifact_type, subject })
    }

    /// The bytes of all layers together, compressed.
    pub fn compressed_bytes(&self) -> u64 {
        self.layers.iter().fold(0, |sum, layer| sum.saturating_add(layer.size))
    }

    fn classified(self) -> Document {
        if MediaType::is_image_config(&self.config.media_type) && self.artifact_type.is_none() {
            Document::Image(self)
        } else {
            Document::Artifact(self)
        }
    }
}

impl LegacyManifest {
    fn from_wire(
        architecture: Option<&str>,
        layers: Vec<WireFsLayer>,
        history: Vec<WireV1History>,
    ) -> Result<Self, InvalidDocument> {
        // Schema 1 lists the topmost layer first.
        let layers = layers.iter().rev().map(|layer| parse_digest(&layer.blob_sum)).collect::<Result<_, _>>()?;
        Ok(Self {
            platform: architecture.map(|architecture| Platform::new("linux", architecture, None)),
            layers,
            config: history.into_iter().next().map(|entry| entry.v1_compatibility),
        })
    }
}

/// What the parser says, which may quote as much of the document as there is.
pub(super) fn malformed(error: serde_json::Error) -> InvalidDocument {
    InvalidDocument::Malformed(cut(&error.to_string()))
}

/// As much of a document's words as a message has room for.
fn cut(text: &str) -> String {
    match text.char_indices().nth(LONGEST_QUOTE) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

fn flatten(annotations: Option<BTreeMap<String, Option<String>>>) -> BTreeMap<String, String> {
    annotations.unwrap_or_default().into_iter().map(|(key, value)| (key, value.unwrap_or_default())).collect()
}

fn parse_digest(text: &str) -> Result<Digest, InvalidDocument> {
    Digest::parse(text).map_err(|error| InvalidDocument::Malformed(error.to_string()))
}

/// Every manifest format at once, so that a document that is two of them can be told.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireDocument {
    schema_version: Option<u32>,
    media_type: Option<String>,
    artifact_type: Option<String>,
    manifests: Option<WireEntries>,
    config: Option<WireDescriptor>,
    layers: Option<Vec<WireDescriptor>>,
    annotations: Option<BTreeMap<String, Option<String>>>,
    subject: Option<WireDescriptor>,
    fs_layers: Option<Vec<WireFsLayer>>,
    history: Option<Vec<WireV1History>>,
    architecture: Option<String>,
}

impl WireDocument {
    fn media_type(&self, content_type: Option<&str>) -> Result<String, InvalidDocument> {
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
struct WireDescriptor {
    #[serde(default)]
    media_type: String,
    digest: String,
    size: u64,
}

impl WireDescriptor {
    fn into_descriptor(self) -> Result<Descriptor, InvalidDocument> {
        Ok(Descriptor { digest: parse_digest(&self.digest)?, media_type: self.media_type, size: self.size })
    }
}

#[derive(Deserialize)]
struct WireEntry {
    #[serde(flatten)]
    descriptor: WireDescriptor,
    platform: Option<WirePlatform>,
    annotations: Option<BTreeMap<String, Option<String>>>,
    #[serde(rename = "artifactType")]
    artifact_type: Option<String>,
}

impl WireEntry {
    fn into_entry(self) -> Result<IndexEntry, InvalidDocument> {
        let known = self.platform.filter(|p| !p.os.is_empty() && p.os != "unknown" && p.architecture != "unknown");
        let platform = known.as_ref().map(|p| Platform::new(&p.os, &p.architecture, p.variant.as_deref()));
        Ok(IndexEntry {
            descriptor: self.descriptor.into_descriptor()?,
            platform,
            os_version: known.and_then(|p| p.os_version),
            annotations: flatten(self.annotations),
            artifact_type: self.artifact_type,
        })
    }
}

#[derive(Deserialize)]
struct WirePlatform {
    #[serde(default)]
    os: String,
    #[serde(default)]
    architecture: String,
    variant: Option<String>,
    #[serde(rename = "os.version")]
    os_version: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireFsLayer {
    blob_sum: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireV1History {
    v1_compatibility: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
    const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

    fn digest(n: u8) -> String {
        Digest::of(&[n]).to_string()
    }

    fn manifest_json(config_type: &str, size: &str) -> String {
        format!(
            r#"{{"schemaVersion":2,"mediaType":"{OCI_MANIFEST}",
                "config":{{"mediaType":"{config_type}","digest":"{}","size":2}},
                "layers":[{{"mediaType":"l","digest":"{}","size":{size},"urls":["http://x"]}}]}}"#,
            digest(1),
            digest(2)
        )
    }

    #[test]
    fn the_kind_follows_from_the_config() {
        for (config_type, kind) in [
            ("application/vnd.oci.image.config.v1+json", ManifestKind::Image),
            ("application/vnd.docker.container.image.v1+json", ManifestKind::Image),
            ("application/vnd.oci.empty.v1+json", ManifestKind::Artifact),
            ("application/vnd.cncf.helm.config.v1+json", ManifestKind::Artifact),
        ] {
            let json = manifest_json(config_type, "7");
            let (document, media_type) = Document::parse(json.as_bytes(), Some(OCI_MANIFEST)).unwrap();
            assert_eq!((document.kind(), media_type.as_str()), (kind, OCI_MANIFEST), "{config_type}");
        }
    }

    #[test]
    fn an_index_keeps_its_good_entries() {
        let json = format!(
            r#"{{"schemaVersion":2,"manifests":[
                {{"mediaType":"m","digest":"{}","size":7,"platform":{{"os":"linux","architecture":"amd64"}}}},
                {{"mediaType":"m","digest":"{}","size":7,"platform":{{"os":"unknown","architecture":"unknown"}},
                  "annotations":{{"vnd.docker.reference.type":"attestation-manifest"}}}},
                {{"mediaType":"m","digest":"sha256:../../etc","size":7}},
                {{"mediaType":"m","digest":"{}","size":-7}}]}}"#,
            digest(1),
            digest(2),
            digest(3)
        );
        let (document, media_type) = Document::parse(json.as_bytes(), Some("application/json; charset=utf-8")).unwrap();
        let Document::Index(index) = document else { panic!("an index") };
        assert_eq!(media_type, OCI_INDEX);
        assert_eq!(index.entries.len(), 2);
        assert_eq!(index.entries[0].platform.as_ref().unwrap().to_string(), "linux/amd64");
        assert!(index.entries[1].platform.is_none() && index.entries[1].is_attestation());
        assert_eq!(index.skipped.len(), 2);
    }

    #[test]
    fn what_can_be_read_two_ways_is_refused() {
        let both = format!(
            r#"{{"schemaVersion":2,"mediaType":"{OCI_INDEX}","manifests":[],
                "config":{{"mediaType":"c","digest":"{}","size":2}},"layers":[]}}"#,
            digest(1)
        );
        assert_eq!(Document::parse(both.as_bytes(), None), Err(InvalidDocument::Ambiguous));
        let json = manifest_json("application/vnd.oci.image.config.v1+json", "7");
        let contradiction = Document::parse(json.as_bytes(), Some(OCI_INDEX));
        assert!(matches!(contradiction, Err(InvalidDocument::Contradiction { .. })));
    }

    #[test]
    fn hostile_documents_are_errors() {
        let deep = "[".repeat(100_000);
        let nested = format!(r#"{{"manifests":[{deep}"#);
        let config_type = "application/vnd.oci.image.config.v1+json";
        for json in [
            "",
            "null",
            "[]",
            "{}",
            "<html>",
            &deep,
            &nested,
            &manifest_json(config_type, "-1"),
            &manifest_json(config_type, "1e400"),
            &manifest_json(config_type, "99999999999999999999999"),
            r#"{"schemaVersion":2,"config":{"mediaType":"c","digest":"sha256:../x","size":1},"layers":[]}"#,
            r#"{"schemaVersion":1,"fsLayers":[{"blobSum":"x"}]}"#,
        ] {
            assert!(Document::parse(json.as_bytes(), None).is_err(), "{}", &json[..json.len().min(80)]);
        }
        let huge = manifest_json(config_type, &u64::MAX.to_string());
        let (Document::Image(manifest), _) = Document::parse(huge.as_bytes(), None).unwrap() else {
            panic!("an image")
        };
        assert_eq!(manifest.compressed_bytes(), u64::MAX);
    }

    #[test]
    fn schema_1_gives_what_it_has() {
        let json = format!(
            r#"{{"schemaVersion":1,"name":"a","tag":"1","architecture":"amd64",
                "fsLayers":[{{"blobSum":"{}"}},{{"blobSum":"{}"}}],
                "history":[{{"v1Compatibility":"{{\"os\":\"linux\"}}"}},{{"v1Compatibility":"{{}}"}}],
                "signatures":[]}}"#,
            digest(2),
            digest(1)
        );
        let prettyjws = "application/vnd.docker.distribution.manifest.v1+prettyjws";
        let (Document::Legacy(manifest), _) = Document::parse(json.as_bytes(), Some(prettyjws)).unwrap() else {
            panic!("schema 1")
        };
        assert_eq!(manifest.layers[0].to_string(), digest(1));
        assert_eq!(manifest.config.as_deref(), Some(r#"{"os":"linux"}"#));
    }
}
