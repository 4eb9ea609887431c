//! Reads what is wanted of the document that a reference names: the wanted platforms' manifests and configs.

use std::sync::Arc;

use futures::StreamExt as _;
use futures::stream::FuturesUnordered;

use super::choose::{Choice, choose};
use super::documents::{Documents, Parsed, Source};
use super::{Variant, WantedPlatforms};
use crate::image::{ConfigOutline, Digest, Failure, Index, IndexEntry, NodePlatform, Outline, Platform};
use crate::sorted::SortedSet;
use crate::vocabulary::{ErrorClass, ErrorStage};

/// How many manifests of one index are fetched: more than any image has platforms, and few enough to be harmless.
const MAX_CHILDREN: usize = 64;

/// What is known of a reference's manifests; it grows as they are read.
#[derive(Default)]
pub(super) struct Manifests {
    pub(super) variants: SortedSet<Variant>,
    /// the variants' configs
    pub(super) configs: SortedSet<Digest>,
    pub(super) failures: Vec<Failure>,
    /// whether everything that is wanted was read
    pub(super) is_complete: bool,
    /// for which platforms they were read; `None` as long as they are not
    read_for: Option<WantedPlatforms>,
    /// wanted platforms that the image has something for
    offered: SortedSet<NodePlatform>,
    /// wanted platforms of which only a document that was not read yet can say whether the image has them
    open: SortedSet<NodePlatform>,
}

/// An index that is to be read.
struct Layer {
    index: Index,
    wanted: WantedPlatforms,
    is_nested: bool,
}

/// An entry of an index, what it points at, and whether the config of that was read, if it has one.
struct Child {
    choice: Choice,
    is_nested: bool,
    manifest: Result<Arc<Parsed>, Failure>,
    config: Result<(), Failure>,
}

impl Manifests {
    /// Reads what is `wanted` of the document that `named` is the digest of, unless that was done before.
    pub(super) async fn read(
        &mut self,
        documents: &Documents,
        source: Source<'_>,
        named: &Digest,
        parsed: &Parsed,
        wanted: &WantedPlatforms,
    ) {
        if self.read_for.as_ref() == Some(wanted) {
            return;
        }
        *self = Self::default();
        self.is_complete = match &*parsed.outline {
            Outline::Index(index) => self.read_index(documents, source, named, index, wanted).await,
            Outline::Image(_) => self.read_image(documents, source, named, parsed, wanted).await,
            Outline::Artifact(_) => {
                self.offer_to_all(wanted);
                true
            }
            Outline::Legacy { platform, .. } => {
                self.offer(named, platform.as_ref(), None, wanted);
                true
            }
        };
        documents.show(named, parsed).await;
        self.read_for = Some(wanted.clone());
    }

    /// The wanted platforms that the image has nothing for, as far as that is known.
    pub(super) fn missing(&self, wanted: &WantedPlatforms) -> Vec<NodePlatform> {
        let may_be_there = |node| self.offered.contains(node) || (!self.is_complete && self.open.contains(node));
        nodes(wanted).iter().filter(|node| !may_be_there(node)).cloned().collect()
    }

    /// An image without an index: its config says for which platform it is.
    async fn read_image(
        &mut self,
        documents: &Documents,
        source: Source<'_>,
        named: &Digest,
        parsed: &Parsed,
        wanted: &WantedPlatforms,
    ) -> bool {
        self.open.extend(nodes(wanted).iter().cloned());
        if let Err(failure) = documents.read_config(source, parsed).await {
            self.failures.push(failure);
            return false;
        }
        self.configs.extend(parsed.outline.config().map(|config| config.digest.clone()));
        self.offer_by_config(named, parsed, wanted);
        true
    }

    /// Fetches the wanted entries of an index, all at once, and those of an index within it. Deeper ones are not
    /// followed; none can name itself, since its digest is verified.
    async fn read_index(
        &mut self,
        documents: &Documents,
        source: Source<'_>,
        named: &Digest,
        index: &Index,
        wanted: &WantedPlatforms,
    ) -> bool {
        let (mut left, mut is_whole) = (MAX_CHILDREN, true);
        let mut pending = FuturesUnordered::new();
        let mut next = Some(Layer { index: index.clone(), wanted: wanted.clone(), is_nested: false });
        loop {
            if let Some(layer) = next.take() {
                self.failures.extend(passed_over(named, &layer.index));
                let choices = choose(&layer.index, &layer.wanted);
                if choices.len() > left && is_whole {
                    self.failures.push(too_many(named));
                    is_whole = false;
                }
                for choice in choices.into_iter().take(left) {
                    left -= 1;
                    self.promise(&choice);
                    pending.push(fetch(documents, source, choice, layer.is_nested));
                }
            }
            let Some(child) = pending.next().await else { return is_whole };
            match self.take(child) {
                Ok(nested) => next = nested,
                Err(failure) => {
                    self.failures.push(failure);
                    is_whole = false;
                }
            }
        }
    }

    /// Notes which wanted platforms an entry is for, before it is fetched.
    fn promise(&mut self, choice: &Choice) {
        let platforms = if choice.entry.platform.is_some() { &mut self.offered } else { &mut self.open };
        platforms.extend(nodes(&choice.wanted).iter().cloned());
    }

    /// Takes what an entry pointed at; an index within the index is returned, to be read in its turn.
    fn take(&mut self, child: Child) -> Result<Option<Layer>, Failure> {
        let Choice { entry, wanted } = child.choice;
        let about = |failure| Failure { platform: entry.platform.clone(), ..failure };
        let parsed = child.manifest.map_err(about)?;
        let digest = &entry.descriptor.digest;
        match &*parsed.outline {
            Outline::Index(index) if !child.is_nested => {
                return Ok(Some(Layer { index: index.clone(), wanted, is_nested: true }));
            }
            Outline::Index(_) => return Err(about(too_deep(digest))),
            Outline::Image(_) | Outline::Artifact(_) | Outline::Legacy { .. } => {}
        }
        if let Some(platform) = &entry.platform {
            self.variants.insert(Variant { platform: platform.clone(), digest: digest.clone() });
        }
        child.config.map_err(about)?;
        if let (Some(descriptor), Some(config)) = (parsed.outline.config(), parsed.config()) {
            self.configs.insert(descriptor.digest.clone());
            self.failures.extend(contradiction(&entry, config).map(about));
        }
        if entry.platform.is_none() {
            self.offer_by_config(digest, &parsed, &wanted);
        }
        Ok(None)
    }

    /// Notes that a manifest is for the platform that its config says.
    fn offer_by_config(&mut self, digest: &Digest, parsed: &Parsed, wanted: &WantedPlatforms) {
        // A schema 1 manifest's own word says more.
        let config = parsed.config().filter(|_| parsed.outline.config().is_some());
        let platform = config.and_then(|config| config.platform.as_ref());
        self.offer(digest, platform, config.and_then(|config| config.os_version.as_deref()), wanted);
    }

    /// Notes that the manifest `digest` is for `platform`, as far as that is wanted. One that says no platform counts
    /// as right for all, since nothing shows that it is wrong.
    fn offer(
        &mut self,
        digest: &Digest,
        platform: Option<&Platform>,
        os_version: Option<&str>,
        wanted: &WantedPlatforms,
    ) {
        let Some(platform) = platform else { return self.offer_to_all(wanted) };
        let runs = |node: &&NodePlatform| node.distance_to(platform, os_version).is_some();
        let served: Vec<NodePlatform> = nodes(wanted).iter().filter(runs).cloned().collect();
        if *wanted == WantedPlatforms::All || !served.is_empty() {
            self.variants.insert(Variant { platform: platform.clone(), digest: digest.clone() });
        }
        self.offered.extend(served);
    }

    fn offer_to_all(&mut self, wanted: &WantedPlatforms) {
        self.offered.extend(nodes(wanted).iter().cloned());
    }
}

/// Fetches what an entry points at, and its config.
async fn fetch(documents: &Documents, source: Source<'_>, choice: Choice, is_nested: bool) -> Child {
    let manifest = documents.child(source, &choice.entry.descriptor).await;
    let config = match &manifest {
        Ok(parsed) => documents.read_config(source, parsed).await,
        Err(_) => Ok(()),
    };
    if let Ok(parsed) = &manifest {
        documents.show(&choice.entry.descriptor.digest, parsed).await;
    }
    Child { choice, is_nested, manifest, config }
}

fn nodes(wanted: &WantedPlatforms) -> &[NodePlatform] {
    match wanted {
        WantedPlatforms::All => &[],
        WantedPlatforms::These(nodes) => nodes,
    }
}

/// Tells of entries that are no descriptors, in one failure however many they are.
fn passed_over(named: &Digest, index: &Index) -> Option<Failure> {
    let first = index.skipped.first()?;
    let message = match index.skipped.len() {
        1 => format!("{named}: {first}; push the image again"),
        count => format!("{named}: at least {count} entries are no descriptors: {first}; push the image again"),
    };
    Some(Failure::unsent(ErrorStage::Manifest, ErrorClass::InvalidContent, message))
}

/// Tells of an entry that is for another platform than its config, which knows better. Variants are left out: most
/// configs do not say theirs.
fn contradiction(entry: &IndexEntry, config: &ConfigOutline) -> Option<Failure> {
    let (said, is) = (entry.platform.as_ref()?, config.platform.as_ref()?);
    if (said.os(), said.architecture()) == (is.os(), is.architecture()) {
        return None;
    }
    let message = format!(
        "the index offers {} for {said}, but by its config it is for {is}: nodes of the former pull what they cannot \
         run; build the index again",
        entry.descriptor.digest
    );
    Some(Failure::unsent(ErrorStage::Config, ErrorClass::InvalidContent, message))
}

fn too_many(named: &Digest) -> Failure {
    let message = format!(
        "{named} has more than {MAX_CHILDREN} wanted manifests; the rest was not fetched; name platforms with --platform"
    );
    Failure::unsent(ErrorStage::Manifest, ErrorClass::TooLarge, message)
}

fn too_deep(digest: &Digest) -> Failure {
    let message =
        format!("{digest} is an index within an index within an index, which is not followed; push it as one index");
    Failure::unsent(ErrorStage::Manifest, ErrorClass::Unsupported, message)
}
