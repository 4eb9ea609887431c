//! Where in a document text from outside stands, in the document's order.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::{self, Arguments, Display, Formatter};

use serde_json::Value;

use super::{Masker, hidden_reference};
use crate::facts::document::{Attachment, Build, Config, Finding, Image, ImageFacts, Manifest};

/// Masks every text that someone else wrote and that stands before the manifests.
pub(super) fn begin<M>(facts: &mut ImageFacts<M>, masker: &mut Masker) {
    arrange(facts);
    optional(masker, format_args!("/source/context"), &mut facts.source.context);
    for (at, path) in facts.source.paths.iter_mut().flatten().enumerate() {
        masker.text(format_args!("/source/paths/{at}"), path);
    }
    for (at, image) in facts.images.iter_mut().enumerate() {
        walk_image(format_args!("/images/{at}"), image, masker);
    }
}

/// Masks every text that someone else wrote and that stands after the manifests.
pub(super) fn end<M>(facts: &mut ImageFacts<M>, masker: &mut Masker) {
    for (at, finding) in facts.findings.iter_mut().enumerate() {
        walk_finding(format_args!("/findings/{at}"), finding, masker);
    }
    for (at, gap) in facts.gaps.iter_mut().enumerate() {
        masker.text(format_args!("/gaps/{at}/message"), &mut gap.message);
    }
}

/// Sorts by what will be read: an invalid reference may be a URL with a password, and masked it may belong elsewhere.
fn arrange<M>(facts: &mut ImageFacts<M>) {
    if !facts.images.iter().all(|image| is_named(image)) {
        facts.images.sort_by_cached_key(|image| hidden_reference(&image.reference));
    }
    facts.findings.sort_by_cached_key(|finding| {
        let image = finding.image.as_deref().map(hidden_reference);
        (finding.severity, finding.code.as_str(), image, finding.subjects.first().cloned())
    });
}

/// Whether an image has a valid reference, of which its registry is a part. So have its spellings then: it was read from them.
fn is_named(image: &Image) -> bool {
    image.registry.is_some()
}

fn walk_image(place: Arguments<'_>, image: &mut Image, masker: &mut Masker) {
    if !is_named(image) {
        masker.reference(format_args!("{place}/reference"), &mut image.reference);
        for (at, spelling) in image.written_as.iter_mut().enumerate() {
            masker.reference(format_args!("{place}/writtenAs/{at}"), spelling);
        }
    }
    for (at, waiting) in image.waiting.iter_mut().flatten().enumerate() {
        masker.text(format_args!("{place}/waiting/{at}/message"), &mut waiting.message);
    }
    for (at, error) in image.errors.iter_mut().flatten().enumerate() {
        masker.text(format_args!("{place}/errors/{at}/message"), &mut error.message);
    }
}

/// Masks every text of a manifest that someone else wrote. Places are told from the manifest on.
pub(super) fn manifest(manifest: &mut Manifest, masker: &mut Masker) {
    masker.text(format_args!("/mediaType"), &mut manifest.media_type);
    for (at, entry) in manifest.entries.iter_mut().flatten().enumerate() {
        media_type(masker, format_args!("/entries/{at}/mediaType"), &mut entry.media_type);
        optional(masker, format_args!("/entries/{at}/osVersion"), &mut entry.os_version);
    }
    optional(masker, format_args!("/osVersion"), &mut manifest.os_version);
    texts(masker, format_args!("/osFeatures"), manifest.os_features.iter_mut().flatten());
    if let Some(config) = &mut manifest.config {
        walk_config("/config", config, masker);
    }
    for (at, layer) in manifest.layers.iter_mut().flatten().enumerate() {
        if let Some(text) = &mut layer.media_type {
            media_type(masker, format_args!("/layers/{at}/mediaType"), text);
        }
        if let Some(step) = &mut layer.created_by {
            masker.step(format_args!("/layers/{at}/createdBy"), step);
        }
    }
    // What made a layer stands in the history once more, in the same order. What was left as it is need not be looked at again.
    let mut seen = manifest.layers.iter().flatten().filter_map(|layer| layer.created_by.as_ref()).peekable();
    for (at, step) in manifest.history.iter_mut().flatten().enumerate() {
        if let Some(step) = &mut step.created_by
            && seen.next_if_eq(&&*step).is_none()
        {
            masker.step(format_args!("/history/{at}/createdBy"), step);
        }
        if let Some(comment) = &mut step.comment {
            masker.value(format_args!("/history/{at}/comment"), comment);
        }
    }
    if let Some(annotations) = &mut manifest.annotations {
        walk_map(format_args!("/annotations"), annotations, masker);
    }
    if let Some(build) = &mut manifest.build {
        walk_build("/build", build, masker);
    }
    attachments(manifest.attachments.as_deref_mut().unwrap_or_default(), masker);
}

/// Masks every text of what is attached to a manifest. Places are told from the manifest on.
pub(super) fn attachments(attachments: &mut [Attachment], masker: &mut Masker) {
    for (at, attachment) in attachments.iter_mut().enumerate() {
        optional(masker, format_args!("/attachments/{at}/artifactType"), &mut attachment.artifact_type);
    }
}

fn walk_config(place: &str, config: &mut Config, masker: &mut Masker) {
    for (name, text) in [("author", &mut config.author), ("user", &mut config.user)] {
        if let Some(text) = text {
            masker.text(format_args!("{place}/{name}"), text);
        }
    }
    for (at, variable) in config.env.iter_mut().enumerate() {
        masker.variable(format_args!("{place}/env/{at}"), variable);
    }
    masker.arguments(format_args!("{place}/entrypoint"), &mut config.entrypoint);
    masker.arguments(format_args!("{place}/cmd"), &mut config.cmd);
    optional(masker, format_args!("{place}/workingDir"), &mut config.working_dir);
    texts(masker, format_args!("{place}/exposedPorts"), config.exposed_ports.iter_mut());
    texts(masker, format_args!("{place}/volumes"), config.volumes.iter_mut());
    walk_map(format_args!("{place}/labels"), &mut config.labels, masker);
    optional(masker, format_args!("{place}/stopSignal"), &mut config.stop_signal);
    for (name, value) in config.healthcheck.iter_mut().flatten() {
        walk_json(&format!("{place}/healthcheck/{}", Escaped(name)), value, masker);
    }
}

fn walk_map(place: Arguments<'_>, map: &mut BTreeMap<String, String>, masker: &mut Masker) {
    for (name, text) in map.iter_mut() {
        masker.named(format_args!("{place}/{}", Escaped(name)), name, text);
    }
}

fn walk_build(place: &str, build: &mut Build, masker: &mut Masker) {
    let texts = [
        ("source", &mut build.source),
        ("revision", &mut build.revision),
        ("version", &mut build.version),
        ("baseName", &mut build.base_name),
        ("baseDigest", &mut build.base_digest),
        ("builder", &mut build.builder),
    ];
    for (name, text) in texts {
        if let Some(text) = text {
            masker.value(format_args!("{place}/{name}"), text);
        }
    }
}

fn walk_finding(place: Arguments<'_>, finding: &mut Finding, masker: &mut Masker) {
    if let Some(image) = &mut finding.image {
        masker.reference(format_args!("{place}/image"), image);
    }
    masker.text(format_args!("{place}/message"), &mut finding.message);
    optional(masker, format_args!("{place}/remedy"), &mut finding.remedy);
    for (name, value) in &mut finding.evidence {
        walk_words(&format!("{place}/evidence/{}", Escaped(name)), value, masker);
    }
}

/// A command and its settings, as JSON.
fn walk_json(place: &str, value: &mut Value, masker: &mut Masker) {
    match value {
        Value::String(text) => masker.value(format_args!("{place}"), text),
        Value::Array(items) if items.iter().all(Value::is_string) => {
            let mut words: Vec<String> = items.iter().filter_map(|item| item.as_str().map(str::to_owned)).collect();
            masker.arguments(format_args!("{place}"), &mut words);
            *items = words.into_iter().map(Value::String).collect();
        }
        Value::Array(items) => {
            for (at, item) in items.iter_mut().enumerate() {
                walk_json(&format!("{place}/{at}"), item, masker);
            }
        }
        Value::Object(fields) => {
            for (name, field) in fields.iter_mut() {
                walk_json(&format!("{place}/{}", Escaped(name)), field, masker);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Our own words, in which others' may be quoted.
fn walk_words(place: &str, value: &mut Value, masker: &mut Masker) {
    match value {
        Value::String(text) => masker.text(format_args!("{place}"), text),
        Value::Array(items) => {
            for (at, item) in items.iter_mut().enumerate() {
                walk_words(&format!("{place}/{at}"), item, masker);
            }
        }
        Value::Object(fields) => {
            for (name, field) in fields.iter_mut() {
                walk_words(&format!("{place}/{}", Escaped(name)), field, masker);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn texts<'a>(masker: &mut Masker, place: Arguments<'_>, texts: impl Iterator<Item = &'a mut String>) {
    for (at, text) in texts.enumerate() {
        masker.text(format_args!("{place}/{at}"), text);
    }
}

/// Those that the program knows hold no secret.
fn media_type(masker: &mut Masker, place: Arguments<'_>, text: &mut Cow<'_, str>) {
    if let Cow::Owned(text) = text {
        masker.text(place, text);
    }
}

fn optional(masker: &mut Masker, place: Arguments<'_>, text: &mut Option<String>) {
    if let Some(text) = text {
        masker.text(place, text);
    }
}

/// A name as a part of a JSON pointer (RFC 6901).
struct Escaped<'a>(&'a str);

impl Display for Escaped<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for piece in self.0.split_inclusive(['~', '/']) {
            match (piece.strip_suffix('~'), piece.strip_suffix('/')) {
                (Some(text), _) => write!(f, "{text}~0")?,
                (_, Some(text)) => write!(f, "{text}~1")?,
                (None, None) => f.write_str(piece)?,
            }
        }
        Ok(())
    }
}
