//! Kubernetes objects as an API server sends them: slim wire types that hold only what is read.
//!
//! They are lenient: unknown fields are skipped, missing and null ones are absent or empty. All text in them is from
//! outside, and is left where it stands in the object's JSON.

mod custom;
mod event;
mod kinds;
mod node;
mod pod;
mod secret;
mod text;
mod workload;

pub use custom::{CustomKind, CustomObject, FieldHolder, ImageField};
pub use event::{Event, EventSeries, EventSource, InvolvedObject};
pub use kinds::{Idle, KINDS, Kind, Resource, TemplateAt};
pub use node::{Node, NodeInfo, NodeStatus, ReportedImage};
pub use pod::{
    Affinity, Container, ContainerState, ContainerStatus, ImageVolume, ImageVolumeStatus, LocalReference, NodeAffinity,
    NodeSelector, NodeSelectorTerm, Pod, PodOs, PodSpec, PodStatus, Requirement, StateReason, Volume,
    VolumeMountStatus, VolumeStatus,
};
pub use secret::{PullSecret, Secret, SecretData, ServiceAccount};
pub use text::Text;
pub use workload::{JobTemplate, JobTemplateSpec, PodTemplate, Workload, WorkloadReference, WorkloadSpec};

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// A list. Its items stay JSON until each is read by itself, so that a bad one spoils no other, and never more than one
/// of its objects is decoded at a time.
#[derive(Debug, Deserialize)]
pub struct List<'a> {
    /// where the next page is
    #[serde(default, deserialize_with = "or_default")]
    pub metadata: ListMetadata,
    /// JSON, to be handed to [`crate::cluster::uses::Builder::add`]
    #[serde(borrow, default, deserialize_with = "or_default")]
    pub items: Vec<&'a RawValue>,
}

/// `metadata` of a list.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ListMetadata {
    /// the token of the next page; absent or empty on the last
    #[serde(rename = "continue")]
    pub continue_token: Option<String>,
    /// how many items follow, when the server knows
    pub remaining_item_count: Option<i64>,
    /// the state that the page shows
    pub resource_version: Option<String>,
}

/// `metadata` of an object.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Metadata<'a> {
    /// its name; absent in a manifest with `generateName`
    #[serde(borrow)]
    pub name: Option<Text<'a>>,
    /// absent for cluster-scoped objects, and in manifests that leave it to kubectl
    pub namespace: Option<Text<'a>>,
    /// absent before the API server has admitted the object
    pub uid: Option<Text<'a>>,
    /// its own labels
    #[serde(default, deserialize_with = "or_default")]
    pub labels: BTreeMap<Text<'a>, Text<'a>>,
    /// its owners, the controlling one among them
    #[serde(default, deserialize_with = "or_default")]
    pub owner_references: Vec<OwnerReference<'a>>,
}

/// An entry of `metadata.ownerReferences`.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OwnerReference<'a> {
    /// `apps/v1`
    #[serde(borrow)]
    pub api_version: Text<'a>,
    /// `ReplicaSet`
    pub kind: Text<'a>,
    /// its name; its namespace is the dependent's, or none
    pub name: Text<'a>,
    /// whether this owner manages the object
    pub controller: Option<bool>,
}

impl<'a> Metadata<'a> {
    /// The owner that manages the object.
    pub fn controller(&self) -> Option<&OwnerReference<'a>> {
        self.owner_references.iter().find(|owner| owner.controller == Some(true))
    }

    /// The namespace of a namespaced object. Only manifests leave it out, and kubectl takes them for `default`.
    pub fn namespace_or_default(&self) -> &str {
        self.namespace.as_deref().filter(|namespace| !namespace.is_empty()).unwrap_or("default")
    }
}

/// Reads a field for which null means the same as absence.
fn or_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

#[cfg(test)]
mod tests;
