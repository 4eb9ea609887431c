//! Which of the digests that run name one image.

use std::collections::BTreeSet;

use super::View;
use crate::image::{Digest, Outline};
use crate::resolve::Resolution;

/// The running digests, those of one image together: an index, its manifests, and their configs are one image.
///
/// An index may name tens of thousands of manifests, and hundreds of digests may run: each is gone over once.
pub(super) fn groups<'a>(view: &View<'a>) -> Vec<Vec<&'a Digest>> {
    let running = &view.usage.running;
    let named = view.answer.and_then(|answer| Some(&answer.named.as_ref()?.digest));
    let known = |digest: &'a Digest| {
        let matches = view.answer.and_then(|answer| answer.running.get(digest)?.matches_resolved) == Some(true);
        let config = view.resolution.and_then(|resolution| config_of(resolution, digest));
        [Some(digest), named.filter(|_| matches), config].into_iter().flatten().collect::<Vec<_>>()
    };
    let of_index = |index| view.resolution.map(|resolution| members(resolution, index)).unwrap_or_default();
    // What the reference names says nothing of digests that are no part of it.
    let runs = |members: &Vec<&Digest>| members.iter().any(|member| running.contains_key(*member));
    let indexes = running.keys().chain(named).map(of_index).filter(runs);
    let mut families = Families::of(&running.keys().map(known).chain(indexes).collect::<Vec<_>>());
    let mut groups: Vec<(usize, Vec<&Digest>)> = Vec::new();
    for digest in running.keys() {
        let family = families.family(digest);
        match groups.iter_mut().find(|(known, _)| *known == family) {
            Some((_, group)) => group.push(digest),
            None => groups.push((family, vec![digest])),
        }
    }
    groups.into_iter().map(|(_, group)| group).collect()
}

/// An index, the manifests that it names, and the configs of those that were read.
fn members<'a>(resolution: &'a Resolution, index: &'a Digest) -> Vec<&'a Digest> {
    let mut members = vec![index];
    if let Some(Outline::Index(known)) = resolution.documents.get(index).map(|looked| &*looked.outline) {
        for entry in &known.entries {
            members.push(&entry.descriptor.digest);
            members.extend(config_of(resolution, &entry.descriptor.digest));
        }
    }
    members
}

fn config_of<'a>(resolution: &'a Resolution, manifest: &Digest) -> Option<&'a Digest> {
    resolution.documents.get(manifest)?.config_digest()
}

/// Digests, each of one family: a forest, in which each points at one of its family that stands before it, or at itself.
struct Families<'a> {
    digests: Vec<&'a Digest>,
    elders: Vec<usize>,
}

impl<'a> Families<'a> {
    /// Those of each of `sets` are of one family.
    fn of(sets: &[Vec<&'a Digest>]) -> Self {
        let digests: BTreeSet<&Digest> = sets.iter().flatten().copied().collect();
        let mut families = Self { elders: (0..digests.len()).collect(), digests: digests.into_iter().collect() };
        for (one, other) in sets.iter().flat_map(|set| set.iter().zip(set.iter().skip(1))) {
            let (one, other) = (families.family(one), families.family(other));
            families.elders[one.max(other)] = one.min(other);
        }
        families
    }

    /// The family of `digest`, which is in one of the sets, told by the place of its eldest.
    fn family(&mut self, digest: &Digest) -> usize {
        let mut at = self.digests.binary_search(&digest).unwrap_or_default();
        while self.elders[at] != at {
            self.elders[at] = self.elders[self.elders[at]];
            at = self.elders[at];
        }
        at
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Two are of one family when a way leads from one to the other, from each to one that it was named with.
        #[test]
        fn who_was_named_together_is_of_one_family(joined in prop::collection::vec(prop::collection::vec(0..12_usize, 1..4), 0..8)) {
            let digests: Vec<Digest> = (0..12_u8).map(|number| Digest::of(&[number])).collect();
            let mut labels = Vec::from_iter(0..12);
            let sets = joined.iter().map(|members| members.iter().map(|at| &digests[*at]).collect());
            let mut families = Families::of(&sets.chain(digests.iter().map(|digest| vec![digest])).collect::<Vec<_>>());
            for members in &joined {
                let known: Vec<usize> = members.iter().map(|at| labels[*at]).collect();
                labels.iter_mut().filter(|label| known.contains(label)).for_each(|label| *label = known[0]);
            }
            for (a, b) in (0..12).flat_map(|a| (0..12).map(move |b| (a, b))) {
                let is_one = families.family(&digests[a]) == families.family(&digests[b]);
                prop_assert_eq!(is_one, labels[a] == labels[b], "{} {}", a, b);
            }
        }
    }
}
