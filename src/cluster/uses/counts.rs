//! How often each of many things was told, in little memory.

/// How often each key was told. Most images have a handful of keys, a sidecar's has as many as there are workloads, in
/// no order: a tree would take several times the memory of the one, and a sorted vector too much time for the other.
#[derive(Debug)]
pub(super) struct Counts<K> {
    /// a key may come more than once
    told: Vec<(K, u64)>,
}

impl<K: Ord + Copy> Counts<K> {
    /// Counts `count` more of `key`.
    pub(super) fn add(&mut self, key: K, count: u64) {
        if let Some((last, counted)) = self.told.last_mut()
            && *last == key
        {
            *counted += count;
            return;
        }
        if self.told.len() == self.told.capacity() {
            self.make_room();
        }
        self.told.push((key, count));
    }

    /// Every key with its counts, of which there may be several, in no order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (K, u64)> {
        self.told.iter().copied()
    }

    /// Leaves out the keys that are not to be kept.
    pub(super) fn retain(&mut self, mut is_kept: impl FnMut(K) -> bool) {
        self.told.retain(|(key, _)| is_kept(*key));
    }

    /// Whether there is none.
    pub(super) fn is_empty(&self) -> bool {
        self.told.is_empty()
    }

    /// Sums up what was told of the same keys, and grows when that does not leave a third free.
    fn make_room(&mut self) {
        self.told.sort_unstable();
        self.told.dedup_by(|(key, count), (first, sum)| {
            let is_same = key == first;
            if is_same {
                *sum += *count;
            }
            is_same
        });
        let (keys, room) = (self.told.len(), self.told.capacity());
        if keys >= room - room / 3 {
            self.told.reserve_exact((keys / 2).max(2));
        }
    }
}

impl<K> Default for Counts<K> {
    fn default() -> Self {
        Self { told: Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn nothing_that_was_told_is_lost(told: Vec<(u8, u16)>) {
            let mut counts = Counts::default();
            let [mut expected, mut summed] = [BTreeMap::<u8, u64>::new(), BTreeMap::new()];
            for (key, count) in told {
                counts.add(key, count.into());
                *expected.entry(key).or_default() += u64::from(count);
            }
            counts.iter().for_each(|(key, count)| *summed.entry(key).or_default() += count);
            prop_assert_eq!(summed, expected);
        }
    }

    #[test]
    fn what_is_told_again_takes_no_room() {
        let mut counts = Counts::default();
        for key in (0..10_000).map(|number| number % 100) {
            counts.add(key, 1);
        }
        assert!(counts.told.capacity() < 200, "{}", counts.told.capacity());
        counts.retain(|key| key < 1);
        assert_eq!(counts.iter().map(|(_, count)| count).sum::<u64>(), 100);
    }
}
