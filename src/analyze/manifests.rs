//! The documents of `manifests[]` by digest.

use std::collections::BTreeMap;

use crate::facts::document::{Image, ImageFacts, Layer, Manifest, Variant};
use crate::image::Digest;

/// Finds the manifests of images.
pub(super) struct Manifests<'a>(BTreeMap<&'a Digest, &'a Manifest>);

impl<'a> Manifests<'a> {
    pub(super) fn of(facts: &'a ImageFacts) -> Self {
        Self(facts.manifests.iter().map(|manifest| (&manifest.digest, manifest)).collect())
    }

    pub(super) fn get(&self, digest: &Digest) -> Option<&'a Manifest> {
        self.0.get(digest).copied()
    }

    /// An image's platforms with their manifests; those that are not in the document are left out.
    pub(super) fn variants(&self, image: &'a Image) -> impl Iterator<Item = (&'a Variant, &'a Manifest)> {
        image.variants.iter().flatten().filter_map(|variant| Some((variant, self.get(&variant.digest)?)))
    }

    /// The layers of all of an image's platforms, each once, with their bytes.
    pub(super) fn layers(&self, image: &'a Image) -> BTreeMap<&'a Digest, u64> {
        self.variants(image)
            .flat_map(|(_, manifest)| layers(manifest))
            .map(|layer| (&layer.digest, bytes(layer)))
            .collect()
    }
}

/// A manifest's layers, lowest first.
pub(super) fn layers(manifest: &Manifest) -> &[Layer] {
    manifest.layers.as_deref().unwrap_or_default()
}

/// A layer's bytes; Docker schema 1 does not tell them, and they count as none.
pub(super) fn bytes(layer: &Layer) -> u64 {
    layer.size.unwrap_or(0)
}

/// A sum that stops at the greatest number: sizes come from registries, which may say anything.
pub(super) fn sum(bytes: impl IntoIterator<Item = u64>) -> u64 {
    bytes.into_iter().fold(0, u64::saturating_add)
}
