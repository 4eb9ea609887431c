//! An image as the cluster and its registry know it.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

use super::{Many, Time};
use crate::image::{Digest, Platform};
use crate::vocabulary::{
    AccessOutcome, AccessSource, Certainty, ContainerType, DigestKind, ErrorClass, ErrorStage, ImageStatus, Role, Via,
};

/// An image, by its normalized reference.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Image {
    /// normalized, such as `docker.io/library/nginx:1.29`; of an invalid one its spelling
    pub reference: String,
    /// the registry's host with its port; absent for an invalid reference
    pub registry: Option<String>,
    /// the path at the registry; absent for an invalid reference
    pub repository: Option<String>,
    /// the tag; `latest` when neither tag nor digest was written
    pub tag: Option<String>,
    /// the digest, when one was written
    pub digest: Option<Digest>,
    /// the spellings in the specs, sorted
    pub written_as: Vec<String>,
    /// how far it was resolved
    pub status: ImageStatus,
    /// what the reference names now
    pub resolved: Option<Resolved>,
    /// the wanted platforms' manifests, sorted by platform
    pub variants: Option<Vec<Variant>>,
    /// what pods run, sorted by digest
    pub running: Option<Vec<Running>>,
    /// who uses it, sorted
    pub used_by: Many<UsedBy>,
    /// the credentials that were tried
    pub access: Option<Vec<Access>>,
    /// what the kubelet says of containers that wait for it
    pub waiting: Option<Vec<Waiting>>,
    /// what events tell about its pulls
    pub pulls: Option<Pulls>,
    /// the nodes that report to have it
    pub on_nodes: Option<OnNodes>,
    /// what went wrong
    pub errors: Option<Vec<ImageError>>,
}

/// What a reference names now.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Resolved {
    /// of the document that the reference names: an index or a manifest
    pub digest: Digest,
    /// who answered
    pub via: Via,
    /// scheme, host and port of who answered
    pub endpoint: String,
    /// when `via` is `cache`: when the registry said so
    pub as_of: Option<Time>,
}

/// The manifest for a wanted platform.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Variant {
    /// the platform that the image offers
    pub platform: Platform,
    /// of its manifest, to be found in `manifests`
    pub digest: Digest,
    /// bytes of its layers, compressed
    pub compressed_bytes: u64,
    /// how many layers
    pub layers: u64,
}

/// Pods that run one digest of the image.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Running {
    /// as the runtime reports it
    pub digest: Digest,
    /// what it names, as the registry says
    pub digest_kind: DigestKind,
    /// whether it belongs to what the reference names now; absent when that is not known
    pub matches_resolved: Option<bool>,
    /// how many pods
    pub pods: u64,
    /// on which nodes, sorted
    pub nodes: Vec<Arc<str>>,
    /// the first pods by name
    pub examples: Vec<Example>,
}

/// A user of an image: the top owner, or the ownerless pods of a namespace.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct UsedBy {
    /// `apps/v1`
    pub api_version: Arc<str>,
    /// `Deployment`
    pub kind: Arc<str>,
    /// its namespace; absent for cluster-scoped objects
    pub namespace: Option<Arc<str>>,
    /// its name; absent for ownerless pods taken together
    pub name: Option<Arc<str>>,
    /// its part
    pub role: Role,
    /// how many pods of it use the image
    pub pods: u64,
    /// the containers that name the image
    pub containers: Vec<ContainerUse>,
    /// names of its pull secrets, in the order in which the kubelet tries them
    pub pull_secrets: Arc<[Arc<str>]>,
    /// custom resources only: whether the field surely holds an image
    pub certainty: Option<Certainty>,
    /// custom resources only: the field
    pub path: Option<Arc<str>>,
    /// ownerless pods only: the first by name
    pub examples: Option<Vec<Example>>,
}

/// A container that names the image.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ContainerUse {
    /// its name; of an image volume the volume's
    pub name: Arc<str>,
    /// by the list that holds it
    #[serde(rename = "type")]
    pub container_type: ContainerType,
    /// `Always`, `IfNotPresent` or `Never`; absent where the spec leaves it to the default
    pub pull_policy: Option<Arc<str>>,
}

/// A credential that was tried, by name, never by value.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Access {
    /// where it comes from
    pub source: AccessSource,
    /// the secret's, the variable's, the file's or the helper's name
    pub name: Option<String>,
    /// of pull secrets: the namespaces whose pods use it
    pub namespaces: Vec<String>,
    /// whether the kubelet would use it: our own login never reads as "the cluster can pull"
    pub kubelet: bool,
    /// what the registry answered
    pub outcome: AccessOutcome,
    /// why it was refused
    pub class: Option<ErrorClass>,
}

/// What the kubelet says of containers that wait.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Waiting {
    /// `ErrImagePull`, `ImagePullBackOff`, …
    pub reason: String,
    /// the kubelet's words
    pub message: String,
    /// how many pods
    pub pods: u64,
    /// the first pods by name
    pub examples: Vec<Example>,
}

/// What pull events tell; the API server keeps events for an hour by default.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Pulls {
    /// pulls that ended well
    pub succeeded: u64,
    /// starts that found the image on the node
    pub cached: u64,
    /// pulls that failed
    pub failed: u64,
    /// the first event
    pub from: Time,
    /// the last event
    pub to: Time,
    /// seconds, of the last pull that tells it
    pub last_duration_seconds: Option<f64>,
    /// bytes, of the last pull that tells it
    pub last_size_bytes: Option<u64>,
}

/// The nodes that report to have an image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OnNodes {
    /// sorted
    pub nodes: Vec<Arc<str>>,
    /// bytes on disk as the runtimes report them: another quantity than `compressedBytes`
    pub size_bytes: MinMax,
}

/// The least and the greatest of a quantity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MinMax {
    /// the least
    pub min: u64,
    /// the greatest
    pub max: u64,
}

/// Something that went wrong with an image.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ImageError {
    /// the step that failed
    pub stage: ErrorStage,
    /// why
    pub class: ErrorClass,
    /// the platform that it was about
    pub platform: Option<Platform>,
    /// scheme, host and port of who was asked
    pub endpoint: Option<String>,
    /// the HTTP status that it answered
    pub http_status: Option<u16>,
    /// what happened, to what, and what to do
    pub message: String,
    /// how often it was tried
    pub attempts: u32,
    /// what the server's `Retry-After` said last
    pub retry_after_seconds: Option<u64>,
}

/// A pod, as an example.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Example {
    /// its namespace
    pub namespace: Arc<str>,
    /// its name
    pub pod: Arc<str>,
    /// the container
    pub container: Option<Arc<str>>,
    /// the node that it runs on
    pub node: Option<Arc<str>>,
}
