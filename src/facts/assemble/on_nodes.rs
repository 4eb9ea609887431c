//! Joins the images that nodes report to the references that name them.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use crate::cluster::inventory::NodeImage;
use crate::facts::document::{MinMax, OnNodes, UnusedImage};
use crate::image::{Digest, Reference};

/// The nodes' images, by tag and by digest.
pub(super) struct NodeImages<'a> {
    images: &'a [NodeImage],
    by_tag: HashMap<String, Vec<usize>>,
    by_digest: HashMap<Digest, Vec<usize>>,
}

/// What a runtime's name of an image says.
enum Name {
    /// repository and tag, normalized
    Tag(String),
    /// a digest, of whatever repository: a runtime may have pulled the same image under another name
    Digest(Digest),
}

impl<'a> NodeImages<'a> {
    pub(super) fn new(images: &'a [NodeImage]) -> Self {
        let mut node_images = Self { images, by_tag: HashMap::new(), by_digest: HashMap::new() };
        for (at, image) in images.iter().enumerate() {
            for name in image.names.iter().filter_map(|name| Name::parse(name)) {
                match name {
                    Name::Tag(tag) => node_images.by_tag.entry(tag).or_default().push(at),
                    Name::Digest(digest) => node_images.by_digest.entry(digest).or_default().push(at),
                }
            }
        }
        node_images
    }

    /// The nodes' images that are `reference`: by one of its digests, or by its tag when it is asked for by tag.
    pub(super) fn find(&self, reference: &Reference, digests: &BTreeSet<&Digest>) -> BTreeSet<usize> {
        let by_digest = digests.iter().filter_map(|digest| self.by_digest.get(*digest));
        let by_tag = match reference.digest() {
            None => self.by_tag.get(&reference.to_string()),
            Some(_) => None,
        };
        by_digest.chain(by_tag).flatten().copied().collect()
    }

    /// Where the found images lie; `None` when no node reports one, which proves nothing.
    pub(super) fn on_nodes(&self, found: &BTreeSet<usize>) -> Option<OnNodes> {
        let images = || found.iter().filter_map(|at| self.images.get(*at));
        let nodes: BTreeSet<&Arc<str>> = images().map(|image| &image.node).collect();
        let sizes = || images().map(|image| image.size_bytes);
        let size_bytes = MinMax { min: sizes().min()?, max: sizes().max()? };
        Some(OnNodes { nodes: nodes.into_iter().cloned().collect(), size_bytes })
    }

    /// The nodes' images that no reference names; `None` when no node told any.
    ///
    /// What the runtime itself needs (the pause image) is among them: nothing in the API tells it apart, and it is
    /// easily known by its name. Images without any name cannot be told apart, and are left out.
    pub(super) fn unused(&self, used: &BTreeSet<usize>) -> Option<Vec<UnusedImage>> {
        if self.images.is_empty() {
            return None;
        }
        let mut groups: BTreeMap<&str, (BTreeSet<&str>, BTreeSet<&str>, u64)> = BTreeMap::new();
        for (at, image) in self.images.iter().enumerate() {
            let Some(key) = identity(image).filter(|_| !used.contains(&at)) else { continue };
            let (names, nodes, size) = groups.entry(key).or_default();
            names.extend(image.names.iter().map(AsRef::<str>::as_ref));
            nodes.insert(&image.node);
            *size = image.size_bytes.max(*size);
        }
        let owned = |texts: BTreeSet<&str>| texts.into_iter().map(str::to_owned).collect();
        let mut unused: Vec<UnusedImage> = groups
            .into_values()
            .map(|(names, nodes, size_bytes)| UnusedImage { names: owned(names), nodes: owned(nodes), size_bytes })
            .collect();
        unused.sort_by(|a, b| (&a.names, &a.nodes).cmp(&(&b.names, &b.nodes)));
        Some(unused)
    }
}

/// What makes images on two nodes the same: the first name by digest, else the first name.
fn identity(image: &NodeImage) -> Option<&str> {
    let first = |by_digest: bool| {
        image.names.iter().map(AsRef::<str>::as_ref).filter(|name| name.contains("sha256:") == by_digest).min()
    };
    first(true).or_else(|| first(false))
}

impl Name {
    fn parse(name: &str) -> Option<Self> {
        let name = name.strip_prefix("docker-pullable://").unwrap_or(name);
        if let Ok(digest) = Digest::parse(name) {
            return Some(Self::Digest(digest));
        }
        let reference = Reference::parse(name).ok()?;
        Some(match reference.digest() {
            Some(digest) => Self::Digest(digest.clone()),
            None => Self::Tag(reference.to_string()),
        })
    }
}
