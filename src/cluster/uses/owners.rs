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
    /// Nodes do not count: the kubelet names them as owners of static pods, but a node is no workload, and one entry
    /// for each of 5,000 nodes would tell less than the ownerless pods of `kube-system` taken together.
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
    asked: BTreeSet<ObjectRef>,
}

impl Owners {
    /// Notes that the top above `object` will be asked for.
    pub(super) fn ask(&mut self, object: &ObjectRef) {
        if !self.asked.contains(object) {
            self.asked.insert(object.clone());
        }
    }

    /// Notes `object` with its own owner.
    pub(super) fn know(&mut self, object: ObjectRef, cluster_scoped: bool, owner: Option<ObjectRef>) {
        self.known.insert(object, Known { cluster_scoped, owner });
    }

    /// Owners on the way to a top that is asked for, of which no more than the name is known.
    pub(super) fn unresolved(&self) -> Vec<ObjectRef> {
        let unknown = self.asked.iter().map(|object| self.last(object)).filter(|last| !self.known.contains_key(last));
        unknown.collect::<BTreeSet<_>>().into_iter().cloned().collect()
    }

    /// The top above `object`, or the object itself; its namespace is empty when it is known to have none.
    pub(super) fn top(&self, object: &ObjectRef) -> ObjectRef {
        let mut top = self.last(object).clone();
        if self.known.get(&top).is_some_and(|known| known.cluster_scoped) {
            top.namespace = "".into();
        }
        top
    }

    /// The last owner on the way up. A way that comes back to itself ends at the least of its ring, so that all
    /// members of the ring agree.
    fn last<'a>(&'a self, object: &'a ObjectRef) -> &'a ObjectRef {
        let mut way = self.way(object);
        let Some(last) = way.pop() else { return object };
        match self.owner(last).and_then(|back| way.iter().position(|passed| *passed == back)) {
            Some(start) => way.split_off(start).into_iter().chain([last]).min().unwrap_or(last),
            None => last,
        }
    }

    /// The object and its owners, as far up as they are named, each once.
    pub(super) fn way<'a>(&'a self, object: &'a ObjectRef) -> Vec<&'a ObjectRef> {
        let mut way = vec![object];
        let mut above = self.owner(object);
        while let Some(owner) = above.filter(|owner| !way.contains(owner)) {
            way.push(owner);
            above = self.owner(owner);
        }
        way
    }

    fn owner(&self, object: &ObjectRef) -> Option<&ObjectRef> {
        self.known.get(object)?.owner.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(kind: &str) -> ObjectRef {
        ObjectRef { api_version: "v1".into(), kind: kind.into(), namespace: "shop".into(), name: "x".into() }
    }

    #[test]
    fn the_top_is_the_last_owner_that_is_named() {
        let mut owners = Owners::default();
        owners.ask(&object("ReplicaSet"));
        assert_eq!(owners.unresolved(), [object("ReplicaSet")]);
        owners.know(object("ReplicaSet"), false, Some(object("Rollout")));
        assert_eq!(owners.unresolved(), [object("Rollout")]);
        owners.know(object("Rollout"), false, Some(object("Platform")));
        owners.know(object("Platform"), true, None);
        assert_eq!(owners.unresolved(), []);
        assert_eq!(owners.top(&object("ReplicaSet")), ObjectRef { namespace: "".into(), ..object("Platform") });
        assert_eq!(owners.top(&object("Unknown")), object("Unknown"));
    }

    #[test]
    fn a_ring_of_owners_ends() {
        let mut owners = Owners::default();
        owners.know(object("Pod"), false, Some(object("B")));
        owners.know(object("A"), false, Some(object("B")));
        owners.know(object("B"), false, Some(object("C")));
        owners.know(object("C"), false, Some(object("A")));
        owners.know(object("Self"), false, Some(object("Self")));
        for start in ["Pod", "A", "B", "C"] {
            assert_eq!(owners.top(&object(start)), object("A"), "{start}");
        }
        assert_eq!(owners.top(&object("Self")), object("Self"));
    }
}
