//! Sets of which there are many, and most of which hold one thing.

use std::collections::{BTreeSet, btree_set};
use std::iter::Chain;
use std::option;

/// A sorted set that takes no memory of its own for one item: a [`BTreeSet`] takes as much as for eleven.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Few<T> {
    /// at most one
    One(Option<T>),
    /// several
    Many(BTreeSet<T>),
}

impl<T: Ord> Few<T> {
    /// Adds `item`, unless it is there.
    pub fn insert(&mut self, item: T) {
        match self {
            Self::One(one) => match one.take() {
                Some(other) if other != item => *self = Self::Many([other, item].into()),
                _ => *one = Some(item),
            },
            Self::Many(many) => {
                many.insert(item);
            }
        }
    }
}

impl<T> Default for Few<T> {
    fn default() -> Self {
        Self::One(None)
    }
}

impl<T: Ord> Extend<T> for Few<T> {
    fn extend<I: IntoIterator<Item = T>>(&mut self, items: I) {
        items.into_iter().for_each(|item| self.insert(item));
    }
}

impl<T: Ord, const N: usize> From<[T; N]> for Few<T> {
    fn from(items: [T; N]) -> Self {
        let mut few = Self::default();
        few.extend(items);
        few
    }
}

impl<T> Few<T> {
    /// The items, in their order.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        let (one, many) = match self {
            Self::One(one) => (one.as_ref(), None),
            Self::Many(many) => (None, Some(many)),
        };
        one.into_iter().chain(many.into_iter().flatten())
    }
}

impl<T> IntoIterator for Few<T> {
    type Item = T;
    type IntoIter = Chain<option::IntoIter<T>, btree_set::IntoIter<T>>;

    fn into_iter(self) -> Self::IntoIter {
        let (one, many) = match self {
            Self::One(one) => (one, BTreeSet::new()),
            Self::Many(many) => (None, many),
        };
        one.into_iter().chain(many)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_few_are_a_set(items in prop::collection::vec(0_u8..4, 0..6)) {
            let mut few = Few::default();
            few.extend(items.iter().copied());
            let set: BTreeSet<u8> = items.into_iter().collect();
            prop_assert!(few.iter().eq(&set));
            prop_assert!(few.into_iter().eq(set));
        }
    }
}
