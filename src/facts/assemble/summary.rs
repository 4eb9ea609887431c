//! The counts over a whole document.

use std::collections::{BTreeMap, BTreeSet};

use super::count;
use crate::facts::document::{Finding, Image, LayerSummary, Manifest, Summary};
use crate::vocabulary::{ImageStatus, Severity};

/// Counts. The same function tells `validate` what a document's summary must be, and counts what `show` selects.
pub(crate) fn summarize(images: &[Image], manifests: &[Manifest], findings: &[Finding]) -> Summary {
    let of_status = |status| count(images.iter().filter(|image| image.status == status));
    let repositories: BTreeSet<_> =
        images.iter().filter_map(|image| Some((image.registry.as_deref()?, image.repository.as_deref()?))).collect();
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
        distinct_manifests: count(manifests.iter()),
        layers: layers(images, manifests),
        errors_by_class,
        findings_by_severity: Severity::ALL.iter().map(|s| (s.as_str().to_owned(), of_severity(s))).collect(),
    }
}

/// Over the variants of all images. What only runs, and is not what a reference names any more, is left out: it would
/// be in the sum of what is there once, but not in the sum of what is referenced.
fn layers(images: &[Image], manifests: &[Manifest]) -> LayerSummary {
    let variants = || images.iter().flat_map(|image| image.variants.iter().flatten());
    let wanted: BTreeSet<_> = variants().map(|variant| &variant.digest).collect();
    let distinct: BTreeMap<_, u64> = manifests
        .iter()
        .filter(|manifest| wanted.contains(&manifest.digest))
        .flat_map(|manifest| manifest.layers.iter().flatten())
        .map(|layer| (&layer.digest, layer.size.unwrap_or(0)))
        .collect();
    LayerSummary {
        distinct: count(distinct.keys()),
        compressed_bytes: distinct.values().fold(0, |sum, size| sum.saturating_add(*size)),
        referenced_bytes: variants().fold(0, |sum, variant| sum.saturating_add(variant.compressed_bytes)),
    }
}
