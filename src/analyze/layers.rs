//! Which layers images share: the layers themselves, and the bases that lie below several images.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde::Serialize;
use serde_with::skip_serializing_none;

use super::manifests::{Manifests, bytes, layers as layers_of, sum};
use crate::facts::document::{ImageFacts, Layer, LayerSummary, Manifest};
use crate::image::{Digest, Platform};

/// The layers of the wanted platforms' manifests of all images.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Layers {
    /// each layer counted once, and as if nothing were shared
    pub total: LayerSummary,
    /// the layers that lie lowest in several images, those that save most first
    pub bases: Vec<Base>,
    /// every layer once, those in most images first, then the largest
    pub layers: Vec<SharedLayer>,
}

/// The longest row of lowest layers that the same images share.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Base {
    /// the base image's name, where all images that tell one tell the same
    pub name: Option<String>,
    /// the platform
    pub platform: Platform,
    /// lowest first
    pub layers: Vec<Digest>,
    /// of these layers together
    pub compressed_bytes: u64,
    /// the references of the images on it, sorted
    pub images: Vec<String>,
}

/// A layer and the images that have it.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SharedLayer {
    /// of the layer as stored
    pub digest: Digest,
    /// bytes as stored; absent for Docker schema 1
    pub size: Option<u64>,
    /// the instruction that made it
    pub created_by: Option<String>,
    /// the references of the images that have it, sorted
    pub images: Vec<String>,
}

/// A manifest for a platform, and the reference that it belongs to.
type Stack<'a> = (&'a str, &'a Platform, &'a Manifest);

/// Computes which layers the images of `facts` share.
pub fn layers(facts: &ImageFacts) -> Layers {
    let manifests = Manifests::of(facts);
    let stacks: Vec<Stack<'_>> = facts
        .images
        .iter()
        .flat_map(|image| {
            manifests.variants(image).map(|(v, manifest)| (image.reference.as_str(), &v.platform, manifest))
        })
        .collect();
    let layers = shared(&stacks);
    let total = LayerSummary {
        distinct: u64::try_from(layers.len()).unwrap_or(u64::MAX),
        compressed_bytes: sum(layers.iter().filter_map(|layer| layer.size)),
        referenced_bytes: sum(stacks.iter().flat_map(|(_, _, manifest)| layers_of(manifest)).map(bytes)),
    };
    Layers { total, bases: bases(&stacks), layers }
}

fn shared(stacks: &[Stack<'_>]) -> Vec<SharedLayer> {
    let mut by_digest: BTreeMap<&Digest, (&Layer, BTreeSet<&str>)> = BTreeMap::new();
    for (reference, _, manifest) in stacks {
        for layer in layers_of(manifest) {
            by_digest.entry(&layer.digest).or_insert_with(|| (layer, BTreeSet::new())).1.insert(reference);
        }
    }
    let layer = |(layer, images): (&Layer, BTreeSet<&str>)| SharedLayer {
        digest: layer.digest.clone(),
        size: layer.size,
        created_by: layer.created_by.clone(),
        images: owned(&images),
    };
    let mut layers: Vec<_> = by_digest.into_values().map(layer).collect();
    layers.sort_unstable_by(|a, b| (b.images.len(), b.size, &a.digest).cmp(&(a.images.len(), a.size, &b.digest)));
    layers
}

/// Rows of lowest layers as a tree: each step adds one layer. Steps are found by the step before and the layer.
#[derive(Default)]
struct Tree<'a> {
    found: HashMap<(Option<usize>, &'a Digest), usize>,
    steps: Vec<Step>,
}

/// A row of lowest layers.
#[derive(Default)]
struct Step {
    height: usize,
    /// the stacks that begin with it, by their places
    stacks: Vec<usize>,
    /// whether a longer row lies below just as many
    goes_on: bool,
}

impl<'a> Tree<'a> {
    fn add(&mut self, stack: usize, layers: &'a [Layer]) {
        let mut before = None;
        for (below, layer) in layers.iter().enumerate() {
            let at = *self.found.entry((before, &layer.digest)).or_insert(self.steps.len());
            if at == self.steps.len() {
                self.steps.push(Step { height: below + 1, ..Step::default() });
            }
            if let Some(step) = self.steps.get_mut(at) {
                step.stacks.push(stack);
            }
            before = Some(at);
        }
    }

    /// The rows that no longer row shares with as many.
    fn ends(mut self) -> impl Iterator<Item = Step> {
        for ((before, _), at) in &self.found {
            let longer = self.steps.get(*at).map_or(0, |step| step.stacks.len());
            if let Some(step) = before.and_then(|before| self.steps.get_mut(before)) {
                step.goes_on |= step.stacks.len() == longer;
            }
        }
        self.steps.into_iter().filter(|step| !step.goes_on)
    }
}

fn bases(stacks: &[Stack<'_>]) -> Vec<Base> {
    let mut tree = Tree::default();
    for (at, (_, _, manifest)) in stacks.iter().enumerate() {
        tree.add(at, layers_of(manifest));
    }
    let mut bases: Vec<Base> = tree.ends().filter_map(|row| base(stacks, &row)).collect();
    bases.sort_by(|a, b| (b.saved(), &a.images, &a.platform).cmp(&(a.saved(), &b.images, &b.platform)));
    bases
}

/// `None` when one image alone has these layers.
fn base(stacks: &[Stack<'_>], row: &Step) -> Option<Base> {
    let on = || row.stacks.iter().filter_map(|at| stacks.get(*at));
    let images: BTreeSet<&str> = on().map(|(reference, _, _)| *reference).collect();
    let (_, platform, manifest) = on().next().filter(|_| images.len() > 1)?;
    let names: BTreeSet<&String> = on().filter_map(|(_, _, m)| m.build.as_ref()?.base_name.as_ref()).collect();
    let layers = || layers_of(manifest).iter().take(row.height);
    Some(Base {
        name: names.first().filter(|_| names.len() == 1).map(ToString::to_string),
        platform: (*platform).clone(),
        layers: layers().map(|layer| layer.digest.clone()).collect(),
        compressed_bytes: sum(layers().map(bytes)),
        images: owned(&images),
    })
}

impl Base {
    /// Bytes that are not stored again because the base is shared.
    pub fn saved(&self) -> u64 {
        let again = u64::try_from(self.images.len()).unwrap_or(u64::MAX).saturating_sub(1);
        self.compressed_bytes.saturating_mul(again)
    }
}

fn owned(references: &BTreeSet<&str>) -> Vec<String> {
    references.iter().map(|reference| (*reference).to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::fixture;

    /// Three images on one base, of which two share a layer more, and one image for itself.
    fn facts() -> ImageFacts {
        let mut facts = fixture::Builder::default();
        facts.image("a", &[("os", 100), ("libs", 40), ("a", 1)]);
        facts.image("b", &[("os", 100), ("libs", 40), ("b", 2)]);
        facts.image("c", &[("os", 100), ("c", 4)]);
        facts.image("d", &[("d", 8)]);
        facts.finish()
    }

    #[test]
    fn each_layer_is_counted_once() {
        let layers = layers(&facts());
        let total =
            LayerSummary { distinct: 6, compressed_bytes: 100 + 40 + 15, referenced_bytes: 3 * 100 + 2 * 40 + 15 };
        assert_eq!(layers.total, total);
        let rows: Vec<_> = layers.layers.iter().map(|layer| (layer.size.unwrap(), layer.images.len())).collect();
        assert_eq!(rows, [(100, 3), (40, 2), (8, 1), (4, 1), (2, 1), (1, 1)]);
    }

    #[test]
    fn a_base_is_what_lies_below_several() {
        let bases = layers(&facts()).bases;
        let rows: Vec<_> = bases.iter().map(|base| (base.layers.len(), base.compressed_bytes, base.saved())).collect();
        assert_eq!(rows, [(1, 100, 200), (2, 140, 140)]);
        assert_eq!(bases[1].images, ["ghcr.io/acme/a:1", "ghcr.io/acme/b:1"]);
    }

    #[test]
    fn the_same_layers_in_another_order_are_no_base() {
        let mut facts = fixture::Builder::default();
        facts.image("a", &[("one", 1), ("two", 2)]);
        facts.image("b", &[("two", 2), ("one", 1)]);
        assert!(layers(&facts.finish()).bases.is_empty());
    }
}
