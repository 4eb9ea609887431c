//! Names that are told again and again, each kept once.

use std::sync::Arc;

use bit_set::BitSet;
use indexmap::IndexSet;

/// All names that were told so far.
#[derive(Debug, Default)]
pub(super) struct Names(IndexSet<Arc<str>>);

/// The number of a name.
#[derive(Debug, Clone, Copy)]
pub(super) struct NameId(usize);

/// Some of the names, at a bit for each.
#[derive(Debug, Default)]
pub(super) struct NameSet(BitSet);

impl Names {
    /// `name`, shared with all others that ask for it.
    pub(super) fn shared(&mut self, name: &str) -> Arc<str> {
        let NameId(id) = self.id(name);
        self.0.get_index(id).map_or_else(|| name.into(), Arc::clone)
    }

    /// The number of `name`.
    pub(super) fn id(&mut self, name: &str) -> NameId {
        NameId(self.0.get_index_of(name).unwrap_or_else(|| self.0.insert_full(name.into()).0))
    }

    /// The names of `set`, sorted.
    pub(super) fn sorted(&self, set: &NameSet) -> Vec<Arc<str>> {
        let mut names: Vec<_> = set.0.iter().filter_map(|id| self.0.get_index(id).cloned()).collect();
        names.sort_unstable();
        names.shrink_to_fit();
        names
    }
}

impl NameSet {
    /// Adds a name, unless it is there.
    pub(super) fn insert(&mut self, NameId(id): NameId) {
        self.0.insert(id);
    }

    /// Takes out the names of `other`.
    pub(super) fn remove(&mut self, other: &Self) {
        self.0.difference_with(&other.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_kept_once() {
        let mut names = Names::default();
        let first = names.shared("node-b");
        assert!(Arc::ptr_eq(&first, &names.shared("node-b")) && !Arc::ptr_eq(&first, &names.shared("node-a")));
        let mut set = NameSet::default();
        for name in ["node-b", "node-c", "node-a", "node-b"] {
            set.insert(names.id(name));
        }
        assert_eq!(names.sorted(&set), ["node-a".into(), "node-b".into(), "node-c".into()]);
        let mut other = NameSet::default();
        other.insert(names.id("node-a"));
        set.remove(&other);
        assert_eq!(names.sorted(&set), ["node-b".into(), "node-c".into()]);
    }
}
