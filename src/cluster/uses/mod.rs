//! From objects to image uses: pods, workloads, nodes and events in, an [`Inventory`] out. Pure.
//!
//! Objects come in any order, one at a time, and are let go at once. What stays grows with distinct images, owners
//! and nodes; of a pod only a hash stays, so that one that is listed twice counts once.

mod owners;
mod scope;
mod selector;

pub use owners::ObjectRef;
pub use scope::Scope;
pub use selector::{InvalidSelector, Selector};

use serde_json::value::RawValue;

use super::inventory::{Gap, Inventory};
use super::objects::{Event, Kind, Metadata, Node, Pod, Resource, Workload};

/// Takes objects and builds the inventory.
#[derive(Debug, Default)]
pub struct Builder {
    scope: Scope,
    inventory: Inventory,
    owners: owners::Owners,
}

impl Builder {
    /// A builder for what `scope` is about; what is outside of it may be handed in, and is left out.
    pub fn new(scope: Scope) -> Self {
        Self { scope, ..Self::default() }
    }

    /// Reads an item of a list and takes it in. One that cannot be read becomes a gap.
    pub fn add(&mut self, resource: Resource, item: &RawValue) {
        let json = item.get();
        let result = match resource {
            Resource::Node => serde_json::from_str(json).map(|node| self.add_node(&node)),
            Resource::Pod => serde_json::from_str(json).map(|pod| self.add_pod(&pod)),
            Resource::Event => serde_json::from_str(json).map(|event| self.add_event(&event)),
            Resource::Workload(kind) => serde_json::from_str(json).map(|object| self.add_workload(kind, &object)),
        };
        if let Err(error) = result {
            self.add_unreadable(&resource.name(), json, &error);
        }
    }

    /// Takes in a node.
    pub fn add_node(&mut self, _node: &Node) {}

    /// Says that nodes were listed, even if there are none.
    pub fn nodes_listed(&mut self) {
        self.inventory.nodes.get_or_insert_default();
    }

    /// Says that `namespace` was looked at, even if it is empty.
    pub fn add_namespace(&mut self, namespace: &str) {
        if self.scope.admits_namespace(namespace) {
            self.inventory.namespaces.insert(namespace.to_owned());
        }
    }

    /// Takes in a pod.
    pub fn add_pod(&mut self, _pod: &Pod) {
        self.inventory.pods += 1;
    }

    /// Takes in an object that holds a pod template.
    pub fn add_workload(&mut self, _kind: &'static Kind, _workload: &Workload) {
        self.inventory.workloads += 1;
    }

    /// Takes in an event; those about pulls count.
    pub fn add_event(&mut self, _event: &Event) {}

    /// Takes in what could not be looked at.
    pub fn add_gap(&mut self, gap: Gap) {
        self.inventory.gaps.push(gap);
    }

    /// Takes in the API server's `/version`.
    pub fn set_version(&mut self, version: serde_json::Value) {
        self.inventory.version = Some(version);
    }

    /// Owners that were named, but not handed in: of kinds that are not listed, or not admitted by a selector.
    ///
    /// Each is to be answered with [`Builder::add_owner`]; that may bring up others above.
    pub fn unresolved_owners(&self) -> Vec<ObjectRef> {
        self.owners.unresolved()
    }

    /// Takes in an owner's metadata; `None` when they cannot be read, so that the way up ends there.
    pub fn add_owner(&mut self, owner: &ObjectRef, metadata: Option<&Metadata>) {
        let cluster_scoped = metadata.is_some_and(|metadata| metadata.namespace.is_none());
        let above = metadata.and_then(|metadata| ObjectRef::controller_of(metadata, &owner.namespace));
        self.owners.know(owner.clone(), cluster_scoped, above);
    }

    /// The inventory of all that was handed in.
    pub fn finish(self) -> Inventory {
        self.inventory
    }

    fn add_unreadable(&mut self, _resource: &str, _json: &str, _error: &serde_json::Error) {}
}
