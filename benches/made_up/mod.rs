//! A made-up cluster and the registry of its images, the same in every process.

pub(crate) mod cluster;
pub(crate) mod images;
mod objects;
mod template;

use clap::Args;

/// A cluster.
#[derive(Args, Debug, Clone)]
pub(crate) struct Cluster {
    /// Pods
    #[arg(long, default_value_t = 20_000)]
    pub(crate) pods: usize,
    /// Bytes of a pod as JSON
    #[arg(long, default_value_t = 8192)]
    pub(crate) pod_bytes: usize,
    /// Distinct images, each of a Deployment of its own
    #[arg(long, default_value_t = 1000)]
    pub(crate) images: usize,
    /// The registry that the images are of
    #[arg(long, default_value = "registry.example")]
    pub(crate) registry: String,
    #[command(flatten)]
    pub(crate) shape: Shape,
}

/// What images look like.
#[derive(Args, Debug, Clone, Copy)]
pub(crate) struct Shape {
    /// Layers of an image in the middle; images have from half as many to half as many more
    #[arg(long, default_value_t = 10)]
    pub(crate) layers: usize,
    /// How many of a hundred images are for two platforms
    #[arg(long, default_value_t = 0)]
    pub(crate) multi_platform: usize,
}
