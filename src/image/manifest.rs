//! Manifests and indexes as parsed from the raw bytes that a registry gave.

#[cfg(test)]
mod tests;
mod wire;

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::{Digest, MediaType, Platform, shape};
use crate::vocabulary::ManifestKind;
pub(super) use wire::malformed;
use wire::{WireDescriptor, WireDocument, WireEntries, WireFsLayer, WireV1History, cut, parse_digest};

/// What points at content: its media type, digest and size in bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Descriptor {
    /// the media type that it announces, as written
    pub media_type: Cow<'static, str>,
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
    fn from_wire(wire: WireEntries, annotations: BTreeMap<String, String>) -> Self {
        Self { entries: wire.entries, annotations, skipped: wire.skipped }
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
        config: WireDescriptor<'_>,
        layers: Vec<WireDescriptor<'_>>,
        annotations: BTreeMap<String, String>,
        artifact_type: Option<String>,
        subject: Option<WireDescriptor<'_>>,
    ) -> Result<Self, InvalidDocument> {
        let layers = layers.into_iter().map(WireDescriptor::into_descriptor).collect::<Result<_, _>>()?;
        let subject = subject.and_then(|s| Digest::parse(&s.digest).ok());
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
