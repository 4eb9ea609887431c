//! Which of the digests that run name one image.

use indexmap::{IndexMap, IndexSet};

use super::View;
use crate::image::{Digest, Outline};
use crate::resolve::Resolution;

/// The running digests, those of one image together: an index, its manifests, and their configs are one image.
///
/// An index may name tens of thousands of manifests, and hundreds of digests may run: each is gone over once.
pub(super) fn groups<'a>(view: &View<'a>) -> Vec<Vec<&'a Digest>> {
    let running = &view.usage.running;
    let named = view.answer.and_then(|answer| Some(&answer.named.as_ref()?.digest));
    let mut families = Families::default();
    for digest in running.keys() {
        let matches = view.answer.and_then(|answer| answer.running.get(digest)?.matches_resolved) == Some(true);
        let config = view.resolution.and_then(|resolution| config_of(resolution, digest));
        families.join([digest].into_iter().chain(named.filter(|_| matches)).chain(config));
    }
    for index in running.keys().chain(named) {
        let members = || view.resolution.into_iter().flat_map(|resolution| members(resolution, index));
        // What the reference names says nothing of digests that are no part of it.
        if members().any(|member| running.contains_key(member)) {
            families.join(members());
        }
    }
    let mut groups: IndexMap<usize, Vec<&Digest>> = IndexMap::new();
    for digest in running.keys() {
        groups.entry(families.of(digest)).or_default().push(digest);
    }
    groups.into_values().collect()
}

/// An index, the manifests that it names, and the configs of those that were read.
fn members<'a>(resolution: &'a Resolution, index: &'a Digest) -> impl Iterator<Item = &'a Digest> {
    let entries = match resolution.documents.get(index).map(|looked| &*looked.outline) {
        Some(Outline::Index(index)) => index.entries.as_slice(),
        _ => &[],
    };
    let of_entry = |manifest| [manifest].into_iter().chain(config_of(resolution, manifest));
    [index].into_iter().chain(entries.iter().flat_map(move |entry| of_entry(&entry.descriptor.digest)))
}

fn config_of<'a>(resolution: &'a Resolution, manifest: &Digest) -> Option<&'a Digest> {
    resolution.documents.get(manifest)?.config_digest()
}

/// Digests, each of one family: a forest, in which each points at one of its family that was there before it, or at itself.
#[derive(Default)]
struct Families<'a> {
    digests: IndexSet<&'a Digest>,
    elders: Vec<usize>,
}

impl<'a> Families<'a> {
    /// Says that all of `digests` are of one family.
    fn join(&mut self, digests: impl Iterator<Item = &'a Digest>) {
        let mut family = None;
        for digest in digests {
            let of_it = self.of(digest);
            let of_all = family.unwrap_or(of_it);
            let (elder, younger) = (of_all.min(of_it), of_all.max(of_it));
            self.elders[younger] = elder;
            family = Some(elder);
        }
    }

    /// The family of `digest`, told by the place of its eldest.
    fn of(&mut self, digest: &'a Digest) -> usize {
        let (mut at, is_new) = self.digests.insert_full(digest);
        if is_new {
            self.elders.push(at);
        }
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
            let (mut families, mut labels) = (Families::default(), Vec::from_iter(0..12));
            for members in &joined {
                families.join(members.iter().map(|at| &digests[*at]));
                let known: Vec<usize> = members.iter().map(|at| labels[*at]).collect();
                labels.iter_mut().filter(|label| known.contains(label)).for_each(|label| *label = known[0]);
            }
            for (a, b) in (0..12).flat_map(|a| (0..12).map(move |b| (a, b))) {
                let is_one = families.of(&digests[a]) == families.of(&digests[b]);
                prop_assert_eq!(is_one, labels[a] == labels[b], "{} {}", a, b);
            }
        }
    }
}
