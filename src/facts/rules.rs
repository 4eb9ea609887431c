//! What a schema cannot say of a document: order, references within it, sums.

use std::collections::BTreeSet;
use std::fmt::Arguments;

use super::assemble::summarize;
use super::document::{Finding, ImageFacts};
use super::validate::Violation;
use crate::image::Digest;

/// Where the document breaks its own rules.
pub(super) fn violations(facts: &ImageFacts) -> Vec<Violation> {
    let mut found = Vec::new();
    sorted(format_args!("/manifests"), &facts.manifests, |manifest| &manifest.digest, &mut found);
    found.extend(violations_beside(facts, &facts.manifests.iter().map(|manifest| &manifest.digest).collect()));
    if summarize(&facts.images, &facts.manifests, &facts.findings) != facts.summary {
        found.push(Violation {
            path: "/summary".to_owned(),
            message: "it does not count what the document holds".to_owned(),
        });
    }
    found
}

/// The same but for what only the manifests themselves can break; their digests are `manifests`.
pub(super) fn violations_beside<M>(facts: &ImageFacts<M>, manifests: &BTreeSet<&Digest>) -> Vec<Violation> {
    let mut found = Vec::new();
    sorted(format_args!("/nodes"), facts.nodes.as_deref().unwrap_or_default(), |node| &node.name, &mut found);
    sorted(format_args!("/images"), &facts.images, |image| &image.reference, &mut found);
    sorted(format_args!("/findings"), &facts.findings, identity, &mut found);
    sorted(format_args!("/gaps"), &facts.gaps, |gap| gap, &mut found);
    sorted(format_args!("/run/registries"), &facts.run.registries, |registry| &registry.host, &mut found);
    for (at, image) in facts.images.iter().enumerate() {
        let variants = image.variants.as_deref().unwrap_or_default();
        let path = format_args!("/images/{at}/variants");
        sorted(path, variants, |variant| (&variant.platform, &variant.digest), &mut found);
        let running = image.running.as_deref().unwrap_or_default();
        sorted(format_args!("/images/{at}/running"), running, |running| &running.digest, &mut found);
    }
    found.extend(twice(facts));
    found.extend(dangling(facts, manifests));
    found
}

/// Normalized references that stand twice. Invalid ones may: masked, two of them can look the same.
fn twice<M>(facts: &ImageFacts<M>) -> Vec<Violation> {
    let mut seen = BTreeSet::new();
    let valid = facts.images.iter().enumerate().filter(|(_, image)| image.registry.is_some());
    valid
        .filter(|(_, image)| !seen.insert(&image.reference))
        .map(|(at, image)| Violation {
            path: format!("/images/{at}/reference"),
            message: format!("{} stands twice", image.reference),
        })
        .collect()
}

/// Variants and findings that point at nothing.
fn dangling<M>(facts: &ImageFacts<M>, manifests: &BTreeSet<&Digest>) -> Vec<Violation> {
    let images: BTreeSet<_> = facts.images.iter().map(|image| image.reference.as_str()).collect();
    let mut found = Vec::new();
    for (i, image) in facts.images.iter().enumerate() {
        for (v, variant) in image.variants.iter().flatten().enumerate() {
            if !manifests.contains(&variant.digest) {
                let message = format!("{} is not among the manifests", variant.digest);
                found.push(Violation { path: format!("/images/{i}/variants/{v}/digest"), message });
            }
        }
    }
    for (at, finding) in facts.findings.iter().enumerate() {
        if finding.image.as_deref().is_some_and(|image| !images.contains(image)) {
            let message = "it is not among the images".to_owned();
            found.push(Violation { path: format!("/findings/{at}/image"), message });
        }
    }
    found
}

/// What identifies a finding, worst first.
pub(super) fn identity(finding: &Finding) -> impl Ord + use<> {
    let subject = finding.subjects.first().cloned();
    (finding.severity, finding.code.as_str(), finding.image.clone(), subject)
}

/// No element may come before the one before it.
fn sorted<'a, T, K: Ord>(path: Arguments<'_>, elements: &'a [T], key: impl Fn(&'a T) -> K, found: &mut Vec<Violation>) {
    let disorder = elements.windows(2).position(|pair| matches!(pair, [a, b] if key(a) > key(b)));
    if let Some(at) = disorder {
        let message = "it is not sorted".to_owned();
        found.push(Violation { path: format!("{path}/{}", at + 1), message });
    }
}
