//! Images that both documents have, and what changed in them.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_with::skip_serializing_none;

use super::Change;
use crate::analyze::manifests::Manifests;
use crate::analyze::users;
use crate::facts::document::{Config, Image, ImageFacts, Manifest, Subject, Variant};
use crate::image::{Digest, Platform};
use crate::vocabulary::ImageStatus;

/// An image that is not the same any more. What did not change is absent.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ImageChange {
    /// as in `images[].reference`
    pub reference: String,
    /// who uses it now, sorted
    pub used_by: Vec<Subject>,
    /// how far it was resolved
    pub status: Option<Change<ImageStatus>>,
    /// the digest that the reference names, when both documents know it
    pub resolved: Option<Change<Digest>>,
    /// the digests that pods run, sorted
    pub running: Option<Change<Vec<Digest>>>,
    /// the platforms whose manifest changed, sorted
    pub platforms: Vec<PlatformChange>,
}

/// A platform's manifest that is another one than before.
#[skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PlatformChange {
    /// the platform
    pub platform: Platform,
    /// the manifest's digest; one side is absent when the image came to offer the platform, or no longer does
    pub digest: Change<Digest>,
    /// bytes of the layers, compressed
    pub compressed_bytes: Option<Change<u64>>,
    /// what changed in how it runs, when both documents know it
    pub config: Option<ConfigChange>,
}

/// What changed in how an image runs. Of environment variables and labels only names are told.
#[skip_serializing_none]
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ConfigChange {
    /// user, or user:group
    pub user: Option<Change<String>>,
    /// in order
    pub entrypoint: Option<Change<Vec<String>>>,
    /// in order
    pub cmd: Option<Change<Vec<String>>>,
    /// the directory that the program starts in
    pub working_dir: Option<Change<String>>,
    /// environment variables
    pub env: Option<Names>,
    /// `8080/tcp`
    pub exposed_ports: Option<Names>,
    /// paths
    pub volumes: Option<Names>,
    /// labels
    pub labels: Option<Names>,
}

/// Names that came, went, or have another value; each sorted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Names {
    /// only the newer has them
    pub added: Vec<String>,
    /// only the older has them
    pub removed: Vec<String>,
    /// both have them, with different values
    pub changed: Vec<String>,
}

/// The images of both documents that changed.
pub(super) fn changed(old: &ImageFacts, new: &ImageFacts) -> Vec<ImageChange> {
    let before: BTreeMap<&str, &Image> = old.images.iter().map(|image| (image.reference.as_str(), &**image)).collect();
    let manifests = (Manifests::of(old), Manifests::of(new));
    let pairs = new.images.iter().filter_map(|image| Some((*before.get(image.reference.as_str())?, image)));
    pairs.filter_map(|(old, new)| change(old, new, &manifests)).collect()
}

fn change(old: &Image, new: &Image, (before, now): &(Manifests<'_>, Manifests<'_>)) -> Option<ImageChange> {
    let resolved = old.resolved.as_ref().zip(new.resolved.as_ref());
    let running = |image: &Image| {
        image.running.as_ref().map(|running| running.iter().map(|one| one.digest.clone()).collect::<Vec<_>>())
    };
    let change = ImageChange {
        reference: new.reference.clone(),
        used_by: users(new),
        status: Change::of(Some(&old.status), Some(&new.status)),
        resolved: resolved.and_then(|(old, new)| Change::of(Some(&old.digest), Some(&new.digest))),
        running: Change::of(running(old).as_ref(), running(new).as_ref()),
        platforms: platforms(old, new, before, now),
    };
    let same = change.status.is_none() && change.resolved.is_none() && change.running.is_none();
    (!same || !change.platforms.is_empty()).then_some(change)
}

/// The platforms whose manifest changed. An image whose variants one side does not know cannot be compared.
fn platforms(old: &Image, new: &Image, before: &Manifests<'_>, now: &Manifests<'_>) -> Vec<PlatformChange> {
    let (Some(old), Some(new)) = (&old.variants, &new.variants) else { return Vec::new() };
    let by_platform = |variants: &[Variant]| -> BTreeMap<Platform, Variant> {
        variants.iter().map(|variant| (variant.platform.clone(), variant.clone())).collect()
    };
    let (old, new) = (by_platform(old), by_platform(new));
    let all: BTreeSet<&Platform> = old.keys().chain(new.keys()).collect();
    let changes = all.into_iter().filter_map(|platform| {
        let (old, new) = (old.get(platform), new.get(platform));
        let both = old.and_then(|old| before.get(&old.digest)).zip(new.and_then(|new| now.get(&new.digest)));
        Some(PlatformChange {
            platform: platform.clone(),
            digest: Change::of(old.map(|old| &old.digest), new.map(|new| &new.digest))?,
            compressed_bytes: Change::of(old.map(|old| &old.compressed_bytes), new.map(|new| &new.compressed_bytes)),
            config: both.and_then(|(old, new)| config(old, new)),
        })
    });
    changes.collect()
}

fn config(old: &Manifest, new: &Manifest) -> Option<ConfigChange> {
    let (old, new) = (old.config.as_ref()?, new.config.as_ref()?);
    let change = ConfigChange {
        user: Change::of(old.user.as_ref(), new.user.as_ref()),
        entrypoint: Change::of(Some(&old.entrypoint), Some(&new.entrypoint)),
        cmd: Change::of(Some(&old.cmd), Some(&new.cmd)),
        working_dir: Change::of(old.working_dir.as_ref(), new.working_dir.as_ref()),
        env: Names::of(env(old), env(new)),
        exposed_ports: Names::of(set(&old.exposed_ports), set(&new.exposed_ports)),
        volumes: Names::of(set(&old.volumes), set(&new.volumes)),
        labels: Names::of(labels(old), labels(new)),
    };
    (change != ConfigChange::default()).then_some(change)
}

fn env(config: &Config) -> BTreeMap<&str, &str> {
    config.env.iter().map(|entry| entry.split_once('=').unwrap_or((entry, ""))).collect()
}

fn labels(config: &Config) -> BTreeMap<&str, &str> {
    config.labels.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
}

fn set(words: &[String]) -> BTreeMap<&str, &str> {
    words.iter().map(|word| (word.as_str(), "")).collect()
}

impl Names {
    /// `None` when both are the same.
    fn of(old: BTreeMap<&str, &str>, new: BTreeMap<&str, &str>) -> Option<Self> {
        let mut names = Self::default();
        for (name, value) in &new {
            match old.get(name) {
                None => names.added.push((*name).to_owned()),
                Some(before) if before != value => names.changed.push((*name).to_owned()),
                Some(_) => {}
            }
        }
        names.removed.extend(old.keys().filter(|name| !new.contains_key(*name)).map(|name| (*name).to_owned()));
        (names != Self::default()).then_some(names)
    }
}
