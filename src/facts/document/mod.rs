//! The document `facts.json`: its types are the only source of the schema.
//!
//! These types are written, and read back by `show`, `diff` and `validate`; nothing computes in them.

mod finding;
mod image;
mod manifest;
mod run;

pub use finding::*;
pub use image::*;
pub use manifest::*;
pub use run::*;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

pub use crate::clock::Time;
use crate::vocabulary::{GapScope, RedactionMode, SourceType};

/// The version of the schema that this program writes.
pub const SCHEMA_VERSION: &str = "1.0";

/// As many as a cluster has. Each lies by itself, so that it takes the room of what it was made of: of a list in one piece
/// the whole would have to be found beside it.
pub type Many<T> = Vec<Box<T>>;

/// Everything about the container images of a cluster. What is unknown or was not looked at is absent; an empty array
/// means looked and found none.
// `M` is how the manifests are held, which are most of it: as they are, or packed, to be written.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ImageFacts<M = Vec<Manifest>> {
    /// `1.x`; a higher minor version adds fields, codes and classes
    #[schemars(regex(pattern = r"^1\.[0-9]+$"))]
    pub schema_version: String,
    /// always `ImageFacts`
    #[schemars(extend("const" = "ImageFacts"))]
    pub kind: String,
    /// false when interrupted, out of time, or when part of the cluster could not be read
    pub complete: bool,
    /// all that differs between two runs over the same state
    pub run: Run,
    /// where the objects came from
    pub source: Source,
    /// how secrets are masked
    pub redaction: Redaction,
    /// sorted by name; absent when nodes could not be read
    pub nodes: Option<Vec<Node>>,
    /// one for each distinct normalized reference, sorted by it
    pub images: Many<Image>,
    /// each document looked at, once, sorted by digest
    pub manifests: M,
    /// images on nodes that no object uses; absent when no node told its images
    pub unused_on_nodes: Option<Vec<UnusedImage>>,
    /// what is wrong, worst first
    pub findings: Vec<Finding>,
    /// what could not be looked at
    pub gaps: Vec<Gap>,
    /// counts over all of the above
    pub summary: Summary,
}

impl<M> ImageFacts<M> {
    /// The same with other manifests.
    pub fn with_manifests<N>(self, manifests: N) -> ImageFacts<N> {
        let Self { schema_version, kind, complete, run, source, redaction, nodes, images, .. } = self;
        let Self { unused_on_nodes, findings, gaps, summary, .. } = self;
        ImageFacts {
            schema_version,
            kind,
            complete,
            run,
            source,
            redaction,
            nodes,
            images,
            manifests,
            unused_on_nodes,
            findings,
            gaps,
            summary,
        }
    }
}

/// Where the objects came from.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Source {
    /// a live API server, or files
    #[serde(rename = "type")]
    pub source_type: SourceType,
    /// the kubeconfig's context
    pub context: Option<String>,
    /// as `/version` says
    pub kubernetes_version: Option<String>,
    /// the namespaces that were looked at, sorted
    pub namespaces: Vec<String>,
    /// of files: what was named on the command line
    pub paths: Option<Vec<String>>,
}

/// How secrets in this document are masked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Redaction {
    /// the mode
    pub mode: RedactionMode,
}

/// A node of the cluster.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Node {
    /// its name
    pub name: String,
    /// `os/arch[/variant]`
    pub platform: crate::image::Platform,
    /// Windows: the build, which containers must match
    pub os_version: Option<String>,
    /// `containerd://2.1.4`
    pub runtime: String,
    /// true when the kubelet reports only its 50 largest images, so that absence proves nothing
    pub images_truncated: Option<bool>,
}

/// An image on nodes that no object uses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct UnusedImage {
    /// as the runtimes name it, sorted
    pub names: Vec<String>,
    /// where it lies, sorted
    pub nodes: Vec<String>,
    /// bytes on disk, as the runtimes report them: the largest
    pub size_bytes: u64,
}

/// What could not be looked at.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Gap {
    /// on which side
    pub scope: GapScope,
    /// `pods`, `deployments.apps`, `secrets`
    pub resource: Option<String>,
    /// where; absent for the whole cluster
    pub namespace: Option<String>,
    /// the registry
    pub host: Option<String>,
    /// one word: `forbidden`, `inconsistent`, `unreadable`, …
    pub reason: String,
    /// in words, with what would close it
    pub message: String,
}
