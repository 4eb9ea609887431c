//! Attachments that an index names among its entries, which cost no request.

use std::collections::BTreeMap;

use crate::facts::document::Attachment;
use crate::image::{Digest, Document, IndexEntry};
use crate::resolve::Looked;
use crate::vocabulary::{AttachmentKind, AttachmentVia};

/// What the looked-at indexes name as attached, by the manifest that it is attached to.
///
/// An index lists all that it carries, and each of its images what is about that image
/// (<https://docs.docker.com/build/metadata/attestations/attestation-storage/>).
pub(super) struct Attached(BTreeMap<Digest, Vec<Attachment>>);

impl Attached {
    pub(super) fn from_indexes<'a>(documents: impl Iterator<Item = &'a Looked>) -> Self {
        let mut attached: BTreeMap<Digest, Vec<Attachment>> = BTreeMap::new();
        for looked in documents {
            let Document::Index(index) = &looked.document else { continue };
            attached.entry(looked.digest.clone()).or_default();
            for entry in &index.entries {
                match attachment(entry) {
                    Some(attachment) => {
                        let subject = entry.annotations.get("vnd.docker.reference.digest");
                        if let Some(subject) = subject.and_then(|digest| Digest::parse(digest).ok()) {
                            attached.entry(subject).or_default().push(attachment.clone());
                        }
                        attached.entry(looked.digest.clone()).or_default().push(attachment);
                    }
                    None => drop(attached.entry(entry.descriptor.digest.clone()).or_default()),
                }
            }
        }
        for attachments in attached.values_mut() {
            attachments.sort_by(|a, b| (&a.digest, a.kind).cmp(&(&b.digest, b.kind)));
            attachments.dedup();
        }
        Self(attached)
    }

    /// What is attached to `digest`, and where was looked; `None` when no index names it.
    pub(super) fn of(&self, digest: &Digest) -> Option<(Vec<Attachment>, Vec<AttachmentVia>)> {
        Some((self.0.get(digest)?.clone(), vec![AttachmentVia::Index]))
    }
}

/// An entry that is no image: an attestation of BuildKit's, or an artifact.
fn attachment(entry: &IndexEntry) -> Option<Attachment> {
    let artifact_type = match (&entry.artifact_type, entry.annotations.get("vnd.docker.reference.type")) {
        (Some(artifact), _) => artifact,
        (None, Some(reference_type)) => reference_type,
        (None, None) => return None,
    };
    Some(Attachment {
        kind: kind(artifact_type),
        artifact_type: Some(artifact_type.clone()),
        digest: entry.descriptor.digest.clone(),
        size: Some(entry.descriptor.size),
        via: AttachmentVia::Index,
    })
}

/// What an artifact is, by what it calls itself. BuildKit's attestation manifests may hold several kinds at once, and
/// only their layers tell which: they are `other`.
fn kind(artifact_type: &str) -> AttachmentKind {
    let text = artifact_type.to_ascii_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| text.contains(word));
    if has(&["signature", "cosign.simplesigning", "sigstore.bundle", "notary"]) {
        AttachmentKind::Signature
    } else if has(&["spdx", "cyclonedx", "sbom", "syft"]) {
        AttachmentKind::Sbom
    } else if has(&["sarif", "vuln"]) {
        AttachmentKind::VulnerabilityReport
    } else if has(&["slsa", "provenance"]) {
        AttachmentKind::Provenance
    } else {
        AttachmentKind::Other
    }
}
