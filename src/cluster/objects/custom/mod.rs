//! Custom resources: which kinds may hold images, and where their objects name them.

mod search;
#[cfg(test)]
mod tests;

use serde::Deserialize;

use self::search::{Found, search};
use super::{Metadata, or_default};
use crate::vocabulary::ContainerType;

/// The groups of kube-apiserver itself, at any age. What of them holds images is in [`super::KINDS`].
const BUILT_IN: &[&str] = &[
    "",
    "admissionregistration.k8s.io",
    "apiextensions.k8s.io",
    "apiregistration.k8s.io",
    "apps",
    "authentication.k8s.io",
    "authorization.k8s.io",
    "autoscaling",
    "batch",
    "certificates.k8s.io",
    "coordination.k8s.io",
    "discovery.k8s.io",
    "events.k8s.io",
    "extensions",
    "flowcontrol.apiserver.k8s.io",
    "imagepolicy.k8s.io",
    "internal.apiserver.k8s.io",
    "networking.k8s.io",
    "node.k8s.io",
    "policy",
    "rbac.authorization.k8s.io",
    "resource.k8s.io",
    "scheduling.k8s.io",
    "storage.k8s.io",
    "storagemigration.k8s.io",
];

/// Groups that start nothing: measurements, reports about other objects, the state of networks, and catalogues of
/// images. Many of their objects are large or come in great numbers, and what images they name nobody runs.
const WITHOUT_IMAGES: &[&str] = &[
    "aquasecurity.github.io",
    "cilium.io",
    "crd.projectcalico.org",
    "custom.metrics.k8s.io",
    "external.metrics.k8s.io",
    "gateway.networking.k8s.io",
    "image.openshift.io",
    "metrics.k8s.io",
    "packages.operators.coreos.com",
    "projectcalico.org",
    "reports.kyverno.io",
    "spdx.softwarecomposition.kubescape.io",
    "wgpolicyk8s.io",
];

/// A kind that is not built in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CustomKind {
    /// `argoproj.io`
    pub group: String,
    /// `v1alpha1`
    pub version: String,
    /// `Rollout`
    pub kind: String,
    /// `rollouts`; of an object in a file, of which no more than the kind is known, `rollout`
    pub resource: String,
    /// whether its objects lie in namespaces; `None` when only the objects can tell
    pub namespaced: Option<bool>,
}

/// An object of a [`CustomKind`], as far as it is about images.
#[derive(Debug, Clone, Default)]
pub struct CustomObject<'a> {
    /// name, namespace, labels, owners
    pub metadata: Metadata<'a>,
    /// where it names images
    pub images: Vec<ImageField>,
    /// every pull secret that it names, in order
    pub pull_secrets: Vec<String>,
    /// the first ServiceAccount that it names
    pub service_account: Option<String>,
    /// whether it nests too deep, or holds too much, to be searched to its end
    pub is_cut: bool,
}

/// A field that names an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageField {
    /// what stands there
    pub text: String,
    /// `spec.containers[0].image`
    pub path: String,
    /// what it is a field of
    pub holder: FieldHolder,
}

/// What a field that names an image is a field of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FieldHolder {
    /// an entry of a list of containers: the field surely names an image
    Container {
        /// the container's name
        name: String,
        /// by the list
        kind: ContainerType,
        /// `Always`, `IfNotPresent`, `Never`
        pull_policy: Option<String>,
    },
    /// anything else: the field is only called an image, and looks like one
    Other,
}

impl CustomKind {
    /// The kind of an object that says to be of `api_version` and `kind`; `None` when it is built in, or of a group
    /// that starts nothing.
    pub fn of(api_version: &str, kind: &str) -> Option<Self> {
        let (group, version) = api_version.split_once('/')?;
        Self::may_hold_images(group).then(|| Self {
            group: group.to_owned(),
            version: version.to_owned(),
            kind: kind.to_owned(),
            resource: kind.to_lowercase(),
            namespaced: None,
        })
    }

    /// Whether the kinds of `group` are custom ones, and may start something.
    pub fn may_hold_images(group: &str) -> bool {
        !BUILT_IN.contains(&group) && !WITHOUT_IMAGES.contains(&group)
    }

    /// `argoproj.io/v1alpha1`
    pub fn api_version(&self) -> String {
        format!("{}/{}", self.group, self.version)
    }

    /// As `kubectl api-resources` names it with its group: `rollouts.argoproj.io`.
    pub fn name(&self) -> String {
        format!("{}.{}", self.resource, self.group)
    }

    /// Whether it is Argo's stand-in for a Deployment, which is read like one.
    pub fn is_rollout(&self) -> bool {
        (self.group.as_str(), self.kind.as_str()) == ("argoproj.io", "Rollout")
    }
}

impl<'a> CustomObject<'a> {
    /// Searches an object. It is never held as a whole: what names no image is passed by while it is read.
    ///
    /// # Errors
    /// When `json` is no object, or its metadata are not those of one.
    pub fn read(json: &'a str) -> Result<Self, serde_json::Error> {
        #[derive(Deserialize)]
        struct OnlyMetadata<'a> {
            #[serde(borrow, default, deserialize_with = "or_default")]
            metadata: Metadata<'a>,
        }
        let OnlyMetadata { metadata } = serde_json::from_str(json)?;
        let Found { images, pull_secrets, service_account, is_cut } = search(json)?;
        Ok(Self { metadata, images, pull_secrets, service_account, is_cut })
    }
}
