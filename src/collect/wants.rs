//! From what a cluster uses to what registries are asked.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

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

/// Turns uses into wants. Most images are wanted for the same platforms, and share them.
pub(super) struct Wants<'a> {
    /// the platforms that were asked for
    asked: Option<&'a PlatformSettings>,
    known: HashSet<Arc<[NodePlatform]>>,
}

impl<'a> Wants<'a> {
    /// `asked` are the platforms that were asked for.
    pub(super) fn new(asked: Option<&'a PlatformSettings>) -> Self {
        Self { asked, known: HashSet::new() }
    }

    /// Every image to resolve.
    pub(super) fn all(&mut self, inventory: &Inventory) -> impl Iterator<Item = Want> {
        let nodes = inventory.nodes.as_deref();
        inventory.images.iter().filter_map(move |(name, usage)| match name {
            ImageName::Invalid(_) => None,
            ImageName::Valid(reference) => Some(self.want(reference, usage, nodes)),
        })
    }

    /// An image to resolve, with the platforms, digests and pull secrets that matter for it. `nodes` are sorted by name.
    pub(super) fn want(&mut self, reference: &Reference, usage: &ImageUse, nodes: Option<&[Node]>) -> Want {
        Want {
            reference: reference.clone(),
            platforms: self.platforms(usage, nodes),
            running: usage.running.iter().map(|(digest, pods)| (digest.clone(), pods.reported)).collect(),
            contexts: usage.contexts.clone(),
        }
    }

    /// What was asked for, else what the nodes want.
    fn platforms(&mut self, usage: &ImageUse, nodes: Option<&[Node]>) -> WantedPlatforms {
        let platforms = match self.asked {
            Some(PlatformSettings::All) => return WantedPlatforms::All,
            Some(PlatformSettings::These(platforms)) => platforms.iter().cloned().map(NodePlatform::from).collect(),
            None => by_nodes(usage, nodes),
        };
        let known = self.known.get(&*platforms).map(Arc::clone);
        WantedPlatforms::These(known.unwrap_or_else(|| {
            let platforms: Arc<[_]> = platforms.into();
            self.known.insert(Arc::clone(&platforms));
            platforms
        }))
    }
}

/// The platforms of the nodes that the image may run on, else those of all nodes, else the usual ones.
fn by_nodes(usage: &ImageUse, nodes: Option<&[Node]>) -> Vec<NodePlatform> {
    let of_image = wanted_platforms(nodes, usage).unwrap_or_default();
    if !of_image.is_empty() {
        return of_image;
    }
    let of_all: BTreeSet<_> = nodes.unwrap_or_default().iter().map(|node| &node.platform).collect();
    if of_all.is_empty() { Inventory::default_platforms() } else { of_all.into_iter().cloned().collect() }
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
