//! Nodes.

use serde::Deserialize;

use super::{Metadata, or_default};

/// A node.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Node {
    /// name, labels
    #[serde(default, deserialize_with = "or_default")]
    pub metadata: Metadata,
    /// what its kubelet reports
    #[serde(default, deserialize_with = "or_default")]
    pub status: NodeStatus,
}

/// `status`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NodeStatus {
    /// its platform and runtime
    #[serde(default, deserialize_with = "or_default")]
    pub node_info: NodeInfo,
    /// the largest images on it
    #[serde(default, deserialize_with = "or_default")]
    pub images: Vec<ReportedImage>,
}

/// `status.nodeInfo`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NodeInfo {
    /// `linux`, `windows`
    pub operating_system: Option<String>,
    /// `amd64`, `arm64`, …
    pub architecture: Option<String>,
    /// Windows: `10.0.20348.2582`
    pub kernel_version: Option<String>,
    /// `containerd://2.1.4`
    pub container_runtime_version: Option<String>,
}

/// An entry of `status.images`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReportedImage {
    /// at most five, digests before tags, `<none>` among them
    #[serde(default, deserialize_with = "or_default")]
    pub names: Vec<String>,
    /// bytes on disk
    pub size_bytes: Option<i64>,
}
