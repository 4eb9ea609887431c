//! For which platforms an image is wanted: those of the nodes that run it or may run it.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{ImageUse, Inventory, Node, Placement};
use crate::image::{NodePlatform, Platform};

impl Inventory {
    /// The platforms that are asked for when no node is known.
    pub fn default_platforms() -> Vec<NodePlatform> {
        ["amd64", "arm64"].map(|architecture| Platform::new("linux", architecture, None).into()).into()
    }
}

/// The platforms that `usage` is wanted for: those of the nodes that run it or may run it, each once. `nodes` are sorted
/// by name.
///
/// `None` when no node is known, so that nothing can be said.
pub fn wanted_platforms(nodes: Option<&[Node]>, usage: &ImageUse) -> Option<Vec<NodePlatform>> {
    let nodes = nodes.filter(|nodes| !nodes.is_empty())?;
    // An image may run on thousands of nodes out of thousands: they are not compared one by one.
    let platform_of = |name: &Arc<str>| {
        let place = nodes.binary_search_by(|node| node.name.cmp(name)).ok();
        place.and_then(|place| nodes.get(place)).map(|node| &node.platform)
    };
    let mut wanted = BTreeSet::new();
    wanted.extend(usage.scheduled_to().filter_map(platform_of));
    for placement in &usage.placements {
        match placement {
            Placement::On(name) => wanted.extend(platform_of(name)),
            Placement::Selected(_) | Placement::Anywhere => {
                wanted.extend(nodes.iter().filter(|node| placement.admits(node)).map(|node| &node.platform));
            }
        }
    }
    Some(wanted.into_iter().cloned().collect())
}

impl Placement {
    /// Whether `node` may run what is placed so.
    pub fn admits(&self, node: &Node) -> bool {
        match self {
            Self::On(name) => *name == node.name,
            Self::Selected(terms) => terms
                .iter()
                .all(|(key, values)| node.labels.get(key).is_some_and(|value| values.iter().any(|v| v == value))),
            Self::Anywhere => true,
        }
    }
}
