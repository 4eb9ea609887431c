//! Who owns whom, and who is at the top.

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::iter::successors;
use std::sync::Arc;

use indexmap::Equivalent;

use super::names::{NameId, Names, Set, number};
use crate::cluster::inventory::UserKey;
use crate::cluster::objects::Metadata;
use crate::vocabulary::Role;

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

/// An object as others name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Named<'a> {
    pub api_version: &'a str,
    pub kind: &'a str,
    pub namespace: &'a str,
    /// `None` for the ownerless pods of a namespace, taken together
    pub name: Option<&'a str>,
}

impl<'a> Named<'a> {
    /// The controlling owner of an object of `namespace`.
    ///
    /// Nodes do not count: the kubelet names them as owners of static pods, but a node is no workload, and one entry
    /// for each of 5,000 nodes would tell less than the ownerless pods of `kube-system` taken together.
    pub(super) fn controller_of(metadata: &'a Metadata<'_>, namespace: &'a str) -> Option<Self> {
        let owner = metadata.controller().filter(|owner| (&*owner.api_version, &*owner.kind) != ("v1", "Node"))?;
        Some(Self { api_version: &owner.api_version, kind: &owner.kind, namespace, name: Some(&owner.name) })
    }

    /// The ownerless pods of `namespace`.
    pub(super) fn loose_pods(namespace: &'a str) -> Self {
        Self { api_version: "v1", kind: "Pod", namespace, name: None }
    }
}

impl ObjectRef {
    fn named(&self) -> Named<'_> {
        let Self { api_version, kind, namespace, name } = self;
        Named { api_version, kind, namespace, name: Some(name) }
    }
}

/// The number of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct ObjectId(u32);

/// What names an object. Words that many have in common are numbers: there are several objects for each image.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Key<N> {
    api_version: NameId,
    kind: NameId,
    namespace: NameId,
    name: Option<N>,
}

impl Equivalent<Key<Arc<str>>> for Key<&str> {
    fn equivalent(&self, key: &Key<Arc<str>>) -> bool {
        (self.api_version, self.kind, self.namespace) == (key.api_version, key.kind, key.namespace)
            && self.name == key.name.as_deref()
    }
}

/// What is known of an object.
#[derive(Debug, Default)]
struct Known {
    owner: Option<ObjectId>,
    /// whether more than its name is known
    is_read: bool,
    is_cluster_scoped: bool,
    /// whether the top above it is asked for
    is_asked: bool,
    /// whether pods are made from it, if only indirectly
    is_busy: bool,
}

/// The objects that were named so far.
#[derive(Debug, Default)]
pub(super) struct Owners {
    /// API versions, kinds and namespaces
    words: Names,
    keys: Set<Key<Arc<str>>>,
    /// of each, by its number
    known: Vec<Known>,
}

impl Owners {
    /// The number of an object.
    pub(super) fn id(&mut self, object: Named<'_>) -> ObjectId {
        let [api_version, kind, namespace] =
            [object.api_version, object.kind, object.namespace].map(|word| self.words.id(word));
        let key = Key { api_version, kind, namespace, name: object.name };
        let place = self.keys.get_index_of(&key).unwrap_or_else(|| {
            self.known.push(Known::default());
            self.keys.insert_full(Key { api_version, kind, namespace, name: object.name.map(Arc::from) }).0
        });
        ObjectId(number(place))
    }

    /// Notes that the top above `object` will be asked for.
    pub(super) fn ask(&mut self, object: ObjectId) {
        self.known_mut(object).is_asked = true;
    }

    /// Notes what is known of `object`, and its own owner.
    pub(super) fn know(&mut self, object: ObjectId, is_cluster_scoped: bool, owner: Option<Named<'_>>) {
        let owner = owner.map(|owner| self.id(owner));
        let known = self.known_mut(object);
        (known.is_read, known.is_cluster_scoped, known.owner) = (true, is_cluster_scoped, owner);
    }

    /// Takes in what was asked of an owner.
    pub(super) fn add(&mut self, owner: &ObjectRef, is_cluster_scoped: bool, above: Option<Named<'_>>) {
        let object = self.id(owner.named());
        self.know(object, is_cluster_scoped, above);
    }

    /// Owners on the way to a top that is asked for, of which no more than the name is known.
    pub(super) fn unresolved(&self) -> Vec<ObjectRef> {
        let asked = self.ids().filter(|object| self.known(*object).is_asked);
        let unread: BTreeSet<_> =
            asked.map(|object| self.top(object)).filter(|top| !self.known(*top).is_read).collect();
        let mut unresolved: Vec<_> = unread.into_iter().map(|object| self.object_ref(object)).collect();
        unresolved.sort_unstable();
        unresolved
    }

    /// The last owner on the way up, or the object itself. A way that comes back to itself ends at the least of its
    /// ring, so that all members of the ring agree.
    pub(super) fn top(&self, object: ObjectId) -> ObjectId {
        let owner = |object: &ObjectId| self.known(*object).owner;
        let (mut last, mut mark) = (object, object);
        for step in 1_usize.. {
            match owner(&last) {
                None => return last,
                Some(owner) if owner == mark => break,
                Some(owner) => last = owner,
            }
            // It is put ever farther ahead of the one before, so that a ring of any length is gone round in the end.
            if step.is_power_of_two() {
                mark = last;
            }
        }
        let ring = successors(owner(&mark), owner).take_while(|other| *other != mark);
        ring.chain([mark]).min_by(|one, other| self.compare(*one, *other)).unwrap_or(mark)
    }

    /// Marks `object`, from which pods are made, and all owners above it.
    pub(super) fn mark_busy(&mut self, object: ObjectId) {
        let mut above = Some(object);
        while let Some(object) = above {
            let known = self.known_mut(object);
            let was_busy = std::mem::replace(&mut known.is_busy, true);
            above = known.owner.filter(|_| !was_busy);
        }
    }

    /// Whether pods are made from `object`, if only indirectly.
    pub(super) fn is_busy(&self, object: ObjectId) -> bool {
        self.known(object).is_busy
    }

    /// The namespace that it was named with.
    pub(super) fn namespace(&self, object: ObjectId) -> &Arc<str> {
        self.words.get(self.key(object).namespace)
    }

    /// The order of two objects by name.
    pub(super) fn compare(&self, one: ObjectId, other: ObjectId) -> Ordering {
        if one == other { Ordering::Equal } else { self.named(one).cmp(&self.named(other)) }
    }

    /// The order of two tops as users: those that are known to have no namespace are named without.
    pub(super) fn compare_users(&self, one: ObjectId, other: ObjectId) -> Ordering {
        if one == other { Ordering::Equal } else { self.user(one).cmp(&self.user(other)) }
    }

    /// A top as a user.
    pub(super) fn user_key(&self, top: ObjectId, role: Role) -> UserKey {
        let ObjectRef { api_version, kind, namespace, .. } = self.object_ref(top);
        let namespace = if self.known(top).is_cluster_scoped { Arc::default() } else { namespace };
        UserKey { api_version, kind, namespace, name: self.key(top).name.clone(), role }
    }

    /// Whether an object is the user that its top is, and not one below it.
    pub(super) fn is_user(&self, object: ObjectId, top: ObjectId) -> bool {
        let (object, top) = (self.key(object), self.key(top));
        (object.api_version, object.kind, &object.name) == (top.api_version, top.kind, &top.name)
    }

    fn user(&self, top: ObjectId) -> Named<'_> {
        let named = self.named(top);
        if self.known(top).is_cluster_scoped { Named { namespace: "", ..named } } else { named }
    }

    fn named(&self, object: ObjectId) -> Named<'_> {
        let Key { api_version, kind, namespace, name } = self.key(object);
        let word = |id: &NameId| &**self.words.get(*id);
        Named { api_version: word(api_version), kind: word(kind), namespace: word(namespace), name: name.as_deref() }
    }

    fn object_ref(&self, object: ObjectId) -> ObjectRef {
        let Key { api_version, kind, namespace, name } = self.key(object);
        let [api_version, kind, namespace] =
            [api_version, kind, namespace].map(|word| Arc::clone(self.words.get(*word)));
        ObjectRef { api_version, kind, namespace, name: name.clone().unwrap_or_default() }
    }

    fn ids(&self) -> impl Iterator<Item = ObjectId> {
        (0..self.keys.len()).map(|place| ObjectId(number(place)))
    }

    fn key(&self, ObjectId(id): ObjectId) -> &Key<Arc<str>> {
        &self.keys[id as usize]
    }

    fn known(&self, ObjectId(id): ObjectId) -> &Known {
        &self.known[id as usize]
    }

    fn known_mut(&mut self, ObjectId(id): ObjectId) -> &mut Known {
        &mut self.known[id as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(kind: &str) -> Named<'_> {
        Named { api_version: "v1", kind, namespace: "shop", name: Some("x") }
    }

    fn unresolved(owners: &Owners) -> Vec<String> {
        owners.unresolved().iter().map(|owner| owner.kind.to_string()).collect()
    }

    fn know(owners: &mut Owners, kind: &str, owner: Option<&str>) {
        let id = owners.id(object(kind));
        owners.know(id, false, owner.map(object));
    }

    #[test]
    fn the_top_is_the_last_owner_that_is_named() {
        let mut owners = Owners::default();
        let set = owners.id(object("ReplicaSet"));
        owners.ask(set);
        assert_eq!(unresolved(&owners), ["ReplicaSet"]);
        owners.know(set, false, Some(object("Rollout")));
        assert_eq!(unresolved(&owners), ["Rollout"]);
        know(&mut owners, "Rollout", Some("Platform"));
        let platform = owners.unresolved().remove(0);
        owners.add(&platform, true, None);
        assert_eq!(unresolved(&owners), [""; 0]);
        let key = owners.user_key(owners.top(set), Role::Current);
        assert_eq!((&*key.kind, &*key.namespace, key.name.as_deref()), ("Platform", "", Some("x")));
        let unknown = owners.id(object("Unknown"));
        assert_eq!(owners.top(unknown), unknown);
    }

    #[test]
    fn a_ring_of_owners_ends() {
        let mut owners = Owners::default();
        for (kind, owner) in [("Pod", "B"), ("A", "B"), ("B", "C"), ("C", "A"), ("Self", "Self")] {
            know(&mut owners, kind, Some(owner));
        }
        let [a, itself] = ["A", "Self"].map(|kind| owners.id(object(kind)));
        for start in ["Pod", "A", "B", "C"] {
            let start = owners.id(object(start));
            owners.mark_busy(start);
            assert_eq!(owners.top(start), a);
        }
        assert_eq!(owners.top(itself), itself);
        assert!(owners.is_busy(a) && !owners.is_busy(itself));
    }

    #[test]
    fn a_way_of_any_length_ends() {
        for (tail, ring) in (0..20).flat_map(|tail| (0..20).map(move |ring| (tail, ring))) {
            let mut owners = Owners::default();
            let kinds: Vec<_> = (0..=tail + ring).map(|number| format!("{number:02}")).collect();
            for (kind, owner) in kinds.iter().zip(kinds.iter().skip(1)) {
                know(&mut owners, kind, Some(owner));
            }
            if ring > 0 {
                know(&mut owners, &kinds[tail + ring], Some(&kinds[tail]));
            }
            let [first, top] = [&kinds[0], &kinds[tail]].map(|kind| owners.id(object(kind)));
            assert_eq!(owners.top(first), top, "{tail} to a ring of {ring}");
        }
    }

    #[test]
    fn an_object_has_one_number() {
        let mut owners = Owners::default();
        let ids = [object("A"), Named::loose_pods("shop"), object("B"), object("A")].map(|object| owners.id(object));
        assert_eq!(ids.map(|ObjectId(id)| id), [0, 1, 2, 0]);
        let key = owners.user_key(ids[1], Role::Current);
        assert_eq!((&*key.kind, &*key.namespace, key.name), ("Pod", "shop", None));
    }
}
