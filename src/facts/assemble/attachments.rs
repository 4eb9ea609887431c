//! What is attached to each manifest, from wherever it was told.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::facts::document::{Attachment, Manifest};
use crate::image::{Digest, IndexEntry, Outline, attachment_kind};
use crate::resolve::{self, Attachments, Looked, Resolution};
use crate::vocabulary::AttachmentVia;

/// What is attached, by the manifest that it is attached to.
///
/// An index lists all that it carries, and each of its images what is about that image
/// (<https://docs.docker.com/build/metadata/attestations/attestation-storage/>).
pub(super) struct AllAttached(BTreeMap<Digest, resolve::Attached>);

impl AllAttached {
    /// What `resolution` was asked for: nothing, what indexes name, or what was looked up as well.
    pub(super) fn of_run(resolution: &Resolution) -> Self {
        let mut all = Self(resolution.attached.clone());
        if resolution.attachments != Attachments::None {
            resolution.documents.values().for_each(|looked| all.add_index(looked));
        }
        for attached in all.0.values_mut() {
            // The same one may be told in several ways; the one that costs least counts.
            attached.attachments.sort_by(|a, b| (&a.digest, a.via, a.kind).cmp(&(&b.digest, b.via, b.kind)));
            attached.attachments.dedup_by(|later, first| later.digest == first.digest);
        }
        all
    }

    fn add_index(&mut self, looked: &Looked) {
        let Outline::Index(index) = &*looked.outline else { return };
        self.look_at(&looked.digest);
        for entry in &index.entries {
            let Some(attachment) = attachment(entry) else {
                self.look_at(&entry.descriptor.digest);
                continue;
            };
            let subject = entry.annotations.get("vnd.docker.reference.digest");
            if let Some(subject) = subject.and_then(|digest| Digest::parse(digest).ok()) {
                self.look_at(&subject).attachments.push(attachment.clone());
            }
            self.look_at(&looked.digest).attachments.push(attachment);
        }
    }

    fn look_at(&mut self, digest: &Digest) -> &mut resolve::Attached {
        let attached = self.0.entry(digest.clone()).or_default();
        attached.checked.insert(AttachmentVia::Index);
        attached
    }

    /// What is attached to `digest`; `None` when nobody looked.
    pub(super) fn of(&self, digest: &Digest) -> Option<Attached> {
        let resolve::Attached { attachments, checked } = self.0.get(digest)?;
        Some(Attached {
            attachments: attachments.iter().map(entry).collect(),
            attachments_checked: checked.iter().copied().collect(),
        })
    }
}

/// What is attached to a manifest: the last fields of a [`Manifest`].
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Attached {
    pub(in crate::facts) attachments: Vec<Attachment>,
    pub(in crate::facts) attachments_checked: Vec<AttachmentVia>,
}

impl Attached {
    /// The manifest with what is attached to it.
    pub(in crate::facts) fn to(self, manifest: Manifest) -> Manifest {
        let Self { attachments, attachments_checked } = self;
        let (attachments, attachments_checked) = (Some(attachments), Some(attachments_checked));
        Manifest { attachments, attachments_checked, ..manifest }
    }
}

/// An entry that is no image: an attestation of BuildKit's, or an artifact.
fn attachment(entry: &IndexEntry) -> Option<resolve::Attachment> {
    let artifact_type = entry.artifact_type()?;
    Some(resolve::Attachment {
        kind: attachment_kind(artifact_type, &entry.annotations),
        artifact_type: Some(artifact_type.to_owned()),
        digest: entry.descriptor.digest.clone(),
        size: Some(entry.descriptor.size),
        via: AttachmentVia::Index,
    })
}

fn entry(attachment: &resolve::Attachment) -> Attachment {
    let resolve::Attachment { kind, artifact_type, digest, size, via } = attachment.clone();
    Attachment { kind, artifact_type, digest, size, via }
}
