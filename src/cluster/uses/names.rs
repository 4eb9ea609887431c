//! Names that are told again and again, each kept once.

use std::sync::Arc;

use bit_set::BitSet;
use foldhash::fast::RandomState;
use indexmap::IndexSet;

use crate::sorted::SortedSet;

/// How many names a set holds one by one; from there on it takes a bit for each name that there is.
const FEW: usize = 16;

/// All names that were told so far.
#[derive(Debug, Default)]
pub(super) struct Names(Set<Arc<str>>);

/// Things in the order in which they came, found by a hash. There are dozens of lookups for each object; which names collide depends on
/// a seed.
pub(super) type Set<T> = IndexSet<T, RandomState>;

/// The number of a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct NameId(u32);

/// Some of the names. Most images run on a few nodes out of many, others on all of them.
#[derive(Debug, Default)]
pub(super) struct NameSet {
    few: SortedSet<NameId>,
    many: Option<Box<BitSet>>,
}

impl Names {
    /// `name`, shared with all others that ask for it.
    pub(super) fn shared(&mut self, name: &str) -> Arc<str> {
        let id = self.id(name);
        Arc::clone(self.get(id))
    }

    /// `names` in their order, each shared; most lists are empty.
    pub(super) fn list<'a>(&mut self, names: impl Iterator<Item = &'a str>) -> Arc<[Arc<str>]> {
        let names: Vec<_> = names.map(|name| self.shared(name)).collect();
        if names.is_empty() { Arc::default() } else { names.into() }
    }

    /// The number of `name`.
    pub(super) fn id(&mut self, name: &str) -> NameId {
        NameId(number(self.0.get_index_of(name).unwrap_or_else(|| self.0.insert_full(name.into()).0)))
    }

    /// The name of a number that was given out here.
    pub(super) fn get(&self, NameId(id): NameId) -> &Arc<str> {
        &self.0[id as usize]
    }

    /// The names of `ids`, sorted.
    pub(super) fn sorted(&self, ids: impl Iterator<Item = NameId>) -> Vec<Arc<str>> {
        let mut names: Vec<_> = ids.map(|id| Arc::clone(self.get(id))).collect();
        names.sort_unstable();
        names.shrink_to_fit();
        names
    }
}

impl NameSet {
    /// Adds a name, unless it is there.
    pub(super) fn insert(&mut self, name: NameId) {
        if let Some(many) = &mut self.many {
            many.insert(name.0 as usize);
        } else if self.few.insert(name) && self.few.len() > FEW {
            let few = std::mem::take(&mut self.few).into_iter();
            self.many = Some(Box::new(few.map(|NameId(id)| id as usize).collect()));
        }
    }

    /// Whether `name` is one of them.
    pub(super) fn contains(&self, name: NameId) -> bool {
        self.few.contains(&name) || self.many.as_ref().is_some_and(|many| many.contains(name.0 as usize))
    }

    /// All of them.
    pub(super) fn iter(&self) -> impl Iterator<Item = NameId> {
        let many = self.many.iter().flat_map(|many| many.iter());
        self.few.iter().copied().chain(many.map(|id| NameId(number(id))))
    }
}

/// The number of what stands at `place`. There is no memory for more than fit.
pub(super) fn number(place: usize) -> u32 {
    u32::try_from(place).unwrap_or(u32::MAX)
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
        assert_eq!(names.sorted(set.iter()), ["node-a".into(), "node-b".into(), "node-c".into()]);
    }

    #[test]
    fn a_set_of_few_is_as_good_as_one_of_many() {
        let mut set = NameSet::default();
        for id in (0..4 * number(FEW)).rev().step_by(2) {
            set.insert(NameId(id));
            set.insert(NameId(id));
            let expected: Vec<_> = (id..4 * number(FEW)).step_by(2).map(NameId).collect();
            assert_eq!(set.iter().collect::<Vec<_>>(), expected);
            assert!(set.contains(NameId(id)) && !set.contains(NameId(id - 1)) && !set.contains(NameId(id + 1)));
        }
        assert_eq!((set.few.len(), set.many.is_some()), (0, true));
    }
}
