//! Nodes.

use serde::Deserialize;

use super::{Metadata, Text, or_default};

/// A node.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Node<'a> {
    /// name, labels
    #[serde(borrow, default, deserialize_with = "or_default")]
    pub metadata: Metadata<'a>,
    /// what its kubelet reports
    #[serde(default, deserialize_with = "or_default")]
    pub status: NodeStatus<'a>,
}

/// `status`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NodeStatus<'a> {
    /// its platform and runtime
    #[serde(borrow, default, deserialize_with = "or_default")]
    pub node_info: NodeInfo<'a>,
    /// the largest images on it
    #[serde(default, deserialize_with = "or_default")]
    pub images: Vec<ReportedImage<'a>>,
}

/// `status.nodeInfo`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NodeInfo<'a> {
    /// `linux`, `windows`
    #[serde(borrow)]
    pub operating_system: Option<Text<'a>>,
    /// `amd64`, `arm64`, …
    pub architecture: Option<Text<'a>>,
    /// Windows: `10.0.20348.2582`
    pub kernel_version: Option<Text<'a>>,
    /// `containerd://2.1.4`
    pub container_runtime_version: Option<Text<'a>>,
}

/// An entry of `status.images`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReportedImage<'a> {
    /// at most five, digests before tags, `<none>` among them
    #[serde(borrow, default, deserialize_with = "or_default")]
    pub names: Vec<Text<'a>>,
    /// bytes on disk
    pub size_bytes: Option<i64>,
}
