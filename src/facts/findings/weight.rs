//! What weighs: slow pulls, large images, and manifests of a time gone by.

use super::evidence::{Evidence, Large, Legacy, SlowPull};
use super::{Draft, View, short};
use crate::image::Outline;
use crate::resolve::{Looked, Variant};
use crate::vocabulary::FindingCode;

/// A pull that takes longer is slow.
const SLOW_SECONDS: f64 = 60.0;
/// An image of more bytes, compressed, is large.
const LARGE_BYTES: u64 = 2 << 30;

/// `slow-pull`, `legacy-manifest` and `large-image`.
pub(super) fn find(view: &View<'_>) -> Vec<Draft> {
    [slow(view), legacy(view), large(view)].into_iter().flatten().collect()
}

fn slow(view: &View<'_>) -> Option<Draft> {
    let pulls = view.usage.pulls.as_ref()?;
    let (seconds, example) = pulls.slowest.as_ref().filter(|(seconds, _)| *seconds > SLOW_SECONDS)?;
    let reference = view.reference?;
    let (registry, node) = (reference.registry(), example.node.as_deref());
    let on = node.map(|node| format!(" on {node}")).unwrap_or_default();
    Some(Draft {
        code: FindingCode::SlowPull,
        message: format!("a pull{on} took {seconds:.0} s: a pod that starts there waits as long"),
        remedy: Some(format!(
            "{}, name a mirror of {registry} near by in /etc/containerd/certs.d/{registry}/hosts.toml",
            node.map_or_else(|| "on each node".to_owned(), |node| format!("on {node}"))
        )),
        subjects: view.subjects(),
        examples: [example.clone()].into(),
        seen: Some((pulls.from, pulls.to)),
        evidence: Evidence::SlowPull(SlowPull {
            seconds: *seconds,
            compressed_bytes: largest(view).map(|(_, _, bytes)| bytes),
        }),
    })
}

fn legacy(view: &View<'_>) -> Option<Draft> {
    let digest = &view.answer?.named.as_ref()?.digest;
    let looked = view.resolution?.documents.get(digest)?;
    let (Outline::Legacy { .. }, Some(reference)) = (&*looked.outline, view.reference) else { return None };
    Some(Draft {
        code: FindingCode::LegacyManifest,
        message: "the manifest is Docker schema 1, which containerd 2 no longer pulls".to_owned(),
        remedy: Some(format!("skopeo copy --format v2s2 docker://{reference} docker://{reference}")),
        subjects: view.subjects(),
        examples: view.running_examples(),
        seen: None,
        evidence: Evidence::Legacy(Legacy { digest: digest.clone(), media_type: looked.media_type.clone() }),
    })
}

fn large(view: &View<'_>) -> Option<Draft> {
    let (variant, looked, bytes) = largest(view).filter(|(_, _, bytes)| *bytes > LARGE_BYTES)?;
    let (_, layer, layer_bytes) = looked.outline.layers()?.largest.as_ref()?;
    let made_by = looked.config.as_ref().and_then(|config| config.largest_by.clone());
    let remedy = match &made_by {
        Some(step) => {
            format!("take out of the image what its largest layer ({}) adds: {}", size(*layer_bytes), short(step, 100))
        }
        None => format!("take out of the image what its largest layer ({}) adds: {layer}", size(*layer_bytes)),
    };
    Some(Draft {
        code: FindingCode::LargeImage,
        message: format!(
            "{} compressed for {}: each node that runs it must load as much",
            size(bytes),
            variant.platform
        ),
        remedy: Some(remedy),
        subjects: view.subjects(),
        examples: view.running_examples(),
        seen: None,
        evidence: Evidence::Large(Large {
            platform: variant.platform.clone(),
            compressed_bytes: bytes,
            largest_layer_bytes: *layer_bytes,
            largest_layer_by: made_by,
        }),
    })
}

/// The variant with the most bytes; of equals the first by platform.
fn largest<'a>(view: &View<'a>) -> Option<(&'a Variant, &'a Looked, u64)> {
    let resolution = view.resolution?;
    let sized = view.answer?.variants.iter().filter_map(|variant| {
        let looked = resolution.documents.get(&variant.digest)?;
        match &*looked.outline {
            Outline::Image(image) => Some((variant, looked, image.layers.compressed_bytes)),
            _ => None,
        }
    });
    sized.max_by(|a, b| (a.2, b.0).cmp(&(b.2, a.0)))
}

fn size(bytes: u64) -> String {
    bytesize::ByteSize::b(bytes).display().iec().to_string()
}
