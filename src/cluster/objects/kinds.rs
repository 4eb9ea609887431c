//! The kinds that are read: the one place to add another.

use super::CustomKind;

/// A kind of object that holds a pod template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kind {
    /// `apps/v1`; `v1` for the core group
    pub api_version: &'static str,
    /// `Deployment`
    pub kind: &'static str,
    /// `deployments`
    pub plural: &'static str,
    /// where its pods' spec lies
    pub template: TemplateAt,
    /// when no pods are made from it
    pub idle: Idle,
}

/// Where an object holds its pod template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TemplateAt {
    /// `.template`
    Root,
    /// `.spec.template`
    Spec,
    /// `.spec.jobTemplate.spec.template`
    JobTemplate,
}

/// When no pods are made from an object's template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Idle {
    /// always: others make something of it, at another time
    Always,
    /// while `.spec.suspend` is true
    Suspended,
    /// while `.spec.replicas` is 0
    Zero,
    /// while `.spec.replicas` is 0; when it has an owner, it is then the owner's earlier revision
    ZeroOrRevision,
    /// never
    Never,
}

/// Every built-in kind that holds a pod template. Pods are not among them: they hold no template.
pub const KINDS: &[Kind] = &[
    kind("v1", "PodTemplate", "podtemplates", TemplateAt::Root, Idle::Always),
    kind("v1", "ReplicationController", "replicationcontrollers", TemplateAt::Spec, Idle::ZeroOrRevision),
    kind("apps/v1", "ReplicaSet", "replicasets", TemplateAt::Spec, Idle::ZeroOrRevision),
    kind("apps/v1", "Deployment", "deployments", TemplateAt::Spec, Idle::Zero),
    kind("apps/v1", "StatefulSet", "statefulsets", TemplateAt::Spec, Idle::Zero),
    kind("apps/v1", "DaemonSet", "daemonsets", TemplateAt::Spec, Idle::Never),
    kind("batch/v1", "Job", "jobs", TemplateAt::Spec, Idle::Suspended),
    kind("batch/v1", "CronJob", "cronjobs", TemplateAt::JobTemplate, Idle::Always),
];

/// A row of [`KINDS`].
const fn kind(
    api_version: &'static str,
    kind: &'static str,
    plural: &'static str,
    template: TemplateAt,
    idle: Idle,
) -> Kind {
    Kind { api_version, kind, plural, template, idle }
}

impl Kind {
    /// `apps`; empty for the core group.
    pub fn group(&self) -> &'static str {
        group(self.api_version)
    }
}

/// What an object is to discovery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resource<'a> {
    /// `nodes`
    Node,
    /// `pods`
    Pod,
    /// `events`
    Event,
    /// one of [`KINDS`]
    Workload(&'static Kind),
    /// a kind that is not built in
    Custom(&'a CustomKind),
}

impl Resource<'_> {
    /// The built-in resource of an object that says to be of `api_version` and `kind`; `None` when nothing is read of
    /// it.
    ///
    /// The version does not matter: manifests outlive versions (`batch/v1beta1`), and the fields that are read have
    /// kept their places. `extensions` is where the kinds of `apps` came from.
    pub fn of(api_version: &str, kind: &str) -> Option<Self> {
        match (group(api_version), kind) {
            ("", "Node") => Some(Self::Node),
            ("", "Pod") => Some(Self::Pod),
            ("", "Event") => Some(Self::Event),
            (group, _) => {
                let group = if group == "extensions" { "apps" } else { group };
                KINDS.iter().find(|row| row.group() == group && row.kind == kind).map(Self::Workload)
            }
        }
    }

    /// As `kubectl api-resources` names it with its group: `pods`, `deployments.apps`.
    pub fn name(self) -> String {
        match self {
            Self::Node => "nodes".to_owned(),
            Self::Pod => "pods".to_owned(),
            Self::Event => "events".to_owned(),
            Self::Workload(kind) if kind.group().is_empty() => kind.plural.to_owned(),
            Self::Workload(kind) => format!("{}.{}", kind.plural, kind.group()),
            Self::Custom(kind) => kind.name(),
        }
    }
}

fn group(api_version: &str) -> &str {
    api_version.split_once('/').map_or("", |(group, _)| group)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_known_by_its_group_in_any_version() {
        for (api_version, kind, name) in [
            ("v1", "Pod", Some("pods")),
            ("v1", "Node", Some("nodes")),
            ("v1", "ReplicationController", Some("replicationcontrollers")),
            ("apps/v1beta2", "Deployment", Some("deployments.apps")),
            ("extensions/v1beta1", "DaemonSet", Some("daemonsets.apps")),
            ("batch/v1", "CronJob", Some("cronjobs.batch")),
            ("v1", "Deployment", None),
            ("example.com/v1", "Pod", None),
            ("v1", "ConfigMap", None),
        ] {
            assert_eq!(Resource::of(api_version, kind).map(Resource::name).as_deref(), name, "{api_version} {kind}");
        }
    }
}
