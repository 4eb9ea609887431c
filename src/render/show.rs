//! What `show` shows: a page, images, findings, layers; worst first.

use std::collections::BTreeMap;

use super::{SHORTEST_REFERENCE, add_line, first, number, rank, reference, short, subject};
use crate::analyze::{Filter, Layers, SharedLayer};
use crate::facts::document::{Finding, Image, ImageFacts};
use crate::facts::text::summary_text;
use crate::text::{clean, columns, count, keep_end, keep_start, shorten, size};
use crate::vocabulary::{Role, Severity};

/// A subject is not cut shorter than this.
const SHORTEST_SUBJECT: usize = 16;
/// How many images of a base are named.
const MOST_IMAGES: usize = 5;

/// A page for a person who is in a hurry. `filter` is what `facts` were selected by.
pub fn page(facts: &ImageFacts, filter: &Filter) -> String {
    let mut text = String::new();
    if *filter != Filter::default() {
        add_line(&mut text, 0, &format!("Only {filter}:"), 80);
        text.push('\n');
    }
    text + &summary_text(facts)
}

/// A row for each image, those with the worst findings first.
pub fn images(facts: &ImageFacts, width: usize) -> String {
    let mut found: BTreeMap<&str, Vec<&Finding>> = BTreeMap::new();
    for finding in &facts.findings {
        found.entry(finding.image.as_deref().unwrap_or_default()).or_default().push(finding);
    }
    let found = |image: &Image| found.get(image.reference.as_str()).map(Vec::as_slice).unwrap_or_default();
    let worst = |image: &Image| found(image).iter().map(|finding| finding.severity).min();
    let mut images: Vec<&Image> = facts.images.iter().map(Box::as_ref).collect();
    // Severities are listed worst first, so that none comes last.
    images.sort_by_key(|image| (worst(image).is_none(), worst(image), rank(image.status), &image.reference));

    let mut rows = vec![["REFERENCE", "STATUS", "SIZE", "PODS", "FINDINGS"].map(str::to_owned).to_vec()];
    rows.extend(images.iter().map(|image| image_row(image, found(image))));
    shorten(&mut rows, (0, SHORTEST_REFERENCE), keep_end, width);
    let summary = &facts.summary;
    columns(&rows)
        + &format!(
            "\n{}: {} resolved, {} partial, {} failed, {} not asked for\n",
            count(summary.references, "image"),
            summary.resolved,
            summary.partial,
            summary.failed,
            summary.unqueried
        )
}

/// The size is that of the largest of the image's platforms.
fn image_row(image: &Image, findings: &[&Finding]) -> Vec<String> {
    let unknown = || "-".to_owned();
    let largest = image.variants.iter().flatten().map(|variant| variant.compressed_bytes).max();
    let current = image.used_by.iter().filter(|user| user.role == Role::Current);
    vec![
        reference(&image.reference),
        image.status.to_string(),
        largest.map_or_else(unknown, size),
        current.map(|user| user.pods).fold(0, u64::saturating_add).to_string(),
        first(findings.iter().map(|finding| finding.code.to_string())).unwrap_or_else(unknown),
    ]
}

/// A row for each finding.
pub fn findings(facts: &ImageFacts, width: usize) -> String {
    let mut rows = vec![["SEVERITY", "CODE", "IMAGE", "SUBJECT"].map(str::to_owned).to_vec()];
    rows.extend(facts.findings.iter().map(finding_row));
    shorten(&mut rows, (2, SHORTEST_REFERENCE), keep_end, width);
    shorten(&mut rows, (3, SHORTEST_SUBJECT), keep_end, width);
    let of = |severity| number(facts.findings.iter().filter(|finding| finding.severity == severity).count());
    columns(&rows)
        + &format!(
            "\n{}: {}, {}, {} info\n",
            count(number(facts.findings.len()), "finding"),
            count(of(Severity::Error), "error"),
            count(of(Severity::Warning), "warning"),
            of(Severity::Info)
        )
}

/// Severity, code, image and subject.
pub(super) fn finding_row(finding: &Finding) -> Vec<String> {
    let unknown = || "-".to_owned();
    vec![
        finding.severity.to_string(),
        finding.code.to_string(),
        finding.image.as_deref().map_or_else(unknown, reference),
        first(finding.subjects.iter().map(subject)).unwrap_or_else(unknown),
    ]
}

/// The bases that images share, then the layers.
pub fn layers(layers: &Layers, width: usize) -> String {
    let total = layers.total;
    let mut text = format!(
        "{}, {} compressed; {} if none were shared\n",
        count(total.distinct, "layer"),
        size(total.compressed_bytes),
        size(total.referenced_bytes)
    );
    add_bases(&mut text, layers, width);
    let (shared, single): (Vec<_>, Vec<_>) = layers.layers.iter().partition(|layer| layer.images.len() > 1);
    if !shared.is_empty() {
        let mut rows = vec![["LAYER", "SIZE", "IMAGES", "SAVED", "MADE BY"].map(str::to_owned).to_vec()];
        rows.extend(shared.into_iter().map(layer_row));
        shorten(&mut rows, (4, SHORTEST_REFERENCE), keep_start, width);
        text.push_str(&format!("\nShared layers\n\n{}", columns(&rows)));
    }
    let bytes = single.iter().filter_map(|layer| layer.size).fold(0, u64::saturating_add);
    let single = count(number(single.len()), "layer");
    text + &format!("\n{single} of one image only, {}\n", size(bytes))
}

fn add_bases(text: &mut String, layers: &Layers, width: usize) {
    if !layers.bases.is_empty() {
        text.push_str("\nShared bases, those that save most first\n");
    }
    for base in &layers.bases {
        let name = base.name.clone().or_else(|| base.layers.last().map(short)).unwrap_or_default();
        let images = number(base.images.len());
        let heights = count(number(base.layers.len()), "layer");
        let (bytes, saved) = (size(base.compressed_bytes), size(base.saved()));
        text.push('\n');
        add_line(text, 0, &format!("{name} ({}): {heights}, {bytes}", base.platform), width);
        add_line(text, 2, &format!("below {}, which saves {saved}:", count(images, "image")), width);
        for image in base.images.iter().take(MOST_IMAGES) {
            add_line(text, 4, image, width);
        }
        if let Some(more) = base.images.len().checked_sub(MOST_IMAGES).filter(|more| *more > 0) {
            add_line(text, 4, &format!("and {more} more"), width);
        }
    }
}

fn layer_row(layer: &SharedLayer) -> Vec<String> {
    let unknown = || "-".to_owned();
    let again = number(layer.images.len()).saturating_sub(1);
    vec![
        short(&layer.digest),
        layer.size.map_or_else(unknown, size),
        layer.images.len().to_string(),
        layer.size.map_or_else(unknown, |bytes| size(bytes.saturating_mul(again))),
        layer.created_by.as_deref().map_or_else(unknown, |made_by| clean(made_by).into_owned()),
    ]
}
