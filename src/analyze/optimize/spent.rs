//! What each image costs to hold and to pull.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use serde::Serialize;
use serde_with::skip_serializing_none;

use super::Assumed;
use crate::analyze::users;
use crate::facts::document::{Image, ImageFacts, Pulls, Subject};
use crate::image::Platform;
use crate::vocabulary::Role;

const DAY: u64 = 86_400;
/// API servers keep events for an hour by default, so the absence of others in that hour is known as well: one pull
/// within a minute is no thousand pulls a day.
const EVENTS_ARE_KEPT: u64 = 3_600;

/// An image and what it costs.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Spent {
    /// as in `images[].reference`
    pub reference: String,
    /// who uses it, sorted
    pub used_by: Vec<Subject>,
    /// the nodes that hold it, as they report or as its pods run there; sorted
    pub nodes: Vec<String>,
    /// bytes of its layers, compressed, for the largest of its platforms
    pub compressed_bytes: Option<u64>,
    /// that platform
    pub platform: Option<Platform>,
    /// `basis.pulls` × 86400 ÷ `basis.seconds`
    pub pulls_per_day: Option<f64>,
    /// `compressedBytes` × `basis.pulls` × 86400 ÷ `basis.seconds`: at most, as if nodes had none of its layers before
    pub transferred_bytes_per_day: Option<u64>,
    /// `transferredBytesPerDay` ÷ 2^30 × `costPerGib`
    pub cost_per_day: Option<f64>,
    /// what the pulls are computed from
    pub basis: Option<PullBasis>,
}

/// So many pulls in so many seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PullBasis {
    /// who says so
    pub source: PullSource,
    /// pulls that ended well: `pulls.succeeded`
    pub pulls: u64,
    /// from `pulls.from` to `pulls.to`, and at least 3600
    pub seconds: u64,
}

/// Who says how often an image is pulled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum PullSource {
    /// the cluster's events
    Events,
    /// `--pulls-per-day`
    Assumed,
}

/// All images, those that cost most first: by what is transferred, then by what is held.
pub(super) fn spent(facts: &ImageFacts, assumed: Assumed) -> Vec<Spent> {
    let mut images: Vec<Spent> = facts.images.iter().map(|image| of(image, assumed)).collect();
    images.sort_unstable_by(|a, b| (Reverse(a.weight()), &a.reference).cmp(&(Reverse(b.weight()), &b.reference)));
    images
}

fn of(image: &Image, assumed: Assumed) -> Spent {
    let largest = image.variants.iter().flatten().max_by_key(|variant| variant.compressed_bytes);
    let compressed_bytes = largest.map(|variant| variant.compressed_bytes);
    let basis = pulls(image, assumed);
    let transferred = basis.zip(compressed_bytes).map(|(basis, bytes)| basis.bytes_per_day(bytes));
    Spent {
        reference: image.reference.clone(),
        used_by: users(image),
        nodes: nodes(image),
        compressed_bytes,
        platform: largest.map(|variant| variant.platform.clone()),
        pulls_per_day: basis.map(PullBasis::per_day),
        transferred_bytes_per_day: transferred,
        cost_per_day: transferred.and_then(|bytes| assumed.cost(bytes)),
        basis,
    }
}

fn nodes(image: &Image) -> Vec<String> {
    let reported = image.on_nodes.iter().flat_map(|on| &on.nodes);
    let running = image.running.iter().flatten().flat_map(|running| &running.nodes);
    let nodes: BTreeSet<&str> = reported.chain(running).map(AsRef::as_ref).collect();
    nodes.into_iter().map(str::to_owned).collect()
}

fn pulls(image: &Image, assumed: Assumed) -> Option<PullBasis> {
    match assumed.pulls_per_day {
        Some(pulls) => {
            is_in_use(image).then(|| PullBasis { source: PullSource::Assumed, pulls: pulls.into(), seconds: DAY })
        }
        None => image.pulls.as_ref().map(PullBasis::of),
    }
}

/// Whether more than a rollback would start it.
pub(super) fn is_in_use(image: &Image) -> bool {
    image.used_by.iter().any(|user| user.role != Role::History)
}

impl PullBasis {
    fn of(pulls: &Pulls) -> Self {
        let span = pulls.to.0.as_second().saturating_sub(pulls.from.0.as_second());
        let seconds = u64::try_from(span).unwrap_or(0).max(EVENTS_ARE_KEPT);
        Self { source: PullSource::Events, pulls: pulls.succeeded, seconds }
    }

    #[expect(clippy::cast_precision_loss, reason = "nobody counts pulls to the last of 2^53")]
    fn per_day(self) -> f64 {
        self.pulls as f64 * DAY as f64 / self.seconds as f64
    }

    fn bytes_per_day(self, bytes: u64) -> u64 {
        let transferred =
            u128::from(bytes) * u128::from(self.pulls.saturating_mul(DAY)) / u128::from(self.seconds.max(1));
        u64::try_from(transferred).unwrap_or(u64::MAX)
    }
}

impl Spent {
    fn weight(&self) -> (Option<u64>, u64) {
        let nodes = u64::try_from(self.nodes.len()).unwrap_or(u64::MAX).max(1);
        (self.transferred_bytes_per_day, self.compressed_bytes.unwrap_or(0).saturating_mul(nodes))
    }
}
