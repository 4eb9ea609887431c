//! `manifests[]`: each document that was looked at, with its config.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::attachments::{AllAttached, Attached};
use super::{build, readable};
use crate::facts::document::{Config, Entry, HistoryStep, Layer, Manifest, Time};
use crate::image::{Descriptor, Digest, Document, History, ImageConfig, IndexEntry};
use crate::resolve::{Looked, Resolution, Whole};

/// The documents that were looked at, sorted by digest, with what is attached to each.
pub struct Manifests {
    looked: std::collections::btree_map::IntoValues<Digest, Looked>,
    attached: AllAttached,
}

impl Manifests {
    pub(super) fn of(resolution: Option<Resolution>) -> Self {
        let resolution = resolution.unwrap_or_default();
        let attached = AllAttached::of_run(&resolution);
        Self { looked: resolution.documents.into_values(), attached }
    }
}

impl Iterator for Manifests {
    type Item = (Looked, Option<Attached>);

    fn next(&mut self) -> Option<Self::Item> {
        let looked = self.looked.next()?;
        let attached = self.attached.of(&looked.digest);
        Some((looked, attached))
    }
}

/// A document, but for what is attached to it. What it was made of is moved into it: nearly always nobody else holds it.
pub(in crate::facts) fn manifest(looked: Looked) -> Manifest {
    let blank = blank(&looked);
    // It was let go once it was described.
    let Some(Whole { document, config }) = looked.whole else { return blank };
    let config = config.map(Arc::unwrap_or_clone);
    match Arc::unwrap_or_clone(document) {
        Document::Index(index) => Manifest {
            build: build::build(&index.annotations, None),
            entries: Some(index.entries.into_iter().map(entry).collect()),
            annotations: Some(index.annotations),
            ..blank
        },
        Document::Image(manifest) | Document::Artifact(manifest) => Manifest {
            compressed_bytes: Some(manifest.compressed_bytes()),
            build: build::build(&manifest.annotations, config.as_ref()),
            layers: Some(layers(manifest.layers, config.as_ref())),
            annotations: Some(manifest.annotations),
            ..with_config(blank, Some(manifest.config.digest), config)
        },
        Document::Legacy(legacy) => {
            let build = build::build(&BTreeMap::new(), config.as_ref());
            let with_config = with_config(blank, None, config);
            Manifest {
                platform: with_config.platform.clone().or_else(|| legacy.platform.as_ref().and_then(readable)),
                layers: Some(legacy.layers.into_iter().map(legacy_layer).collect()),
                build,
                ..with_config
            }
        }
    }
}

/// No more of a document than what it is.
pub(in crate::facts) fn blank(looked: &Looked) -> Manifest {
    Manifest {
        digest: looked.digest.clone(),
        media_type: looked.media_type.clone(),
        kind: looked.outline.kind(),
        entries: None,
        platform: None,
        os_version: None,
        os_features: None,
        created: None,
        compressed_bytes: None,
        config: None,
        layers: None,
        history: None,
        annotations: None,
        build: None,
        attachments: None,
        attachments_checked: None,
    }
}

fn with_config(manifest: Manifest, digest: Option<Digest>, config: Option<ImageConfig>) -> Manifest {
    let Some(config) = config else { return manifest };
    Manifest {
        platform: config.platform.as_ref().and_then(readable),
        os_version: config.os_version,
        os_features: Some(config.os_features).filter(|features| !features.is_empty()),
        created: config.created.map(Time),
        history: Some(config.history.into_iter().map(history_step).collect()),
        config: Some(Config {
            digest,
            author: config.author,
            user: config.user,
            env: config.env,
            entrypoint: config.entrypoint,
            cmd: config.cmd,
            working_dir: config.working_dir,
            exposed_ports: config.exposed_ports,
            volumes: config.volumes,
            labels: config.labels,
            stop_signal: config.stop_signal,
            healthcheck: config.healthcheck.and_then(|value| match value {
                serde_json::Value::Object(object) => Some(object.into_iter().collect()),
                _ => None,
            }),
        }),
        ..manifest
    }
}

fn entry(entry: IndexEntry) -> Entry {
    Entry {
        digest: entry.descriptor.digest,
        media_type: entry.descriptor.media_type,
        size: entry.descriptor.size,
        platform: entry.platform.as_ref().and_then(readable),
        os_version: entry.os_version,
    }
}

/// The layers, each with the uncompressed layer and the build step that belong to it.
fn layers(layers: Vec<Descriptor>, config: Option<&ImageConfig>) -> Vec<Layer> {
    let diff_ids = config.map(|config| config.diff_ids.as_slice()).filter(|ids| ids.len() == layers.len());
    let mut steps = config.and_then(|config| config.steps_of(layers.len()));
    let layer = |(at, layer): (usize, Descriptor)| Layer {
        digest: layer.digest,
        media_type: Some(layer.media_type),
        size: Some(layer.size),
        diff_id: diff_ids.and_then(|ids| ids.get(at)?.clone()),
        created_by: steps.as_mut().and_then(|steps| steps.next()?.created_by.clone()),
    };
    layers.into_iter().enumerate().map(layer).collect()
}

fn legacy_layer(digest: Digest) -> Layer {
    Layer { digest, media_type: None, size: None, diff_id: None, created_by: None }
}

fn history_step(step: History) -> HistoryStep {
    HistoryStep {
        created: step.created.map(Time),
        created_by: step.created_by,
        comment: step.comment,
        empty_layer: step.empty_layer.then_some(true),
    }
}
