//! Pods: what their specs ask for, and what the kubelet says of their containers.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{Metadata, Text, or_default};

/// A pod.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Pod<'a> {
    /// name, namespace, labels, owners
    #[serde(borrow, default, deserialize_with = "or_default")]
    pub metadata: Metadata<'a>,
    /// what is asked for
    #[serde(default, deserialize_with = "or_default")]
    pub spec: PodSpec<'a>,
    /// what is
    #[serde(default, deserialize_with = "or_default")]
    pub status: PodStatus<'a>,
}

/// The spec of a pod, or of a template's pods.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PodSpec<'a> {
    /// run one after another before `containers`; native sidecars among them stay
    #[serde(borrow, default, deserialize_with = "or_default")]
    pub init_containers: Vec<Container<'a>>,
    /// run together
    #[serde(default, deserialize_with = "or_default")]
    pub containers: Vec<Container<'a>>,
    /// added to a running pod (`kubectl debug`)
    #[serde(default, deserialize_with = "or_default")]
    pub ephemeral_containers: Vec<Container<'a>>,
    /// image volumes among them
    #[serde(default, deserialize_with = "or_default")]
    pub volumes: Vec<Volume<'a>>,
    /// in the order in which the kubelet tries them
    #[serde(default, deserialize_with = "or_default")]
    pub image_pull_secrets: Vec<LocalReference<'a>>,
    /// absent for `default`
    pub service_account_name: Option<Text<'a>>,
    /// the node, once scheduled
    pub node_name: Option<Text<'a>>,
    /// labels that the node must have
    #[serde(default, deserialize_with = "or_default")]
    pub node_selector: BTreeMap<Text<'a>, Text<'a>>,
    /// more about the nodes that will do
    #[serde(default, deserialize_with = "or_default")]
    pub affinity: Affinity<'a>,
    /// the operating system that the pod is for
    pub os: Option<PodOs<'a>>,
}

/// A container of a spec.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Container<'a> {
    /// unique within the pod
    #[serde(borrow, default, deserialize_with = "or_default")]
    pub name: Text<'a>,
    /// as written
    pub image: Option<Text<'a>>,
    /// `Always`, `IfNotPresent`, `Never`
    pub image_pull_policy: Option<Text<'a>>,
    /// of an init container: `Always` makes it a sidecar
    pub restart_policy: Option<Text<'a>>,
}

/// A volume; only those with an image are of interest.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Volume<'a> {
    /// its name
    #[serde(borrow, default, deserialize_with = "or_default")]
    pub name: Text<'a>,
    /// an OCI object to be mounted
    pub image: Option<ImageVolume<'a>>,
}

/// `volumes[].image`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ImageVolume<'a> {
    /// as written
    #[serde(borrow)]
    pub reference: Option<Text<'a>>,
    /// `Always`, `IfNotPresent`, `Never`
    pub pull_policy: Option<Text<'a>>,
}

/// An object of the same namespace, by its name.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct LocalReference<'a> {
    /// its name
    #[serde(borrow)]
    pub name: Option<Text<'a>>,
}

/// `spec.os`
#[derive(Debug, Clone, Default, Deserialize)]
pub struct PodOs<'a> {
    /// `linux`, `windows`
    #[serde(borrow)]
    pub name: Option<Text<'a>>,
}

/// `spec.affinity`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Affinity<'a> {
    /// towards nodes
    #[serde(borrow)]
    pub node_affinity: Option<NodeAffinity<'a>>,
}

/// `spec.affinity.nodeAffinity`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NodeAffinity<'a> {
    /// without which the pod is not scheduled
    #[serde(borrow, rename = "requiredDuringSchedulingIgnoredDuringExecution")]
    pub required: Option<NodeSelector<'a>>,
}

/// Terms of which one must hold.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NodeSelector<'a> {
    /// one of them is enough
    #[serde(borrow, default, deserialize_with = "or_default")]
    pub node_selector_terms: Vec<NodeSelectorTerm<'a>>,
}

/// Requirements that must all hold; an empty term never does.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NodeSelectorTerm<'a> {
    /// on the node's labels
    #[serde(borrow, default, deserialize_with = "or_default")]
    pub match_expressions: Vec<Requirement<'a>>,
    /// on the node's fields; Kubernetes knows `metadata.name` alone
    #[serde(default, deserialize_with = "or_default")]
    pub match_fields: Vec<Requirement<'a>>,
}

/// A requirement on one label or field.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Requirement<'a> {
    /// the label or field
    #[serde(borrow, default, deserialize_with = "or_default")]
    pub key: Text<'a>,
    /// `In`, `NotIn`, `Exists`, `DoesNotExist`, `Gt`, `Lt`
    #[serde(default, deserialize_with = "or_default")]
    pub operator: Text<'a>,
    /// what the operator compares with
    #[serde(default, deserialize_with = "or_default")]
    pub values: Vec<Text<'a>>,
}

/// `status`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PodStatus<'a> {
    /// `Pending`, `Running`, `Succeeded`, `Failed`, `Unknown`
    #[serde(borrow)]
    pub phase: Option<Text<'a>>,
    /// of `spec.initContainers`
    #[serde(default, deserialize_with = "or_default")]
    pub init_container_statuses: Vec<ContainerStatus<'a>>,
    /// of `spec.containers`
    #[serde(default, deserialize_with = "or_default")]
    pub container_statuses: Vec<ContainerStatus<'a>>,
    /// of `spec.ephemeralContainers`
    #[serde(default, deserialize_with = "or_default")]
    pub ephemeral_container_statuses: Vec<ContainerStatus<'a>>,
}

/// What the kubelet says of a container. Its `image` is not read: it may carry another tag than the spec.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ContainerStatus<'a> {
    /// the container's
    #[serde(borrow, default, deserialize_with = "or_default")]
    pub name: Text<'a>,
    /// what the runtime runs; empty before the image was pulled
    #[serde(rename = "imageID")]
    pub image_id: Option<Text<'a>>,
    /// now
    #[serde(default, deserialize_with = "or_default")]
    pub state: ContainerState<'a>,
    /// before its last restart
    #[serde(default, deserialize_with = "or_default")]
    pub last_state: ContainerState<'a>,
    /// image volumes among them tell their digest
    #[serde(default, deserialize_with = "or_default")]
    pub volume_mounts: Vec<VolumeMountStatus<'a>>,
}

/// The state of a container; one of its fields is there.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct ContainerState<'a> {
    /// not yet running
    #[serde(borrow)]
    pub waiting: Option<StateReason<'a>>,
    /// runs
    pub running: Option<serde::de::IgnoredAny>,
    /// has ended
    pub terminated: Option<StateReason<'a>>,
}

/// Why a container waits or has ended.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct StateReason<'a> {
    /// one word
    #[serde(borrow)]
    pub reason: Option<Text<'a>>,
    /// in words
    pub message: Option<Text<'a>>,
}

/// `volumeMounts[]` of a container's status.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VolumeMountStatus<'a> {
    /// the volume's
    #[serde(borrow, default, deserialize_with = "or_default")]
    pub name: Text<'a>,
    /// by the volume's type (since Kubernetes 1.36)
    #[serde(default, deserialize_with = "or_default")]
    pub volume_status: VolumeStatus<'a>,
}

/// `volumeMounts[].volumeStatus`
#[derive(Debug, Clone, Default, Deserialize)]
pub struct VolumeStatus<'a> {
    /// of an image volume
    #[serde(borrow)]
    pub image: Option<ImageVolumeStatus<'a>>,
}

/// `volumeMounts[].volumeStatus.image`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ImageVolumeStatus<'a> {
    /// what the runtime has mounted, by digest
    #[serde(borrow)]
    pub image_ref: Option<Text<'a>>,
}
