//! A manifest document as a registry holds it, with its config.

use std::borrow::Cow;
use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

use super::Time;
use crate::image::{Digest, Platform};
use crate::vocabulary::{AttachmentKind, AttachmentVia, ManifestKind};

/// A document that was looked at.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    /// over its raw bytes
    pub digest: Digest,
    /// as the document, else the registry, says
    pub media_type: String,
    /// what it is
    pub kind: ManifestKind,
    /// of an index, in its order
    pub entries: Option<Vec<Entry>>,
    /// the platform, as the config says
    pub platform: Option<Platform>,
    /// Windows: the build
    pub os_version: Option<String>,
    /// Windows: features that the image needs of its host
    pub os_features: Option<Vec<String>>,
    /// when it was built, as the config says
    pub created: Option<Time>,
    /// bytes of its layers, compressed
    pub compressed_bytes: Option<u64>,
    /// how it runs
    pub config: Option<Config>,
    /// lowest first
    pub layers: Option<Vec<Layer>>,
    /// how it was built, oldest step first
    pub history: Option<Vec<HistoryStep>>,
    /// the manifest's or the index's own
    pub annotations: Option<BTreeMap<String, String>>,
    /// what its labels and annotations say of its build
    pub build: Option<Build>,
    /// what is attached to it: signatures, SBOMs, provenance
    pub attachments: Option<Vec<Attachment>>,
    /// where attachments were looked for
    pub attachments_checked: Option<Vec<AttachmentVia>>,
}

/// An entry of an index.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// of the manifest
    pub digest: Digest,
    /// of the manifest
    pub media_type: Cow<'static, str>,
    /// of the manifest, bytes
    pub size: u64,
    /// absent for attestations and where the index says none
    pub platform: Option<Platform>,
    /// Windows: the build
    pub os_version: Option<String>,
}

/// How an image runs.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Config {
    /// of the config; absent for Docker schema 1
    pub digest: Option<Digest>,
    /// who built it
    pub author: Option<String>,
    /// user, or user:group
    pub user: Option<String>,
    /// `NAME=value`, in order
    pub env: Vec<String>,
    /// in order
    pub entrypoint: Vec<String>,
    /// in order
    pub cmd: Vec<String>,
    /// the directory that the program starts in
    pub working_dir: Option<String>,
    /// `8080/tcp`, sorted
    pub exposed_ports: Vec<String>,
    /// paths, sorted
    pub volumes: Vec<String>,
    /// by name
    pub labels: BTreeMap<String, String>,
    /// `SIGTERM`, …
    pub stop_signal: Option<String>,
    /// as the config says (Docker only)
    pub healthcheck: Option<BTreeMap<String, serde_json::Value>>,
}

/// A layer.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Layer {
    /// of the layer as stored
    pub digest: Digest,
    /// absent for Docker schema 1
    pub media_type: Option<Cow<'static, str>>,
    /// bytes as stored; absent for Docker schema 1
    pub size: Option<u64>,
    /// of the layer uncompressed
    pub diff_id: Option<Digest>,
    /// the instruction that made it
    pub created_by: Option<String>,
}

/// A step of a build.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HistoryStep {
    /// when
    pub created: Option<Time>,
    /// the instruction
    pub created_by: Option<String>,
    /// a remark of the builder
    pub comment: Option<String>,
    /// true when the step made no layer
    pub empty_layer: Option<bool>,
}

/// What labels and annotations say of a build.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Build {
    /// where its source lies
    pub source: Option<String>,
    /// of the source
    pub revision: Option<String>,
    /// of what is in it
    pub version: Option<String>,
    /// as the label says
    pub created: Option<Time>,
    /// the base image's reference
    pub base_name: Option<String>,
    /// the base image's digest
    pub base_digest: Option<String>,
    /// the program that built it
    pub builder: Option<String>,
}

/// Something that is attached to a manifest.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Attachment {
    /// what it is
    pub kind: AttachmentKind,
    /// as the registry calls it
    pub artifact_type: Option<String>,
    /// of the attached manifest
    pub digest: Digest,
    /// of the attached manifest, bytes
    pub size: Option<u64>,
    /// where it was found
    pub via: AttachmentVia,
}
