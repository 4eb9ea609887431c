//! What could be saved, and how.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_with::skip_serializing_none;

use super::spent::{Spent, is_in_use};
use crate::analyze::manifests::{Manifests, bytes, layers, sum};
use crate::facts::document::{Image, ImageFacts, Layer, Manifest, UnusedImage, UsedBy};
use crate::image::{Digest, Platform, Reference};
use crate::vocabulary::FindingCode;

/// Something that could be saved. Which of the three quantities it saves, its kind decides.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Saving {
    /// why, and from what it was computed
    #[serde(flatten)]
    pub reason: Reason,
    /// the image, the repository or the base image
    pub subject: String,
    /// compressed bytes that registries and nodes would not hold
    pub compressed_bytes: Option<u64>,
    /// bytes that nodes would not hold on disk
    pub bytes_on_disk: Option<u64>,
    /// compressed bytes that would not be transferred each day, at most
    pub transferred_bytes_per_day: Option<u64>,
    /// the references that it is about, sorted
    pub images: Vec<String>,
    /// the nodes that it is about, sorted
    pub nodes: Vec<String>,
    /// what to do
    pub how: String,
}

/// Why something could be saved, and from what it was computed.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", content = "basis", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum Reason {
    /// Several versions of one repository are in use: `together` less the largest of `versions`.
    SeveralVersions {
        /// the versions, each with its layers, all platforms
        versions: Vec<Weight>,
        /// bytes of all their layers, each counted once
        together: u64,
    },
    /// Images stand on several versions of one base, so that its layers are not shared: `together` less the largest of
    /// `bases`. Base images are known by their label, and their layers as those that all images on them begin with;
    /// where there is but one image, as its first layer: so this is the least that could be saved.
    DifferentBases {
        /// of all images that are compared
        platform: Platform,
        /// the base images, each with the layers that are surely its own
        bases: Vec<Weight>,
        /// bytes of all these layers, each counted once
        together: u64,
    },
    /// A tag that may name another image tomorrow is asked for, and pulled again when it does, at each start of a pod.
    PulledAlways {
        /// the workloads' containers that are pulled always: `shop/web/nginx`
        containers: Vec<String>,
    },
    /// Nodes hold an image that no object uses: `bytesOnNode` × `nodes`.
    UnusedOnNodes {
        /// bytes on disk, on the node where it is largest
        bytes_on_node: u64,
        /// how many nodes
        nodes: u64,
    },
    /// A very large image (the finding `large-image`): its largest layer.
    LargeLayer {
        /// the layer
        layer: Digest,
        /// the instruction that made it
        created_by: Option<String>,
    },
}

/// A name and its bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Weight {
    /// a reference
    pub name: String,
    /// compressed
    pub compressed_bytes: u64,
}

/// Layers, each once, with their bytes.
type Held<'a> = BTreeMap<&'a Digest, u64>;

/// All savings, the greatest first.
pub(super) fn savings(facts: &ImageFacts, spent: &[Spent]) -> Vec<Saving> {
    let manifests = Manifests::of(facts);
    let used: Vec<&Image> = facts.images.iter().map(Box::as_ref).filter(|image| is_in_use(image)).collect();
    let mut savings: Vec<Saving> = several_versions(&used, &manifests)
        .into_iter()
        .chain(different_bases(&used, &manifests))
        .chain(pulled_always(&used, spent))
        .chain(facts.unused_on_nodes.iter().flatten().filter_map(unused))
        .chain(large_layers(facts, &manifests))
        .collect();
    let order = |saving: &Saving| (Reverse(saving.most()), saving.subject.clone(), saving.how.clone());
    savings.sort_by_cached_key(order);
    savings
}

fn several_versions(used: &[&Image], manifests: &Manifests<'_>) -> Vec<Saving> {
    let mut repositories: BTreeMap<String, Vec<&Image>> = BTreeMap::new();
    for image in used {
        if let (Some(registry), Some(repository)) = (&image.registry, &image.repository) {
            repositories.entry(format!("{registry}/{repository}")).or_default().push(image);
        }
    }
    let savings = repositories.into_iter().filter_map(|(repository, images)| {
        let held = images.iter().map(|image| (image.reference.as_str(), manifests.layers(image)));
        let (versions, together) = weigh(held);
        Some(Saving {
            compressed_bytes: Some(beyond_largest(&versions, together)?),
            images: images.iter().map(|image| image.reference.clone()).collect(),
            how: format!("run one version of it in all workloads, in place of {}", images.len()),
            ..Saving::new(repository, Reason::SeveralVersions { versions, together })
        })
    });
    savings.collect()
}

fn different_bases(used: &[&Image], manifests: &Manifests<'_>) -> Vec<Saving> {
    type Built<'a> = BTreeMap<Digest, (&'a str, &'a Manifest)>;
    let mut repositories: BTreeMap<(String, Platform), BTreeMap<String, Built<'_>>> = BTreeMap::new();
    for image in used {
        for (variant, manifest) in manifests.variants(image) {
            let Some((repository, base)) = base(manifest) else { continue };
            let bases = repositories.entry((repository, variant.platform.clone())).or_default();
            bases.entry(base).or_default().insert(manifest.digest.clone(), (&image.reference, manifest));
        }
    }
    let savings = repositories.into_iter().filter_map(|((repository, platform), bases)| {
        let held = bases.iter().map(|(base, built)| {
            let stacks: Vec<_> = built.values().map(|(_, manifest)| layers(manifest)).collect();
            (base.as_str(), lowest(&stacks))
        });
        let (weights, together) = weigh(held);
        let images: BTreeSet<&str> = bases.values().flat_map(BTreeMap::values).map(|(image, _)| *image).collect();
        let most_used = bases.iter().max_by_key(|(base, built)| (built.len(), (*base).clone()))?.0;
        Some(Saving {
            compressed_bytes: Some(beyond_largest(&weights, together)?),
            images: images.into_iter().map(str::to_owned).collect(),
            how: format!("build all of them FROM {most_used}"),
            ..Saving::new(repository, Reason::DifferentBases { platform, bases: weights, together })
        })
    });
    savings.collect()
}

/// The repository of an image's base, and which version of it.
fn base(manifest: &Manifest) -> Option<(String, String)> {
    let build = manifest.build.as_ref()?;
    let name = build.base_name.as_ref()?;
    let repository = Reference::parse(name).ok()?.repository().to_string();
    let version = match &build.base_digest {
        Some(digest) if !name.contains('@') => format!("{name}@{digest}"),
        _ => name.clone(),
    };
    Some((repository, version))
}

/// The layers that all begin with; of a single one the first.
fn lowest<'a>(stacks: &[&'a [Layer]]) -> Held<'a> {
    let Some((first, others)) = stacks.split_first() else { return Held::new() };
    let is_common = |(at, layer): &(usize, &Layer)| match others {
        [] => *at == 0,
        others => others.iter().all(|stack| stack.get(*at).is_some_and(|other| other.digest == layer.digest)),
    };
    first.iter().enumerate().take_while(is_common).map(|(_, layer)| (&layer.digest, bytes(layer))).collect()
}

/// What each holds, and what all hold together.
fn weigh<'a>(held: impl Iterator<Item = (&'a str, Held<'a>)>) -> (Vec<Weight>, u64) {
    let mut all = Held::new();
    let weights = held.map(|(name, layers)| {
        let weight = Weight { name: name.to_owned(), compressed_bytes: sum(layers.values().copied()) };
        all.extend(layers);
        weight
    });
    let weights = weights.collect();
    (weights, sum(all.into_values()))
}

/// What would not be held if only the largest were; `None` when that is nothing.
fn beyond_largest(weights: &[Weight], together: u64) -> Option<u64> {
    let largest = weights.iter().map(|weight| weight.compressed_bytes).max()?;
    together.checked_sub(largest).filter(|saved| *saved > 0)
}

fn pulled_always(used: &[&Image], spent: &[Spent]) -> Vec<Saving> {
    let spent: BTreeMap<&str, &Spent> = spent.iter().map(|spent| (spent.reference.as_str(), spent)).collect();
    let savings = used.iter().filter(|image| image.digest.is_none()).filter_map(|image| {
        let containers: Vec<String> = image.used_by.iter().flat_map(|user| always(image, user)).collect();
        let (registry, repository) = (image.registry.as_ref()?, image.repository.as_ref()?);
        let digest = image.resolved.as_ref().map_or("sha256:…", |resolved| resolved.digest.as_str());
        let spent = spent.get(image.reference.as_str())?;
        (!containers.is_empty()).then(|| Saving {
            transferred_bytes_per_day: spent.transferred_bytes_per_day,
            images: vec![image.reference.clone()],
            nodes: spent.nodes.clone(),
            how: format!("write image: {registry}/{repository}@{digest} and imagePullPolicy: IfNotPresent"),
            ..Saving::new(image.reference.clone(), Reason::PulledAlways { containers })
        })
    });
    savings.collect()
}

/// The containers for which the kubelet asks the registry at each start; where the spec is silent it does so for `latest`
/// (<https://kubernetes.io/docs/concepts/containers/images/#imagepullpolicy-defaulting>).
fn always(image: &Image, user: &UsedBy) -> impl Iterator<Item = String> {
    let default = if image.tag.as_deref() == Some("latest") { "Always" } else { "IfNotPresent" };
    let owner: Vec<&str> = user.namespace.iter().chain(&user.name).map(|word| &**word).collect();
    let pulled =
        user.containers.iter().filter(move |container| container.pull_policy.as_deref().unwrap_or(default) == "Always");
    pulled.map(move |container| [&owner[..], &[&container.name]].concat().join("/"))
}

/// What an unused image takes on all its nodes together.
pub(super) fn bytes_on_nodes(unused: &UnusedImage) -> u64 {
    unused.size_bytes.saturating_mul(u64::try_from(unused.nodes.len()).unwrap_or(u64::MAX))
}

/// `None` for the pause image: it belongs to the runtime, and kubelets never remove it.
fn unused(unused: &UnusedImage) -> Option<Saving> {
    let is_pause = |name: &String| {
        Reference::parse(name).is_ok_and(|name| name.repository().path().rsplit('/').next() == Some("pause"))
    };
    let name = unused.names.first().filter(|_| !unused.names.iter().any(is_pause))?;
    let nodes = u64::try_from(unused.nodes.len()).unwrap_or(u64::MAX);
    let reason = Reason::UnusedOnNodes { bytes_on_node: unused.size_bytes, nodes };
    let first = unused.nodes.first()?;
    let others = if nodes > 1 { " and the others" } else { "" };
    Some(Saving {
        bytes_on_disk: Some(bytes_on_nodes(unused)),
        nodes: unused.nodes.clone(),
        how: format!(
            "on {first}{others}: crictl rmi {name} (or in the kubelet's configuration: imageMaximumGCAge: 168h)"
        ),
        ..Saving::new(name.clone(), reason)
    })
}

fn large_layers(facts: &ImageFacts, manifests: &Manifests<'_>) -> Vec<Saving> {
    let large = facts.findings.iter().filter(|finding| finding.code == FindingCode::LargeImage);
    let large: BTreeSet<&str> = large.filter_map(|finding| finding.image.as_deref()).collect();
    let savings = facts.images.iter().filter(|image| large.contains(image.reference.as_str())).filter_map(|image| {
        let (_, manifest) = manifests.variants(image).max_by_key(|(variant, _)| variant.compressed_bytes)?;
        let layer = layers(manifest).iter().max_by_key(|layer| layer.size)?;
        let made_by = layer.created_by.as_deref().unwrap_or(layer.digest.as_str());
        Some(Saving {
            compressed_bytes: layer.size,
            images: vec![image.reference.clone()],
            how: format!("take out of the image what its largest layer adds: {made_by}"),
            ..Saving::new(
                image.reference.clone(),
                Reason::LargeLayer { layer: layer.digest.clone(), created_by: layer.created_by.clone() },
            )
        })
    });
    savings.collect()
}

impl Saving {
    fn new(subject: String, reason: Reason) -> Self {
        Self {
            reason,
            subject,
            compressed_bytes: None,
            bytes_on_disk: None,
            transferred_bytes_per_day: None,
            images: Vec::new(),
            nodes: Vec::new(),
            how: String::new(),
        }
    }

    /// By which savings are ranked; quantities of several kinds are only ever compared, never added up.
    pub fn most(&self) -> Option<u64> {
        [self.compressed_bytes, self.bytes_on_disk, self.transferred_bytes_per_day].into_iter().max().flatten()
    }
}
