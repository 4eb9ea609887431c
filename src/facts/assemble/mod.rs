//! Puts together what was discovered and what was resolved. Any order of arrival gives the same document.

mod attachments;
mod build;
mod images;
mod manifests;
mod on_nodes;
mod summary;
#[cfg(test)]
mod tests;
mod usage;

use jiff::Timestamp;

use super::document::{
    Gap, Generator, ImageFacts, Manifest, Node, RateLimit, Redaction, RegistryRun, Run, SCHEMA_VERSION, Source,
    Summary, Time,
};
use super::findings;
use crate::cluster::inventory::{self, Inventory};
use crate::image::Platform;
use crate::resolve::Resolution;
use crate::stop::StopReason;
use crate::vocabulary::{ImageStatus, RedactionMode, SourceType};
pub(super) use attachments::Attached;
pub use manifests::Manifests;
pub(super) use manifests::{blank, manifest};
use on_nodes::NodeImages;
pub(crate) use summary::{LayerMark, LayerTally, summarize};
pub(super) use usage::examples;

/// What a run knows of itself; the assembly has no clock and reads no settings.
#[derive(Debug, Clone)]
pub struct RunContext {
    /// when the document is made
    pub generated_at: Timestamp,
    /// milliseconds since the start of the run
    pub duration_ms: u64,
    /// the version of this program
    pub version: String,
    /// where the objects came from
    pub origin: Origin,
    /// how secrets will be masked; the masking itself is `redact`'s
    pub redaction: RedactionMode,
    /// whether an image that failed keeps what the cluster knows of it (`--fallback best-effort` and `cached`)
    pub cluster_fallback: bool,
    /// why the run ended early, if it did
    pub stopped: Option<StopReason>,
}

/// Where the objects came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// a live API server
    Cluster {
        /// the kubeconfig's context
        context: Option<String>,
    },
    /// files
    Files {
        /// as named on the command line
        paths: Vec<String>,
    },
}

/// A document before its secrets are masked, without its summary. Its manifests, which are most of it, are made one by one.
pub struct Assembled {
    pub(super) facts: ImageFacts<()>,
    pub(super) manifests: Manifests,
}

/// Makes the document, with its findings, before secrets are masked.
///
/// `resolution` is `None` when no registry was asked: every valid image is then `unqueried`.
pub fn assemble(inventory: Inventory, mut resolution: Option<Resolution>, context: RunContext) -> Assembled {
    let findings = findings::find(&inventory, resolution.as_ref());
    let gaps = gaps(&inventory, resolution.as_ref());
    let registry_gaps = resolution.iter().flat_map(|resolution| &resolution.gaps);
    let is_incomplete = inventory.gaps.iter().chain(registry_gaps).any(|gap| gap.incomplete);
    let source = source(&inventory, context.origin.clone());
    let nodes = inventory.nodes.as_deref().map(nodes);
    let node_images = NodeImages::new(&inventory.on_nodes);
    let (images, used) = images::images(inventory.images, resolution.as_mut(), &node_images, context.cluster_fallback);
    let facts = ImageFacts {
        schema_version: SCHEMA_VERSION.to_owned(),
        kind: "ImageFacts".to_owned(),
        complete: context.stopped.is_none() && !is_incomplete,
        run: run(&context, resolution.as_ref(), &images),
        redaction: Redaction { mode: context.redaction },
        source,
        nodes,
        manifests: (),
        unused_on_nodes: node_images.unused(&used),
        summary: Summary::default(),
        images,
        findings,
        gaps,
    };
    Assembled { facts, manifests: Manifests::of(resolution) }
}

impl Assembled {
    /// All of it at once, for few images.
    pub fn whole(self) -> ImageFacts {
        let manifests = self.manifests.map(|(looked, attached)| match attached {
            Some(attached) => attached.to(manifest(looked)),
            None => manifest(looked),
        });
        let manifests: Vec<Manifest> = manifests.collect();
        let mut facts = self.facts.with_manifests(manifests);
        facts.summary = summarize(&facts.images, &facts.manifests, &facts.findings);
        facts
    }
}

fn run(context: &RunContext, resolution: Option<&Resolution>, images: &[Box<super::document::Image>]) -> Run {
    let tallies = resolution.map(|resolution| resolution.registries.as_slice()).unwrap_or_default();
    let mut registries: Vec<RegistryRun> = tallies
        .iter()
        .map(|tally| {
            let of_host = || images.iter().filter(|image| image.registry.as_deref() == Some(tally.host.as_str()));
            RegistryRun {
                host: tally.host.clone(),
                references: count(of_host()),
                failed: count(of_host().filter(|image| image.status == ImageStatus::Failed)),
                requests: tally.requests,
                rate_limit: tally.rate_limit.map(|(limit, remaining)| RateLimit { limit, remaining }),
            }
        })
        .collect();
    registries.sort_unstable_by(|a, b| a.host.cmp(&b.host));
    Run {
        generated_at: Time(context.generated_at),
        generator: Generator { name: "imagefacts".to_owned(), version: context.version.clone() },
        duration_ms: context.duration_ms,
        requests: tallies.iter().fold(0, |sum, tally| sum.saturating_add(tally.requests)),
        cache_hits: resolution.map_or(0, |resolution| resolution.cache_hits),
        bytes: tallies.iter().fold(0, |sum, tally| sum.saturating_add(tally.bytes)),
        registries,
    }
}

fn source(inventory: &Inventory, origin: Origin) -> Source {
    let (source_type, context, paths) = match origin {
        Origin::Cluster { context } => (SourceType::Cluster, context, None),
        Origin::Files { paths } => (SourceType::Files, None, Some(paths)),
    };
    let version = inventory.version.as_ref().and_then(|version| version.get("gitVersion")?.as_str());
    Source {
        source_type,
        context,
        kubernetes_version: version.map(str::to_owned),
        namespaces: inventory.namespaces.iter().cloned().collect(),
        paths,
    }
}

fn nodes(nodes: &[inventory::Node]) -> Vec<Node> {
    let mut nodes: Vec<Node> = nodes
        .iter()
        .map(|node| Node {
            name: node.name.to_string(),
            platform: node.platform.platform.clone(),
            os_version: node.platform.os_version.clone(),
            runtime: node.runtime.clone(),
            images_truncated: node.images_truncated.then_some(true),
        })
        .collect();
    nodes.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    nodes
}

fn gaps(inventory: &Inventory, resolution: Option<&Resolution>) -> Vec<Gap> {
    let mut gaps: Vec<Gap> = inventory
        .gaps
        .iter()
        .chain(resolution.into_iter().flat_map(|resolution| &resolution.gaps))
        .map(|gap| Gap {
            scope: gap.scope,
            resource: gap.resource.clone(),
            namespace: gap.namespace.clone(),
            host: gap.host.clone(),
            reason: gap.reason.clone(),
            message: gap.message.clone(),
        })
        .collect();
    gaps.sort_unstable();
    gaps.dedup();
    gaps
}

/// How many there are.
pub(super) fn count<T>(things: impl Iterator<Item = T>) -> u64 {
    things.fold(0, |count, _| count + 1)
}

/// A platform that can be read back: what a hostile document calls its architecture may hold anything.
fn readable(platform: &Platform) -> Option<Platform> {
    platform.to_string().parse().ok()
}
