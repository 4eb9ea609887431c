//! Where things come from: what is attached to an image, how it was built, and which field names it.

use super::build;
use crate::cluster::inventory::{Field, User};
use crate::facts::fixture::*;
use crate::image::{Descriptor, Document, History, ImageConfig, Index, IndexEntry};
use crate::resolve::{Attached, Attachment, Attachments, Resolution};
use crate::vocabulary::{AttachmentKind, AttachmentVia, Certainty, Role};

#[test]
fn an_index_tells_its_attestations_to_itself_and_to_its_images() {
    let (image_digest, attestation) = (digest("amd64"), digest("attestation"));
    let entry = |digest: &crate::image::Digest, annotations: &[(&str, &str)]| IndexEntry {
        descriptor: Descriptor { media_type: "m".into(), digest: digest.clone(), size: 7 },
        platform: annotations.is_empty().then(|| platform("linux/amd64")),
        os_version: None,
        annotations: annotations.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect(),
        artifact_type: None,
    };
    let about =
        [("vnd.docker.reference.type", "attestation-manifest"), ("vnd.docker.reference.digest", image_digest.as_str())];
    let index = Index {
        entries: vec![entry(&image_digest, &[]), entry(&attestation, &about)],
        annotations: [("org.opencontainers.image.revision".to_owned(), "abc".to_owned())].into(),
        skipped: Vec::new(),
    };
    let index = document_of(digest("index"), "application/vnd.oci.image.index.v1+json", Document::Index(index));
    let mut resolution = Resolution::default();
    for looked in [index, image("amd64", "linux/amd64"), image("lonely", "linux/amd64")] {
        resolution.documents.insert(looked.digest.clone(), looked);
    }
    let facts = facts(&inventory(), Some(&resolution));
    for (seed, attached) in [("index", Some(1)), ("amd64", Some(1)), ("lonely", None)] {
        let manifest = facts.manifests.iter().find(|manifest| manifest.digest == digest(seed)).unwrap();
        assert_eq!(manifest.attachments.as_ref().map(Vec::len), attached, "{seed}");
        let checked = attached.map(|_| vec![AttachmentVia::Index]);
        assert_eq!(manifest.attachments_checked, checked, "{seed}");
    }
    let index = facts.manifests.iter().find(|manifest| manifest.entries.is_some()).unwrap();
    assert_eq!(index.build.as_ref().unwrap().revision.as_deref(), Some("abc"));
}

#[test]
fn an_annotation_goes_before_an_inherited_label() {
    let labels = [
        ("org.opencontainers.image.version", "22.04"),
        ("org.label-schema.vcs-url", "https://git.example.com/app"),
        ("org.label-schema.build-date", "2026-01-02T03:04:05Z"),
        ("vcs-ref", " "),
    ];
    let history = History { comment: Some("buildkit.dockerfile.v0".to_owned()), ..History::default() };
    let config = ImageConfig {
        labels: labels.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect(),
        history: vec![history],
        ..ImageConfig::default()
    };
    let annotations = [("org.opencontainers.image.version".to_owned(), "3.1".to_owned())].into();
    let build = build::build(&annotations, Some(&config)).unwrap();
    assert_eq!((build.version.as_deref(), build.builder.as_deref()), (Some("3.1"), Some("buildkit")));
    assert_eq!((build.source.as_deref(), build.revision), (Some("https://git.example.com/app"), None));
    assert!(build.created.is_some());
    assert_eq!(build::build(&Default::default(), Some(&ImageConfig::default())), None);
}

#[test]
fn what_was_looked_up_is_told_beside_what_the_index_names() {
    let (index, found) = (digest("index"), digest("found"));
    let attachment = |digest: &crate::image::Digest, kind, via| Attachment {
        kind,
        artifact_type: None,
        digest: digest.clone(),
        size: None,
        via,
    };
    let entry = IndexEntry {
        descriptor: Descriptor { media_type: "m".into(), digest: found.clone(), size: 7 },
        platform: None,
        os_version: None,
        annotations: Default::default(),
        artifact_type: Some("application/spdx+json".to_owned()),
    };
    let document =
        Document::Index(Index { entries: vec![entry], annotations: Default::default(), skipped: Vec::new() });
    let looked = document_of(index.clone(), "m", document);
    let mut resolution = Resolution::default();
    resolution.documents.insert(index.clone(), looked);
    let told = |resolution: &Resolution| {
        let manifest = facts(&inventory(), Some(resolution)).manifests.remove(0);
        let attachments = manifest.attachments.unwrap_or_default();
        let attachments: Vec<_> = attachments.into_iter().map(|found| (found.kind, found.via)).collect();
        (attachments, manifest.attachments_checked)
    };
    let by_index = (AttachmentKind::Sbom, AttachmentVia::Index);
    assert_eq!(told(&resolution), (vec![by_index], Some(vec![AttachmentVia::Index])));

    let (signature, via) = (AttachmentKind::Signature, AttachmentVia::Tag);
    let attachments = vec![
        attachment(&digest("signature"), signature, via),
        attachment(&found, AttachmentKind::Other, AttachmentVia::Referrers),
    ];
    let checked = [AttachmentVia::Tag, AttachmentVia::Referrers].into();
    resolution.attached.insert(index.clone(), Attached { attachments, checked });
    let (mut attachments, checked) = told(&resolution);
    attachments.sort();
    assert_eq!(attachments, [(signature, via), by_index], "each once, by the way that costs least");
    assert_eq!(checked.unwrap(), AttachmentVia::ALL);

    resolution = Resolution { attachments: Attachments::None, attached: Default::default(), ..resolution };
    assert_eq!(told(&resolution), (vec![], None));
}

#[test]
fn buildpacks_tell_in_json() {
    let labels = [
        ("io.buildpacks.lifecycle.metadata", r#"{"stack": {"runImage": {"image": "index.docker.io/acme/run"}}}"#),
        (
            "io.buildpacks.project.metadata",
            r#"{"source": {"version": {"commit": "63a73f1"}, "metadata": {"repository": "https://git.example.com/app"}}}"#,
        ),
    ];
    let config = |labels: &[(&str, &str)]| ImageConfig {
        labels: labels.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect(),
        ..ImageConfig::default()
    };
    let build = build::build(&Default::default(), Some(&config(&labels))).unwrap();
    assert_eq!(build.source.as_deref(), Some("https://git.example.com/app"));
    assert_eq!(
        (build.revision.as_deref(), build.base_name.as_deref()),
        (Some("63a73f1"), Some("index.docker.io/acme/run"))
    );
    assert_eq!(build.builder.as_deref(), Some("buildpacks"));
    for odd in ["", "7", "{", &"[".repeat(100_000), r#"{"source": "x"}"#] {
        let build = super::build::build(&Default::default(), Some(&config(&[("io.buildpacks.project.metadata", odd)])));
        assert_eq!(build.unwrap().source, None);
    }
}

#[test]
fn a_custom_resources_field_is_told() {
    let mut usage = usage("ghcr.io/acme/web:v1");
    let field = Field { certainty: Certainty::Probable, path: Some("spec.image".into()) };
    usage.used_by.insert(owner("Kafka", "events", Role::Template), User { field: Some(field), ..User::default() });
    let facts = facts(&with_image("ghcr.io/acme/web:v1", usage), None);
    let told: Vec<_> = facts.images[0].used_by.iter().map(|user| (user.certainty, user.path.as_deref())).collect();
    assert_eq!(told, [(None, None), (Some(Certainty::Probable), Some("spec.image"))]);
}
