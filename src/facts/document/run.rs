//! What differs from run to run, and the counts over a whole document.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

use super::Time;

/// All that differs between two runs over the same state: `jq 'del(.run)'` compares.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Run {
    /// when the document was made
    pub generated_at: Time,
    /// the program that made it
    pub generator: Generator,
    /// milliseconds from start to this document
    pub duration_ms: u64,
    /// requests to registries and their token servers
    pub requests: u64,
    /// documents that the disk cache had
    pub cache_hits: u64,
    /// bytes received from registries
    pub bytes: u64,
    /// the registries that were asked, sorted by host
    pub registries: Vec<RegistryRun>,
}

/// A program and its version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Generator {
    /// its name
    pub name: String,
    /// its version
    pub version: String,
}

/// How a registry fared.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RegistryRun {
    /// as references name it
    pub host: String,
    /// references that name it
    pub references: u64,
    /// of these, the ones that failed
    pub failed: u64,
    /// requests to it, its mirrors and its token server
    pub requests: u64,
    /// what its `RateLimit-*` headers said last
    pub rate_limit: Option<RateLimit>,
}

/// A registry's pull quota.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RateLimit {
    /// pulls for each window
    pub limit: u64,
    /// pulls left
    pub remaining: u64,
}

/// Counts over the whole document.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// distinct references
    pub references: u64,
    /// of these: complete
    pub resolved: u64,
    /// of these: some manifest
    pub partial: u64,
    /// of these: none
    pub failed: u64,
    /// of these: not asked for
    pub unqueried: u64,
    /// distinct repositories
    pub repositories: u64,
    /// documents in `manifests`
    pub distinct_manifests: u64,
    /// layers of all images in `manifests`
    pub layers: LayerSummary,
    /// errors of images by class
    pub errors_by_class: BTreeMap<String, u64>,
    /// findings by severity
    pub findings_by_severity: BTreeMap<String, u64>,
}

/// Layers, and what sharing them saves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LayerSummary {
    /// distinct layers
    pub distinct: u64,
    /// bytes of the distinct layers, compressed
    pub compressed_bytes: u64,
    /// bytes when each image had its own layers, compressed
    pub referenced_bytes: u64,
}
