//! What shows a finding: one fixed shape for each code, documented in `docs/findings.md`.

use schemars::JsonSchema;
use serde::Serialize;
use serde_with::skip_serializing_none;

use crate::image::{Digest, Platform};
use crate::vocabulary::{AccessOutcome, AccessSource, DigestKind, ErrorClass, ImageStatus};

/// The evidence of a finding. Which shape a code has is said with each.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(untagged)]
pub(super) enum Evidence {
    /// every `pull-…` code but those about secrets, and `exec-format`
    Kubelet(Kubelet),
    /// `invalid-image-name`
    Name(Name),
    /// `platform-missing`
    Platforms(Platforms),
    /// `tag-drift`
    Drift(Drift),
    /// `node-disagreement`
    Disagreement(Disagreement),
    /// `gone-from-registry`
    Gone(Gone),
    /// `pull-secret-missing`, `pull-secret-stale`
    Secret(Secret),
    /// `slow-pull`
    SlowPull(SlowPull),
    /// `mutable-tag`
    MutableTag(MutableTag),
    /// `legacy-manifest`
    Legacy(Legacy),
    /// `large-image`
    Large(Large),
}

/// The kubelet's words, and ours beside them.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Kubelet {
    /// the waiting reason
    pub(super) reason: String,
    /// the kubelet's words that tell the cause
    pub(super) message: String,
    /// pods that wait
    pub(super) pods: u64,
    /// their nodes, sorted
    pub(super) nodes: Vec<String>,
    /// failed pulls for this cause that events tell
    pub(super) failed_pulls: Option<u64>,
    /// what the registry answered us; absent when it was not asked
    pub(super) registry: Option<Registry>,
    /// whether the registry's answer to us fits the kubelet's words; absent when that cannot be said
    pub(super) agrees: Option<bool>,
}

/// What the registry answered us.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Registry {
    /// how far the image was resolved
    pub(super) status: ImageStatus,
    /// of the first failure
    pub(super) class: Option<ErrorClass>,
    /// of the first failure
    pub(super) http_status: Option<u16>,
    /// of the first failure
    pub(super) message: Option<String>,
    /// the credentials that were tried, in order
    pub(super) access: Vec<Tried>,
    /// the platforms that the image offers
    pub(super) offers: Option<Vec<Platform>>,
    /// what the index offers for one platform, and its config says to be for another
    pub(super) mislabeled: Option<Vec<Mislabeled>>,
}

/// A manifest for another platform than its index says.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Mislabeled {
    /// of the manifest
    pub(super) digest: Digest,
    /// as the index says
    pub(super) platform: Platform,
    /// as the config says
    pub(super) config_platform: Platform,
}

/// A credential that was tried.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub(super) struct Tried {
    /// where it comes from
    pub(super) source: AccessSource,
    /// its name
    pub(super) name: Option<String>,
    /// whether the kubelet would use it
    pub(super) kubelet: bool,
    /// what the registry answered
    pub(super) outcome: AccessOutcome,
    /// why it was refused
    pub(super) class: Option<ErrorClass>,
}

/// A name that is none.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub(super) struct Name {
    /// why it cannot be parsed
    pub(super) why: String,
    /// what would be a name, when that is plain
    pub(super) suggestion: Option<String>,
    /// the kubelet's words, when a pod waits for it
    pub(super) message: Option<String>,
}

/// Platforms that an image does not offer.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub(super) struct Platforms {
    /// what the nodes are, sorted
    pub(super) missing: Vec<String>,
    /// the nodes, sorted
    pub(super) nodes: Vec<String>,
    /// what the image offers, sorted
    pub(super) offered: Vec<Platform>,
}

/// A tag that moved on.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub(super) struct Drift {
    /// what the tag names now
    pub(super) resolved: Digest,
    /// what pods run in its place
    pub(super) running: Vec<Runs>,
}

/// Several digests of one reference.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub(super) struct Disagreement {
    /// what pods run
    pub(super) running: Vec<Runs>,
}

/// A digest that pods run.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Runs {
    /// the digest
    pub(super) digest: Digest,
    /// what it names
    pub(super) digest_kind: DigestKind,
    /// how many pods
    pub(super) pods: u64,
    /// on which nodes, sorted
    pub(super) nodes: Vec<String>,
}

/// What can no longer be pulled.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Gone {
    /// whether the reference itself is gone
    pub(super) reference_gone: bool,
    /// running digests that the registry does not have, sorted
    pub(super) digests: Vec<Digest>,
    /// the nodes that run it, sorted
    pub(super) nodes: Vec<String>,
}

/// A pull secret that helps nobody.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub(super) struct Secret {
    /// the images whose pods name it, sorted
    pub(super) images: Vec<String>,
    /// why the registry refuses it; absent for a missing one
    pub(super) class: Option<ErrorClass>,
}

/// A pull that took long.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct SlowPull {
    /// how long the slowest took
    pub(super) seconds: f64,
    /// bytes of the largest variant, compressed
    pub(super) compressed_bytes: Option<u64>,
}

/// A tag that names whatever was pushed last.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct MutableTag {
    /// whether no tag was written, so that `latest` is meant
    pub(super) implied: bool,
    /// the containers' pull policies, sorted; `Always` where none is written
    pub(super) pull_policies: Vec<String>,
}

/// A manifest of Docker schema 1.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Legacy {
    /// of the manifest
    pub(super) digest: Digest,
    /// of the manifest
    pub(super) media_type: String,
}

/// An image that is large.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Large {
    /// of the largest variant
    pub(super) platform: Platform,
    /// bytes of its layers, compressed
    pub(super) compressed_bytes: u64,
    /// bytes of its largest layer, compressed
    pub(super) largest_layer_bytes: u64,
    /// the instruction that made the largest layer
    pub(super) largest_layer_by: Option<String>,
}

impl Evidence {
    /// As it stands in the document.
    pub(super) fn into_map(self) -> serde_json::Map<String, serde_json::Value> {
        match serde_json::to_value(self) {
            Ok(serde_json::Value::Object(map)) => map,
            // Every shape is a struct of plain fields, which always becomes an object.
            _ => serde_json::Map::new(),
        }
    }
}
