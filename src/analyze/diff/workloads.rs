//! Which workloads' containers name other images than before.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_with::skip_serializing_none;

use crate::facts::document::{Image, UsedBy};
use crate::vocabulary::Role;

/// A workload whose containers name other images than before.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct WorkloadChange {
    /// `apps/v1`
    pub api_version: String,
    /// `Deployment`
    pub kind: String,
    /// its namespace; absent for cluster-scoped objects
    pub namespace: Option<String>,
    /// its name; absent for the ownerless pods of a namespace, taken together
    pub name: Option<String>,
    /// the containers that changed, sorted by name
    pub containers: Vec<ContainerChange>,
}

/// The images of a container, before and now. Pods of one workload may name several.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ContainerChange {
    /// its name; of a custom resource's other fields the path
    pub name: String,
    /// the references before, sorted; empty when there was no such container
    pub old: Vec<String>,
    /// the references now, sorted; empty when there is no such container
    pub new: Vec<String>,
}

/// What tells a workload from all others.
type Workload<'a> = (Option<&'a str>, &'a str, Option<&'a str>, &'a str);
/// The references of each container.
type Containers<'a> = BTreeMap<&'a str, BTreeSet<&'a str>>;

/// The workloads that changed, sorted by namespace, kind and name. Earlier revisions do not count: every rollout
/// leaves one behind.
pub(super) fn changed(old: &[Box<Image>], new: &[Box<Image>]) -> Vec<WorkloadChange> {
    let (old, new) = (workloads(old), workloads(new));
    let all: BTreeSet<&Workload<'_>> = old.keys().chain(new.keys()).collect();
    let changes = all.into_iter().filter_map(|workload| {
        let containers = containers(old.get(workload), new.get(workload));
        let (namespace, kind, name, api_version) = *workload;
        (!containers.is_empty()).then(|| WorkloadChange {
            api_version: api_version.to_owned(),
            kind: kind.to_owned(),
            namespace: namespace.map(str::to_owned),
            name: name.map(str::to_owned),
            containers,
        })
    });
    changes.collect()
}

fn workloads(images: &[Box<Image>]) -> BTreeMap<Workload<'_>, Containers<'_>> {
    let mut workloads: BTreeMap<Workload<'_>, Containers<'_>> = BTreeMap::new();
    for image in images {
        for user in image.used_by.iter().filter(|user| user.role != Role::History) {
            let workload = (user.namespace.as_deref(), &*user.kind, user.name.as_deref(), &*user.api_version);
            let containers = workloads.entry(workload).or_default();
            for name in names(user) {
                containers.entry(name).or_default().insert(&image.reference);
            }
        }
    }
    workloads
}

/// The containers that name the image, or the field that does.
fn names(user: &UsedBy) -> impl Iterator<Item = &str> {
    let path = user.path.as_deref().filter(|_| user.containers.is_empty());
    user.containers.iter().map(|container| &*container.name).chain(path)
}

fn containers(old: Option<&Containers<'_>>, new: Option<&Containers<'_>>) -> Vec<ContainerChange> {
    let of = |containers: Option<&Containers<'_>>, name: &str| -> Vec<String> {
        containers.and_then(|all| all.get(name)).into_iter().flatten().map(|image| (*image).to_owned()).collect()
    };
    let all: BTreeSet<&str> = old.into_iter().chain(new).flat_map(BTreeMap::keys).copied().collect();
    let changes =
        all.into_iter().map(|name| ContainerChange { name: name.to_owned(), old: of(old, name), new: of(new, name) });
    changes.filter(|change| change.old != change.new).collect()
}
