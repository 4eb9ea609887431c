//! `manifests[]`: each document that was looked at, with its config.

use std::collections::BTreeMap;

use super::attachments::AllAttached;
use super::{build, readable};
use crate::facts::document::{Config, Entry, HistoryStep, Layer, Manifest, Time};
use crate::image::{self, Descriptor, Digest, Document, History, ImageConfig, Index};
use crate::resolve::{Looked, Resolution};

/// Every document that was looked at, sorted by digest.
pub(super) fn manifests(resolution: &Resolution) -> Vec<Manifest> {
    let attached = AllAttached::of_run(resolution);
    resolution
        .documents
        .values()
        .map(|looked| {
            let mut manifest = manifest(looked);
            let checked = attached.of(&manifest.digest);
            manifest.attachments_checked = checked.as_ref().map(|(_, checked)| checked.iter().copied().collect());
            manifest.attachments = checked.map(|(attachments, _)| attachments);
            manifest
        })
        .collect()
}

fn manifest(looked: &Looked) -> Manifest {
    let blank = blank(looked);
    let config = looked.config.as_ref().map(|(_, config)| config.as_ref());
    match &looked.document {
        Document::Index(index) => Manifest {
            entries: Some(entries(index)),
            annotations: Some(index.annotations.clone()),
            build: build::build(&index.annotations, None),
            ..blank
        },
        Document::Image(manifest) | Document::Artifact(manifest) => Manifest {
            compressed_bytes: Some(manifest.compressed_bytes()),
            layers: Some(layers(&manifest.layers, config)),
            annotations: Some(manifest.annotations.clone()),
            build: build::build(&manifest.annotations, config),
            ..with_config(blank, looked)
        },
        Document::Legacy(legacy) => {
            let with_config = with_config(blank, looked);
            Manifest {
                platform: with_config.platform.clone().or_else(|| legacy.platform.as_ref().and_then(readable)),
                layers: Some(legacy.layers.iter().map(legacy_layer).collect()),
                build: build::build(&BTreeMap::new(), config),
                ..with_config
            }
        }
    }
}

fn blank(looked: &Looked) -> Manifest {
    Manifest {
        digest: looked.digest.clone(),
        media_type: looked.media_type.clone(),
        kind: looked.document.kind(),
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

fn with_config(manifest: Manifest, looked: &Looked) -> Manifest {
    let Some((descriptor, config)) = &looked.config else { return manifest };
    Manifest {
        platform: config.platform.as_ref().and_then(readable),
        os_version: config.os_version.clone(),
        os_features: Some(config.os_features.clone()).filter(|features| !features.is_empty()),
        created: time(config.created.as_deref()),
        config: Some(run_config(descriptor.as_ref(), config)),
        history: Some(config.history.iter().map(history_step).collect()),
        ..manifest
    }
}

fn run_config(descriptor: Option<&Descriptor>, config: &ImageConfig) -> Config {
    Config {
        digest: descriptor.map(|descriptor| descriptor.digest.clone()),
        author: config.author.clone(),
        user: config.user.clone(),
        env: config.env.clone(),
        entrypoint: config.entrypoint.clone(),
        cmd: config.cmd.clone(),
        working_dir: config.working_dir.clone(),
        exposed_ports: config.exposed_ports.clone(),
        volumes: config.volumes.clone(),
        labels: config.labels.clone(),
        stop_signal: config.stop_signal.clone(),
        healthcheck: config
            .healthcheck
            .as_ref()
            .and_then(|value| value.as_object())
            .map(|object| object.iter().map(|(name, value)| (name.clone(), value.clone())).collect::<BTreeMap<_, _>>()),
    }
}

/// In the index's own order, which decides between two entries for one platform.
fn entries(index: &Index) -> Vec<Entry> {
    index
        .entries
        .iter()
        .map(|entry| Entry {
            digest: entry.descriptor.digest.clone(),
            media_type: entry.descriptor.media_type.clone(),
            size: entry.descriptor.size,
            platform: entry.platform.as_ref().and_then(readable),
            os_version: entry.os_version.clone(),
        })
        .collect()
}

/// The layers, each with the uncompressed layer and the build step that belong to it.
///
/// Steps and layers are joined only when there are as many steps with a layer as layers: a guess would blame the
/// wrong instruction.
fn layers(layers: &[Descriptor], config: Option<&ImageConfig>) -> Vec<Layer> {
    let diff_ids = config.map(|config| config.diff_ids.as_slice()).filter(|ids| ids.len() == layers.len());
    let steps: Vec<&History> =
        config.into_iter().flat_map(|config| &config.history).filter(|step| !step.empty_layer).collect();
    let steps = Some(steps).filter(|steps| steps.len() == layers.len());
    let layer = |(at, layer): (usize, &image::Descriptor)| Layer {
        digest: layer.digest.clone(),
        media_type: Some(layer.media_type.clone()),
        size: Some(layer.size),
        diff_id: diff_ids.and_then(|ids| ids.get(at)?.clone()),
        created_by: steps.as_ref().and_then(|steps| steps.get(at)?.created_by.clone()),
    };
    layers.iter().enumerate().map(layer).collect()
}

fn legacy_layer(digest: &Digest) -> Layer {
    Layer { digest: digest.clone(), media_type: None, size: None, diff_id: None, created_by: None }
}

fn history_step(step: &History) -> HistoryStep {
    HistoryStep {
        created: time(step.created.as_deref()),
        created_by: step.created_by.clone(),
        comment: step.comment.clone(),
        empty_layer: step.empty_layer.then_some(true),
    }
}

/// A moment as a builder wrote it, in UTC; absent when it is none, or lies before the years that RFC 3339 knows.
pub(super) fn time(text: Option<&str>) -> Option<Time> {
    let time: jiff::Timestamp = text?.trim().parse().ok()?;
    (time.to_zoned(jiff::tz::TimeZone::UTC).year() >= 0).then_some(Time(time))
}
