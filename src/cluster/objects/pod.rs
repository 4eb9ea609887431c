//! Pods: what their specs ask for, and what the kubelet says of their containers.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{Metadata, or_default};

/// A pod.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Pod {
    /// name, namespace, labels, owners
    #[serde(default, deserialize_with = "or_default")]
    pub metadata: Metadata,
    /// what is asked for
    #[serde(default, deserialize_with = "or_default")]
    pub spec: PodSpec,
    /// what is
    #[serde(default, deserialize_with = "or_default")]
    pub status: PodStatus,
}

/// The spec of a pod, or of a template's pods.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PodSpec {
    /// run one after another before `containers`; native sidecars among them stay
    #[serde(default, deserialize_with = "or_default")]
    pub init_containers: Vec<Container>,
    /// run together
    #[serde(default, deserialize_with = "or_default")]
    pub containers: Vec<Container>,
    /// added to a running pod (`kubectl debug`)
    #[serde(default, deserialize_with = "or_default")]
    pub ephemeral_containers: Vec<Container>,
    /// image volumes among them
    #[serde(default, deserialize_with = "or_default")]
    pub volumes: Vec<Volume>,
    /// in the order in which the kubelet tries them
    #[serde(default, deserialize_with = "or_default")]
    pub image_pull_secrets: Vec<LocalReference>,
    /// absent for `default`
    pub service_account_name: Option<String>,
    /// the node, once scheduled
    pub node_name: Option<String>,
    /// labels that the node must have
    #[serde(default, deserialize_with = "or_default")]
    pub node_selector: BTreeMap<String, String>,
    /// more about the nodes that will do
    #[serde(default, deserialize_with = "or_default")]
    pub affinity: Affinity,
    /// the operating system that the pod is for
    pub os: Option<PodOs>,
}

/// A container of a spec.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Container {
    /// unique within the pod
    #[serde(default, deserialize_with = "or_default")]
    pub name: String,
    /// as written
    pub image: Option<String>,
    /// `Always`, `IfNotPresent`, `Never`
    pub image_pull_policy: Option<String>,
    /// of an init container: `Always` makes it a sidecar
    pub restart_policy: Option<String>,
}

/// A volume; only those with an image are of interest.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Volume {
    /// its name
    #[serde(default, deserialize_with = "or_default")]
    pub name: String,
    /// an OCI object to be mounted
    pub image: Option<ImageVolume>,
}

/// `volumes[].image`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ImageVolume {
    /// as written
    pub reference: Option<String>,
    /// `Always`, `IfNotPresent`, `Never`
    pub pull_policy: Option<String>,
}

/// An object of the same namespace, by its name.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct LocalReference {
    /// its name
    pub name: Option<String>,
}

/// `spec.os`
#[derive(Debug, Clone, Default, Deserialize)]
pub struct PodOs {
    /// `linux`, `windows`
    pub name: Option<String>,
}

/// `spec.affinity`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Affinity {
    /// towards nodes
    pub node_affinity: Option<NodeAffinity>,
}

/// `spec.affinity.nodeAffinity`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NodeAffinity {
    /// without which the pod is not scheduled
    #[serde(rename = "requiredDuringSchedulingIgnoredDuringExecution")]
    pub required: Option<NodeSelector>,
}

/// Terms of which one must hold.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NodeSelector {
    /// one of them is enough
    #[serde(default, deserialize_with = "or_default")]
    pub node_selector_terms: Vec<NodeSelectorTerm>,
}

/// Requirements that must all hold; an empty term never does.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NodeSelectorTerm {
    /// on the node's labels
    #[serde(default, deserialize_with = "or_default")]
    pub match_expressions: Vec<Requirement>,
    /// on the node's fields; Kubernetes knows `metadata.name` alone
    #[serde(default, deserialize_with = "or_default")]
    pub match_fields: Vec<Requirement>,
}

/// A requirement on one label or field.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Requirement {
    /// the label or field
    #[serde(default, deserialize_with = "or_default")]
    pub key: String,
    /// `In`, `NotIn`, `Exists`, `DoesNotExist`, `Gt`, `Lt`
    #[serde(default, deserialize_with = "or_default")]
    pub operator: String,
    /// what the operator compares with
    #[serde(default, deserialize_with = "or_default")]
    pub values: Vec<String>,
}

/// `status`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PodStatus {
    /// `Pending`, `Running`, `Succeeded`, `Failed`, `Unknown`
    pub phase: Option<String>,
    /// of `spec.initContainers`
    #[serde(default, deserialize_with = "or_default")]
    pub init_container_statuses: Vec<ContainerStatus>,
    /// of `spec.containers`
    #[serde(default, deserialize_with = "or_default")]
    pub container_statuses: Vec<ContainerStatus>,
    /// of `spec.ephemeralContainers`
    #[serde(default, deserialize_with = "or_default")]
    pub ephemeral_container_statuses: Vec<ContainerStatus>,
}

/// What the kubelet says of a container. Its `image` is not read: it may carry another tag than the spec.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ContainerStatus {
    /// the container's
    #[serde(default, deserialize_with = "or_default")]
    pub name: String,
    /// what the runtime runs; empty before the image was pulled
    #[serde(rename = "imageID")]
    pub image_id: Option<String>,
    /// now
    #[serde(default, deserialize_with = "or_default")]
    pub state: ContainerState,
    /// before its last restart
    #[serde(default, deserialize_with = "or_default")]
    pub last_state: ContainerState,
    /// image volumes among them tell their digest
    #[serde(default, deserialize_with = "or_default")]
    pub volume_mounts: Vec<VolumeMountStatus>,
}

/// The state of a container; one of its fields is there.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct ContainerState {
    /// not yet running
    pub waiting: Option<StateReason>,
    /// runs
    pub running: Option<serde::de::IgnoredAny>,
    /// has ended
    pub terminated: Option<StateReason>,
}

/// Why a container waits or has ended.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct StateReason {
    /// one word
    pub reason: Option<String>,
    /// in words
    pub message: Option<String>,
}

/// `volumeMounts[]` of a container's status.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VolumeMountStatus {
    /// the volume's
    #[serde(default, deserialize_with = "or_default")]
    pub name: String,
    /// by the volume's type (since Kubernetes 1.36)
    #[serde(default, deserialize_with = "or_default")]
    pub volume_status: VolumeStatus,
}

/// `volumeMounts[].volumeStatus`
#[derive(Debug, Clone, Default, Deserialize)]
pub struct VolumeStatus {
    /// of an image volume
    pub image: Option<ImageVolumeStatus>,
}

/// `volumeMounts[].volumeStatus.image`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ImageVolumeStatus {
    /// what the runtime has mounted, by digest
    pub image_ref: Option<String>,
}
