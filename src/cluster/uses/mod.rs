//! From objects to image uses: pods, workloads, nodes and events in, an [`Inventory`] out. Pure.
//!
//! Objects come in any order, one at a time, and are let go at once. What stays grows with distinct images, owners
//! and nodes; of any other object only a hash of its name stays, so that one that is listed twice counts once.

mod custom;
mod draft;
mod names;
mod nodes;
mod owners;
mod placement;
mod pods;
mod pulls;
mod scope;
mod seen;
mod selector;
#[cfg(test)]
mod tests;
mod unreadable;

pub use owners::ObjectRef;
pub use scope::Scope;
pub use selector::{InvalidSelector, Selector};

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fmt::Display;

use self::draft::{Access, Draft, Holder, Loans, Origin, Part};
use self::names::Names;
use self::owners::Owners;
use self::seen::Seen;
use self::unreadable::Unreadable;
use super::inventory::{Example, Gap, ImageName, ImageUse, Inventory, NodeImage};
use super::objects::{Event, Idle, Kind, Metadata, Node, Pod, PodSpec, Resource, Workload};
use crate::image::Reference;

/// Takes objects and builds the inventory.
#[derive(Debug, Default)]
pub struct Builder {
    scope: Scope,
    seen: Seen,
    owners: Owners,
    names: Names,
    images: BTreeMap<ImageName, Draft>,
    /// images of pods that nobody was told of
    unannounced: Vec<ImageName>,
    loans: Loans,
    nodes: Option<Vec<super::inventory::Node>>,
    on_nodes: Vec<NodeImage>,
    namespaces: BTreeSet<String>,
    gaps: Vec<Gap>,
    unreadable: Unreadable,
    workloads: u64,
    pods: u64,
    version: Option<serde_json::Value>,
}

impl Builder {
    /// A builder for what `scope` is about; what is outside of it may be handed in, and is left out.
    pub fn new(scope: Scope) -> Self {
        Self { scope, ..Self::default() }
    }

    /// Reads an object and takes it in. One that cannot be read becomes a gap.
    pub fn add(&mut self, resource: Resource<'_>, json: &str) {
        let read = match resource {
            Resource::Node => serde_json::from_str(json).map(|node| self.add_node(&node)),
            Resource::Pod => serde_json::from_str(json).map(|pod| self.add_pod(&pod)),
            Resource::Event => serde_json::from_str(json).map(|event| self.add_event(&event)),
            Resource::Workload(kind) => serde_json::from_str(json).map(|object| self.add_workload(kind, &object)),
            Resource::Custom(_) if self.scope.without_custom_resources => Ok(()),
            Resource::Custom(kind) => self.read_custom(kind, json),
        };
        if let Err(error) = read {
            self.add_unreadable(resource, &unreadable::metadata(json), &error);
        }
    }

    /// Says that an object was passed by, as it has more than `limit` bytes.
    pub fn add_too_large(&mut self, resource: Resource<'_>, limit: usize) {
        self.add_unreadable(resource, &Metadata::default(), &format_args!("it has more than {limit} bytes"));
    }

    /// Says that nodes were listed, even if there are none.
    pub fn nodes_listed(&mut self) {
        self.nodes.get_or_insert_default().sort_by(|one, other| one.name.cmp(&other.name));
    }

    /// Says that `namespace` was looked at, even if it is empty.
    pub fn add_namespace(&mut self, namespace: &str) {
        if self.scope.admits_namespace(namespace) && !self.namespaces.contains(namespace) {
            self.namespaces.insert(namespace.to_owned());
        }
    }

    /// The images of pods that were not taken before, with what is known of them so far: how they are pulled, what runs
    /// and where. More may come to be known of each.
    pub fn take_new(&mut self) -> Vec<(Reference, ImageUse)> {
        let names = std::mem::take(&mut self.unannounced).into_iter();
        let valid = names.filter_map(|name| {
            let usage = self.images.get(&name)?.by_pods(&self.names);
            if let ImageName::Valid(reference) = name { Some((reference, usage)) } else { None }
        });
        valid.collect()
    }

    /// The nodes so far, sorted by name once they were listed; `None` when none was and they may not be read.
    pub fn nodes(&self) -> Option<&[super::inventory::Node]> {
        self.nodes.as_deref()
    }

    /// Takes in a node.
    pub fn add_node(&mut self, node: &Node) {
        let Some(mut known) = nodes::node(node) else { return };
        if self.seen.first("Node", "", &node.metadata) {
            known.name = self.names.shared(&known.name);
            self.on_nodes.extend(nodes::images(node, &known.name, &mut self.names));
            self.nodes.get_or_insert_default().push(known);
        }
    }

    /// Takes in a pod. One that has ended is a user of its images still, but runs none.
    pub fn add_pod(&mut self, pod: &Pod) {
        let metadata = &pod.metadata;
        let namespace = metadata.namespace_or_default();
        if !self.admits(namespace, metadata) || !self.seen.first("Pod", namespace, metadata) {
            return;
        }
        self.pods += 1;
        let holder = match ObjectRef::controller_of(metadata, namespace) {
            Some(owner) => {
                self.owners.ask(&owner);
                Holder::Object(owner)
            }
            None => Holder::Loose(namespace.into()),
        };
        let node = pod.spec.node_name.as_deref().filter(|node| !node.is_empty());
        let placements = if node.is_some() { Vec::new() } else { placement::placements(&pod.spec) };
        let node = node.map(|node| (self.names.id(node), self.names.shared(node))).unzip();
        let pod_name = metadata.name.clone().unwrap_or_default();
        let example = Example { namespace: namespace.to_owned(), pod: pod_name, container: None, node: node.1 };
        let origin = Origin {
            holder,
            part: Part::Pods,
            placements,
            access: access(&pod.spec, metadata.uid.is_some()),
            pod: Some(example),
            node: node.0,
        };
        for (name, usage) in pods::used(pod) {
            match self.images.get_mut(&name) {
                Some(draft) if draft.announced => draft.add(&origin, usage),
                _ => {
                    self.unannounced.push(name.clone());
                    let draft = self.images.entry(name).or_default();
                    draft.announced = true;
                    draft.add(&origin, usage);
                }
            }
        }
    }

    /// Takes in an object that holds a pod template.
    ///
    /// Its part is `current` while pods are made from it. A ReplicaSet or ReplicationController at 0 that has an owner
    /// is the owner's `history`. Anything else at 0 or suspended, and what only others make pods of (PodTemplate,
    /// CronJob), is a `template`, until a pod or an active Job shows that something was made from it.
    pub fn add_workload(&mut self, kind: &'static Kind, workload: &Workload) {
        let metadata = &workload.metadata;
        let namespace = metadata.namespace_or_default();
        if !self.scope.admits_namespace(namespace) {
            return;
        }
        let owner = ObjectRef::controller_of(metadata, namespace);
        let part = part(kind, workload, owner.is_some());
        let object = ObjectRef {
            api_version: kind.api_version().into(),
            kind: kind.kind.into(),
            namespace: namespace.into(),
            name: metadata.name.as_deref().unwrap_or_default().into(),
        };
        // One that the selector leaves out still tells who owns the pods that it does not.
        self.owners.know(object.clone(), false, owner);
        if !self.admits(namespace, metadata) || !self.seen.first(kind.kind, namespace, metadata) {
            return;
        }
        self.workloads += 1;
        self.owners.ask(&object);
        let Some(spec) = workload.pod_spec(kind) else { return };
        let placements = placement::placements(spec);
        let origin = Origin {
            holder: Holder::Object(object),
            part,
            placements,
            access: access(spec, false),
            pod: None,
            node: None,
        };
        for (name, usage) in pods::asked(spec) {
            self.images.entry(name).or_default().add(&origin, usage);
        }
    }

    /// Takes in an event; those that tell how a pull ended count.
    pub fn add_event(&mut self, event: &Event) {
        let namespace = event.metadata.namespace_or_default();
        if !self.scope.admits_namespace(namespace) {
            return;
        }
        if let Some((name, told)) = pulls::told(event)
            && self.seen.first("Event", namespace, &event.metadata)
        {
            self.images.entry(name).or_default().pulls.add(event, told);
        }
    }

    /// Takes in what could not be looked at.
    pub fn add_gap(&mut self, gap: Gap) {
        self.gaps.push(gap);
    }

    /// Takes in the API server's `/version`.
    pub fn set_version(&mut self, version: serde_json::Value) {
        self.version = Some(version);
    }

    /// Owners on the way to a top of which no more than the name is known: of kinds that are not listed, or not where
    /// they may be listed. Each may be answered with [`Builder::add_owner`], which may bring up others above it.
    pub fn unresolved_owners(&self) -> Vec<ObjectRef> {
        self.owners.unresolved()
    }

    /// Takes in an owner's metadata; `None` when they cannot be had, so that the way up ends there.
    pub fn add_owner(&mut self, owner: &ObjectRef, metadata: Option<&Metadata>) {
        let cluster_scoped = metadata.is_some_and(|metadata| metadata.namespace.is_none());
        let above = metadata.and_then(|metadata| ObjectRef::controller_of(metadata, &owner.namespace));
        self.owners.know(owner.clone(), cluster_scoped, above);
    }

    /// The inventory of all that was handed in; the same for any order in which it was.
    pub fn finish(mut self) -> Inventory {
        self.images.values_mut().for_each(|draft| draft.lend(&self.loans));
        self.images.retain(|_, draft| draft.is_used());
        let mut busy = HashSet::new();
        for draft in self.images.values() {
            draft.mark_busy(&self.owners, &mut busy);
        }
        let busy: HashSet<ObjectRef> = busy.into_iter().cloned().collect();
        let images = self
            .images
            .into_iter()
            .map(|(name, draft)| (name, draft.finish(&self.owners, &busy, &self.names)))
            .collect();
        if let Some(nodes) = &mut self.nodes {
            nodes.sort_by(|one, other| one.name.cmp(&other.name));
        }
        self.on_nodes.sort_by(|one, other| (&one.node, &one.names).cmp(&(&other.node, &other.names)));
        self.gaps.extend(self.unreadable.into_gaps());
        self.gaps.sort();
        self.gaps.dedup();
        Inventory {
            nodes: self.nodes,
            images,
            on_nodes: self.on_nodes,
            namespaces: self.namespaces,
            gaps: self.gaps,
            workloads: self.workloads,
            pods: self.pods,
            version: self.version,
        }
    }

    fn add_unreadable(&mut self, resource: Resource<'_>, metadata: &Metadata, why: &dyn Display) {
        let (resource, namespace) = (resource.name(), metadata.namespace.as_deref());
        let is_meant = namespace.is_none_or(|namespace| self.scope.admits_namespace(namespace));
        if is_meant && self.seen.first(&format!("unreadable {resource}"), namespace.unwrap_or_default(), metadata) {
            self.unreadable.add(resource, metadata, why);
        }
    }

    /// Whether the run is about a pod or workload of `namespace`, which is thereby looked at.
    fn admits(&mut self, namespace: &str, metadata: &Metadata) -> bool {
        self.add_namespace(namespace);
        self.scope.admits_namespace(namespace) && self.scope.selects(metadata)
    }
}

/// By what `workload` uses its images.
fn part(kind: &Kind, workload: &Workload, owned: bool) -> Part {
    let zero = workload.spec.replicas == Some(0);
    match kind.idle {
        Idle::ZeroOrRevision if zero && owned => Part::Revision,
        Idle::Zero | Idle::ZeroOrRevision if zero => Part::Idle,
        Idle::Suspended if workload.spec.suspend == Some(true) => Part::Idle,
        Idle::Always => Part::Idle,
        _ => Part::Active,
    }
}

/// The pull secrets that `spec` names; the ServiceAccount where it names none and its pods were not `admitted` yet.
fn access(spec: &PodSpec, admitted: bool) -> Access {
    let secrets: Vec<_> = spec.image_pull_secrets.iter().filter_map(|secret| secret.name.clone()).collect();
    if admitted || !secrets.is_empty() {
        return (secrets, None);
    }
    let account = spec.service_account_name.as_deref().filter(|name| !name.is_empty()).unwrap_or("default");
    (secrets, Some(account.to_owned()))
}
