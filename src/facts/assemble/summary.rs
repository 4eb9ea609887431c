//! The counts over a whole document.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::count;
use crate::facts::document::{Finding, Image, Layer, LayerSummary, Manifest, Summary, Variant};
use crate::image::Digest;
use crate::vocabulary::{ImageStatus, Severity};

/// Counts. The same function tells `validate` what a document's summary must be, and counts what `show` selects.
pub(crate) fn summarize(images: &[Box<Image>], manifests: &[Manifest], findings: &[Finding]) -> Summary {
    let mut tally = LayerTally::of(images);
    for manifest in manifests {
        let layers = manifest.layers.iter().flatten();
        tally.add(&manifest.digest, layers.map(LayerTally::mark));
    }
    tally.summary(findings)
}

/// Counts manifests and their layers, one after the other.
pub(crate) struct LayerTally<'a> {
    images: &'a [Box<Image>],
    /// the manifests of the variants of all images. What only runs, and is not what a reference names any more, is left
    /// out: it would be in the sum of what is there once, but not in the sum of what is referenced.
    wanted: HashSet<&'a Digest>,
    manifests: u64,
    /// a tree, as a table of so many would take the room of two whenever it grows
    layers: BTreeMap<u64, u64>,
}

/// A layer by its digest's fingerprint, with its bytes.
pub(crate) type LayerMark = (u64, u64);

impl<'a> LayerTally<'a> {
    /// Nothing is counted yet of the manifests of `images`.
    pub(crate) fn of(images: &'a [Box<Image>]) -> Self {
        let wanted = variants(images).map(|variant| &variant.digest).collect();
        Self { images, wanted, manifests: 0, layers: BTreeMap::new() }
    }

    /// What is counted of a layer.
    pub(crate) fn mark(layer: &Layer) -> LayerMark {
        (layer.digest.fingerprint(), layer.size.unwrap_or(0))
    }

    /// Counts a manifest with its layers.
    pub(crate) fn add(&mut self, manifest: &Digest, layers: impl IntoIterator<Item = LayerMark>) {
        self.manifests += 1;
        if self.wanted.contains(manifest) {
            self.layers.extend(layers);
        }
    }

    /// The counts over everything.
    pub(crate) fn summary(self, findings: &[Finding]) -> Summary {
        let Self { images, manifests, layers, .. } = self;
        let of_status = |status| count(images.iter().filter(|image| image.status == status));
        let repositories: BTreeSet<_> = images
            .iter()
            .filter_map(|image| Some((image.registry.as_deref()?, image.repository.as_deref()?)))
            .collect();
        let mut errors_by_class = BTreeMap::new();
        for error in images.iter().flat_map(|image| image.errors.iter().flatten()) {
            *errors_by_class.entry(error.class.as_str().to_owned()).or_insert(0) += 1;
        }
        let of_severity = |severity: &Severity| count(findings.iter().filter(|finding| finding.severity == *severity));
        Summary {
            references: count(images.iter()),
            resolved: of_status(ImageStatus::Resolved),
            partial: of_status(ImageStatus::Partial),
            failed: of_status(ImageStatus::Failed),
            unqueried: of_status(ImageStatus::Unqueried),
            repositories: count(repositories.iter()),
            distinct_manifests: manifests,
            layers: LayerSummary {
                distinct: count(layers.keys()),
                compressed_bytes: layers.values().fold(0, |sum, size| sum.saturating_add(*size)),
                referenced_bytes: variants(images).fold(0, |sum, variant| sum.saturating_add(variant.compressed_bytes)),
            },
            errors_by_class,
            findings_by_severity: Severity::ALL.iter().map(|s| (s.as_str().to_owned(), of_severity(s))).collect(),
        }
    }
}

fn variants(images: &[Box<Image>]) -> impl Iterator<Item = &Variant> {
    images.iter().flat_map(|image| image.variants.iter().flatten())
}
