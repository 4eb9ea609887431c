//! From objects to image uses: pods, workloads, nodes and events in, an [`Inventory`] out. Pure.
//!
//! Objects come in any order, one at a time, and are let go at once. What stays grows with distinct images, owners
//! and nodes; of any other object only a hash of its name stays, so that one that is listed twice counts once.

mod counts;
mod custom;
mod draft;
mod images;
mod manners;
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
mod users;

pub use owners::ObjectRef;
pub use scope::Scope;
pub use selector::{InvalidSelector, Selector};

use std::collections::BTreeSet;
use std::fmt::Display;
use std::sync::Arc;

use self::draft::{Common, Loans, OfPod, Origin, Part};
use self::images::{ImageId, Images};
use self::manners::Access;
use self::names::{Names, Set};
use self::owners::Named;
use self::placement::Said;
use self::pods::PodUses;
use self::seen::Seen;
use self::unreadable::Unreadable;
use super::inventory::{Example, Gap, ImageName, ImageUse, Inventory, NodeImage, Placement};
use super::objects::{Event, Idle, Kind, Metadata, Node, Pod, PodSpec, Resource, Workload};
use crate::image::Reference;

/// Takes objects and builds the inventory.
#[derive(Debug, Default)]
pub struct Builder {
    scope: Scope,
    seen: Seen,
    images: Images,
    common: Common,
    /// namespaces, and what containers, secrets and pull policies are called
    words: Names,
    placements: Set<Placement>,
    /// images of pods that nobody was told of
    unannounced: Vec<ImageId>,
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
        self.nodes.get_or_insert_default().sort_unstable_by(|one, other| one.name.cmp(&other.name));
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
        let images = std::mem::take(&mut self.unannounced).into_iter();
        let valid = images.filter_map(|image| match self.images.get(image)? {
            (ImageName::Valid(reference), draft) => Some((reference.clone(), draft.by_pods(&self.common))),
            (ImageName::Invalid(_), _) => None,
        });
        valid.collect()
    }

    /// The nodes so far, sorted by name once they were listed; `None` when none was and they may not be read.
    pub fn nodes(&self) -> Option<&[super::inventory::Node]> {
        self.nodes.as_deref()
    }

    /// Takes in a node.
    pub fn add_node(&mut self, node: &Node<'_>) {
        let Some(name) = node.metadata.name.as_deref() else { return };
        if !self.seen.first("Node", "", &node.metadata) {
            return;
        }
        let name = self.common.nodes.shared(name);
        self.on_nodes.extend(nodes::images(node, &name, &mut self.words));
        let known = nodes::node(node, &name);
        if known.is_none() {
            self.add_unreadable(Resource::Node, &node.metadata, &"it does not say what its platform is");
        }
        self.nodes.get_or_insert_default().extend(known);
    }

    /// Takes in a pod. One that has ended is a user of its images still, but runs none.
    pub fn add_pod(&mut self, pod: &Pod<'_>) {
        let metadata = &pod.metadata;
        let namespace = metadata.namespace_or_default();
        if !self.admits(namespace, metadata) || !self.seen.first("Pod", namespace, metadata) {
            return;
        }
        self.pods += 1;
        let owner = Named::controller_of(metadata, namespace);
        let holder = self.common.owners.id(owner.unwrap_or_else(|| Named::loose_pods(namespace)));
        if owner.is_some() {
            self.common.owners.ask(holder);
        }
        let node = pod.spec.node_name.as_deref().filter(|node| !node.is_empty());
        let node = node.map(|node| self.common.nodes.id(node));
        let example = Example {
            namespace: self.words.shared(namespace),
            pod: metadata.name.as_deref().unwrap_or_default().into(),
            container: None,
            node: node.map(|node| Arc::clone(self.common.nodes.get(node))),
        };
        let placements = if node.is_some() { Vec::new() } else { placement::placements(&pod.spec) };
        let origin = Origin {
            holder,
            part: Part::Pods,
            placements: self.shared(placements),
            access: access(&pod.spec, metadata.uid.is_some(), &mut self.words),
            pod: Some(OfPod { example, is_ownerless: owner.is_none(), node }),
        };
        for (image, usage) in pods::used(pod, &mut self.words, &mut self.images) {
            let draft = self.images.draft(image);
            if !std::mem::replace(&mut draft.announced, true) {
                self.unannounced.push(image);
            }
            draft.add(&origin, usage, &mut self.common.manners);
        }
    }

    /// Takes in an object that holds a pod template.
    ///
    /// Its part is `current` while pods are made from it. A ReplicaSet or ReplicationController at 0 that has an owner
    /// is the owner's `history`. Anything else at 0 or suspended, and what only others make pods of (PodTemplate,
    /// CronJob), is a `template`, until a pod or an active Job shows that something was made from it.
    pub fn add_workload(&mut self, kind: &'static Kind, workload: &Workload<'_>) {
        let metadata = &workload.metadata;
        let namespace = metadata.namespace_or_default();
        if !self.scope.admits_namespace(namespace) {
            return;
        }
        let owner = Named::controller_of(metadata, namespace);
        let part = part(kind, workload, owner.is_some());
        let name = metadata.name.as_deref().unwrap_or_default();
        let named = Named { api_version: kind.api_version, kind: kind.kind, namespace, name: Some(name) };
        let object = self.common.owners.id(named);
        // One that the selector leaves out still tells who owns the pods that it does not.
        self.common.owners.know(object, false, owner);
        if !self.admits(namespace, metadata) || !self.seen.first(kind.kind, namespace, metadata) {
            return;
        }
        self.workloads += 1;
        self.common.owners.ask(object);
        let Some(spec) = workload.pod_spec(kind) else { return };
        let placements = self.shared(placement::placements(spec));
        let access = access(spec, false, &mut self.words);
        let uses = pods::asked(spec, &mut self.words, &mut self.images);
        self.add_uses(uses, &Origin { holder: object, part, placements, access, pod: None });
    }

    /// Takes in an event; those that tell how a pull ended count.
    pub fn add_event(&mut self, event: &Event<'_>) {
        let namespace = event.metadata.namespace_or_default();
        if !self.scope.admits_namespace(namespace) {
            return;
        }
        if let Some((name, told)) = pulls::told(event)
            && self.seen.first("Event", namespace, &event.metadata)
        {
            let image = self.images.id(name);
            self.images.draft(image).pulls.get_or_insert_default().add(event, told);
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
        self.common.owners.unresolved()
    }

    /// Takes in an owner's metadata; `None` when they cannot be had, so that the way up ends there.
    pub fn add_owner(&mut self, owner: &ObjectRef, metadata: Option<&Metadata<'_>>) {
        let is_cluster_scoped = metadata.is_some_and(|metadata| metadata.namespace.is_none());
        let above = metadata.and_then(|metadata| Named::controller_of(metadata, &owner.namespace));
        self.common.owners.add(owner, is_cluster_scoped, above);
    }

    /// The inventory of all that was handed in; the same for any order in which it was.
    pub fn finish(mut self) -> Inventory {
        // What is made of the rest shall find its room.
        drop((self.seen, self.words, self.placements, self.unannounced));
        let images = self.images.finish(self.common, &self.loans);
        if let Some(nodes) = &mut self.nodes {
            nodes.sort_unstable_by(|one, other| one.name.cmp(&other.name));
        }
        self.on_nodes.sort_by(|one, other| (&one.node, &one.names).cmp(&(&other.node, &other.names)));
        self.gaps.extend(self.unreadable.into_gaps());
        self.gaps.sort_unstable();
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

    /// Takes in how a template uses its images.
    fn add_uses(&mut self, uses: PodUses, origin: &Origin) {
        for (image, usage) in uses {
            self.images.draft(image).add(origin, usage, &mut self.common.manners);
        }
    }

    /// What was `said` of where pods may run, in common with all of which the same was said.
    fn shared(&mut self, said: Vec<Said<'_>>) -> Vec<Placement> {
        let known = &mut self.placements;
        let shared = said.into_iter().map(|said| {
            let place = known.get_index_of(&said).unwrap_or_else(|| known.insert_full(said.into()).0);
            known[place].clone()
        });
        shared.collect()
    }

    fn add_unreadable(&mut self, resource: Resource<'_>, metadata: &Metadata<'_>, why: &dyn Display) {
        let (resource, namespace) = (resource.name(), metadata.namespace.as_deref());
        let is_meant = namespace.is_none_or(|namespace| self.scope.admits_namespace(namespace));
        if is_meant && self.seen.first(&format!("unreadable {resource}"), namespace.unwrap_or_default(), metadata) {
            self.unreadable.add(resource, metadata, why);
        }
    }

    /// Whether the run is about a pod or workload of `namespace`, which is thereby looked at.
    fn admits(&mut self, namespace: &str, metadata: &Metadata<'_>) -> bool {
        self.add_namespace(namespace);
        self.scope.admits_namespace(namespace) && self.scope.selects(metadata)
    }
}

/// By what `workload` uses its images.
fn part(kind: &Kind, workload: &Workload<'_>, owned: bool) -> Part {
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
fn access(spec: &PodSpec<'_>, admitted: bool, words: &mut Names) -> Access {
    let secrets = words.list(spec.image_pull_secrets.iter().filter_map(|secret| secret.name.as_deref()));
    if admitted || !secrets.is_empty() {
        return Access { secrets, service_account: None };
    }
    let account = spec.service_account_name.as_deref().filter(|name| !name.is_empty()).unwrap_or("default");
    Access { secrets, service_account: Some(words.shared(account)) }
}
