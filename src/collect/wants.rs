//! From what a cluster uses to what registries are asked.

use std::collections::BTreeSet;

use crate::cluster::inventory::{Gap, ImageName, ImageUse, Inventory, Node, wanted_platforms};
use crate::image::{NodePlatform, Reference};
use crate::resolve::{Want, WantedPlatforms};
use crate::settings::{CollectSettings, PlatformSettings};
use crate::vocabulary::GapScope;

/// The references that can be asked for.
pub(super) fn references(inventory: &Inventory) -> impl Iterator<Item = &Reference> {
    inventory.images.keys().filter_map(|name| match name {
        ImageName::Valid(reference) => Some(reference),
        ImageName::Invalid(_) => None,
    })
}

/// Every image to resolve.
pub(super) fn wants(inventory: &Inventory, platforms_asked: Option<&PlatformSettings>) -> Vec<Want> {
    let nodes = inventory.nodes.as_deref();
    let wants = inventory.images.iter().filter_map(|(name, usage)| match name {
        ImageName::Invalid(_) => None,
        ImageName::Valid(reference) => Some(want(reference, usage, nodes, platforms_asked)),
    });
    wants.collect()
}

/// An image to resolve, with the platforms, digests and pull secrets that matter for it. `nodes` are sorted by name.
pub(super) fn want(
    reference: &Reference,
    usage: &ImageUse,
    nodes: Option<&[Node]>,
    platforms_asked: Option<&PlatformSettings>,
) -> Want {
    Want {
        reference: reference.clone(),
        platforms: platforms(nodes, usage, platforms_asked),
        running: usage.running.iter().map(|(digest, pods)| (digest.clone(), pods.reported)).collect(),
        contexts: usage.contexts.clone(),
    }
}

/// What was asked for, else the platforms of the nodes that the image may run on, else those of all nodes, else the
/// usual ones.
fn platforms(nodes: Option<&[Node]>, usage: &ImageUse, asked: Option<&PlatformSettings>) -> WantedPlatforms {
    match asked {
        Some(PlatformSettings::All) => return WantedPlatforms::All,
        Some(PlatformSettings::These(platforms)) => {
            return WantedPlatforms::These(platforms.iter().cloned().map(NodePlatform::from).collect());
        }
        None => {}
    }
    let every_node = || {
        let nodes = nodes.unwrap_or_default().iter();
        nodes.map(|node| node.platform.clone()).collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>()
    };
    let candidates = [wanted_platforms(nodes, usage).unwrap_or_default(), every_node()];
    let chosen = candidates.into_iter().find(|platforms| !platforms.is_empty());
    WantedPlatforms::These(chosen.unwrap_or_else(Inventory::default_platforms))
}

/// The gap that is left when images are described for platforms that nobody asked for.
pub(super) fn unknown_nodes(inventory: &Inventory, settings: &CollectSettings) -> Option<Gap> {
    let is_known = inventory.nodes.as_ref().is_some_and(|nodes| !nodes.is_empty());
    (settings.include_images && settings.platforms.is_none() && !is_known).then(|| Gap {
        scope: GapScope::Kubernetes,
        resource: Some("nodes".to_owned()),
        namespace: None,
        host: None,
        reason: "unknown-platforms".to_owned(),
        message: "no node is known, so images are described for linux/amd64 and linux/arm64; \
                  name others with --platform, or all with --all-platforms"
            .to_owned(),
        incomplete: false,
    })
}
