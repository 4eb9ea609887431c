//! `images[]`: each reference with what the cluster and its registry know of it.

use std::collections::{BTreeMap, BTreeSet};

use super::on_nodes::NodeImages;
use super::{readable, usage};
use crate::cluster::inventory::{ImageName, ImageUse};
use crate::facts::document::{Access, Image, ImageError, Many, Resolved, Time, Variant};
use crate::image::{Digest, Failure, ImageOutline, Outline, Reference};
use crate::resolve::{self, Answer, Resolution};
use crate::vocabulary::{AccessOutcome, ErrorClass, ErrorStage, ImageStatus};

/// The images, sorted by reference, and which of the nodes' images they are.
pub(super) fn images(
    uses: BTreeMap<ImageName, Box<ImageUse>>,
    mut resolution: Option<&mut Resolution>,
    node_images: &NodeImages<'_>,
    cluster_fallback: bool,
) -> (Many<Image>, BTreeSet<usize>) {
    let mut used = BTreeSet::new();
    // What an image was made of is let go at once: thousands of images stand in memory once, not twice.
    let mut images: Many<Image> = uses
        .into_iter()
        .map(|(name, usage)| match name {
            ImageName::Invalid(text) => invalid(&text, &usage),
            ImageName::Valid(reference) => {
                let found = node_images.find(&reference, &digests_of(&reference, &usage, resolution.as_deref()));
                let mut image = valid(&reference, &usage, resolution.as_deref());
                drop(resolution.as_mut().map(|resolution| resolution.answers.remove(&reference)));
                image.on_nodes = node_images.on_nodes(&found);
                used.extend(found);
                if image.status == ImageStatus::Failed && !cluster_fallback {
                    image = Image { running: None, waiting: None, on_nodes: None, ..image };
                }
                image
            }
        })
        .map(Box::new)
        .collect();
    images.sort_unstable_by(|a, b| a.reference.cmp(&b.reference));
    (images, used)
}

fn invalid(text: &str, usage: &ImageUse) -> Image {
    let why = Reference::parse(text).err().map_or_else(String::new, |error| error.to_string());
    let failure = Failure::unsent(ErrorStage::Reference, ErrorClass::InvalidReference, why);
    Image {
        errors: Some(errors(&[failure])),
        status: ImageStatus::Failed,
        ..from_cluster(text.to_owned(), usage, None)
    }
}

fn valid(reference: &Reference, usage: &ImageUse, resolution: Option<&Resolution>) -> Image {
    let answer = resolution.and_then(|resolution| resolution.answers.get(reference)).map(Box::as_ref);
    let image = Image {
        registry: Some(reference.registry().to_owned()),
        repository: Some(reference.repository().path().to_owned()),
        tag: reference.tag().map(str::to_owned),
        digest: reference.digest().cloned(),
        ..from_cluster(reference.to_string(), usage, answer)
    };
    match (resolution, answer) {
        (None, _) => image,
        (Some(resolution), Some(answer)) => with_answer(image, resolution, answer),
        // The run ended before its turn came.
        (Some(_), None) => {
            let message = format!("{reference} was not asked for: the run ended before its turn came");
            let failure = Failure::unsent(ErrorStage::Manifest, ErrorClass::Canceled, message);
            Image { status: ImageStatus::Failed, errors: Some(errors(&[failure])), ..image }
        }
    }
}

fn with_answer(image: Image, resolution: &Resolution, answer: &Answer) -> Image {
    Image {
        status: answer.status,
        resolved: answer.named.as_ref().map(|named| Resolved {
            digest: named.digest.clone(),
            via: named.via,
            endpoint: named.endpoint.clone(),
            as_of: named.as_of.map(Time),
        }),
        variants: answer.named.is_some().then(|| variants(resolution, answer)),
        access: Some(answer.access.iter().map(access).collect()),
        errors: Some(errors(&answer.failures)),
        ..image
    }
}

/// What the cluster knows of an image.
fn from_cluster(reference: String, usage: &ImageUse, answer: Option<&Answer>) -> Image {
    Image {
        reference,
        registry: None,
        repository: None,
        tag: None,
        digest: None,
        written_as: usage.written_as.iter().cloned().collect(),
        status: ImageStatus::Unqueried,
        resolved: None,
        variants: None,
        running: Some(usage::running(&usage.running, answer)),
        used_by: usage::used_by(usage),
        access: None,
        waiting: Some(usage::waiting(&usage.waiting)),
        pulls: usage.pulls.as_deref().map(usage::pulls),
        on_nodes: None,
        errors: None,
    }
}

/// The wanted platforms' manifests that were read, sorted by platform.
fn variants(resolution: &Resolution, answer: &Answer) -> Vec<Variant> {
    let mut variants: Vec<Variant> = answer
        .variants
        .iter()
        .filter_map(|variant| {
            let (compressed_bytes, layers) = size(&resolution.documents.get(&variant.digest)?.outline);
            let (platform, digest) = (readable(&variant.platform)?, variant.digest.clone());
            Some(Variant { platform, digest, compressed_bytes, layers })
        })
        .collect();
    variants.sort_unstable_by(|a, b| (&a.platform, &a.digest).cmp(&(&b.platform, &b.digest)));
    variants.dedup();
    variants
}

/// Bytes and number of the layers; Docker schema 1 tells no sizes.
fn size(outline: &Outline) -> (u64, u64) {
    let (bytes, layers) = match outline {
        Outline::Image(ImageOutline { layers, .. }) | Outline::Artifact(layers) => {
            (layers.compressed_bytes, layers.count)
        }
        Outline::Legacy { layers, .. } => (0, *layers),
        Outline::Index(_) => (0, 0),
    };
    (bytes, u64::try_from(layers).unwrap_or(u64::MAX))
}

/// In the order in which they were tried.
fn access(access: &resolve::Access) -> Access {
    Access {
        source: access.source,
        name: access.name.clone(),
        namespaces: access.namespaces.iter().cloned().collect(),
        kubelet: access.kubelet,
        outcome: access.outcome,
        class: access.class.filter(|_| access.outcome == AccessOutcome::Refused),
    }
}

fn errors(failures: &[Failure]) -> Vec<ImageError> {
    let mut failures: Vec<&Failure> = failures.iter().collect();
    failures.sort_unstable();
    failures
        .into_iter()
        .map(|failure| ImageError {
            stage: failure.stage,
            class: failure.class,
            platform: failure.platform.as_ref().and_then(readable),
            endpoint: failure.endpoint.clone(),
            http_status: failure.http_status,
            message: failure.message.clone(),
            attempts: failure.attempts,
            retry_after_seconds: failure.retry_after_seconds,
        })
        .collect()
}

/// Every digest by which a node may know the image.
fn digests_of<'a>(
    reference: &'a Reference,
    usage: &'a ImageUse,
    resolution: Option<&'a Resolution>,
) -> BTreeSet<&'a Digest> {
    let mut digests: BTreeSet<&Digest> = usage.running.keys().chain(reference.digest()).collect();
    let Some(resolution) = resolution else { return digests };
    let Some(answer) = resolution.answers.get(reference) else { return digests };
    digests.extend(answer.named.as_ref().map(|named| &named.digest));
    for variant in &answer.variants {
        digests.insert(&variant.digest);
        let looked = resolution.documents.get(&variant.digest);
        digests.extend(looked.and_then(|looked| looked.config_digest()));
    }
    digests
}
