//! Where bytes are spent, and what of it could be saved. Every figure can be worked out again from the facts: what went
//! into it stands in its `basis`.
//!
//! Compressed bytes (registries, transfers) and bytes on disk (nodes) are two quantities, and are never added up.

mod savings;
mod spent;
#[cfg(test)]
mod tests;

use serde::Serialize;
use serde_with::skip_serializing_none;

pub use savings::{Reason, Saving, Weight};
pub use spent::{PullBasis, PullSource, Spent};

use super::manifests::sum;
use crate::facts::document::ImageFacts;

/// What the facts do not tell, and somebody knows.
#[skip_serializing_none]
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Assumed {
    /// how often each image in use is pulled a day, in place of what events tell
    pub pulls_per_day: Option<u32>,
    /// what a transferred GiB (2^30 bytes) costs, in any currency
    pub cost_per_gib: Option<f64>,
}

/// Where bytes are spent, and what of it could be saved.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Optimization {
    /// what was assumed
    pub basis: Assumed,
    /// all images together
    pub total: Total,
    /// those that cost most first
    pub images: Vec<Spent>,
    /// those that save most first
    pub savings: Vec<Saving>,
}

/// All images together.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Total {
    /// bytes of all layers, compressed, each layer counted once: `summary.layers.compressedBytes`
    pub compressed_bytes: u64,
    /// bytes on disk of images that nothing uses, over all nodes; absent when no node told its images
    pub unused_bytes_on_disk: Option<u64>,
    /// the sum over the images whose pulls are known; absent when none are
    pub transferred_bytes_per_day: Option<u64>,
    /// what that costs
    pub cost_per_day: Option<f64>,
}

/// Computes where bytes are spent, and what could be saved.
pub fn optimize(facts: &ImageFacts, assumed: Assumed) -> Optimization {
    let images = spent::spent(facts, assumed);
    let transferred: Vec<u64> = images.iter().filter_map(|image| image.transferred_bytes_per_day).collect();
    let transferred = (!transferred.is_empty()).then(|| sum(transferred));
    let unused = facts.unused_on_nodes.as_ref();
    let total = Total {
        compressed_bytes: facts.summary.layers.compressed_bytes,
        unused_bytes_on_disk: unused.map(|unused| sum(unused.iter().map(savings::bytes_on_nodes))),
        transferred_bytes_per_day: transferred,
        cost_per_day: transferred.and_then(|bytes| assumed.cost(bytes)),
    };
    let savings = savings::savings(facts, &images);
    Optimization { basis: assumed, total, images, savings }
}

impl Assumed {
    /// What transferring `bytes` costs.
    #[expect(clippy::cast_precision_loss, reason = "no bill is exact to a byte of petabytes")]
    fn cost(self, bytes: u64) -> Option<f64> {
        const GIB: f64 = (1_u64 << 30) as f64;
        self.cost_per_gib.map(|cost| bytes as f64 / GIB * cost)
    }
}
