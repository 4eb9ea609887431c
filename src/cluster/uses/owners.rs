//! Who owns whom, and who is at the top.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use crate::cluster::objects::Metadata;

/// Names an object.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectRef {
    /// `apps/v1`
    pub api_version: Arc<str>,
    /// `ReplicaSet`
    pub kind: Arc<str>,
    /// of an owner: the namespace of what it owns, for an ownerReference does not say whether the owner has one itself
    pub namespace: Arc<str>,
    /// its name
    pub name: Arc<str>,
}

impl ObjectRef {
    /// The controlling owner of an object of `namespace`.
    ///
    /// Nodes do not count: they "own" static pods, but nothing that one could roll out or roll back.
    pub fn controller_of(metadata: &Metadata, namespace: &str) -> Option<Self> {
        let owner = metadata.controller().filter(|owner| (&*owner.api_version, &*owner.kind) != ("v1", "Node"))?;
        Some(Self {
            api_version: owner.api_version.as_str().into(),
            kind: owner.kind.as_str().into(),
            namespace: namespace.into(),
            name: owner.name.as_str().into(),
        })
    }
}

/// What is known of an owner.
#[derive(Debug)]
struct Known {
    cluster_scoped: bool,
    owner: Option<ObjectRef>,
}

/// The owners seen so far.
#[derive(Debug, Default)]
pub(super) struct Owners {
    known: HashMap<ObjectRef, Known>,
    named: BTreeSet<ObjectRef>,
}

impl Owners {
    /// Notes that `object` names this owner.
    pub(super) fn name(&mut self, owner: &ObjectRef) {
        if !self.known.contains_key(owner) {
            self.named.insert(owner.clone());
        }
    }

    /// Notes `object` with its own owner.
    pub(super) fn know(&mut self, object: ObjectRef, cluster_scoped: bool, owner: Option<ObjectRef>) {
        self.named.remove(&object);
        if let Some(owner) = &owner {
            self.name(owner);
        }
        self.known.insert(object, Known { cluster_scoped, owner });
    }

    /// Owners that were named, but not seen.
    pub(super) fn unresolved(&self) -> Vec<ObjectRef> {
        self.named.iter().cloned().collect()
    }

    /// The last owner on the way up from `object`; its namespace is empty when it is known to have none.
    ///
    /// A way that leads back to itself ends at the least of its ring, so that all in the ring agree.
    pub(super) fn top(&self, object: &ObjectRef) -> ObjectRef {
        let mut way = vec![object];
        let mut top = object;
        while let Some(owner) = self.known.get(top).and_then(|known| known.owner.as_ref()) {
            if let Some(start) = way.iter().position(|passed| *passed == owner) {
                top = way.split_off(start).into_iter().min().unwrap_or(owner);
                break;
            }
            way.push(owner);
            top = owner;
        }
        let mut top = top.clone();
        if self.known.get(&top).is_some_and(|known| known.cluster_scoped) {
            top.namespace = "".into();
        }
        top
    }
}
