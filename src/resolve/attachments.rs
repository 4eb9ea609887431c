//! What is attached to an image beside its own index: by the referrers API and by cosign's tags. Metadata only.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures::future::{join, join_all};

use super::documents::Source;
use super::{Attached, Attachment};
use crate::image::{Digest, Document, Failure, IndexEntry, Repository, attachment_kind};
use crate::once_map::OnceMap;
use crate::vocabulary::{AttachmentKind, AttachmentVia, ErrorClass, ErrorStage};

/// The endings of the tags that cosign puts beside an image
/// (<https://github.com/sigstore/cosign/blob/main/specs/SIGNATURE_SPEC.md>). What an attestation states, its tag does
/// not tell.
const COSIGN: &[(&str, AttachmentKind)] =
    &[("sig", AttachmentKind::Signature), ("att", AttachmentKind::Other), ("sbom", AttachmentKind::Sbom)];
/// How much of a digest's hex stands in a tag (<https://github.com/opencontainers/distribution-spec>, referrers tag
/// schema).
const TAG_HEX: usize = 64;

/// What was looked up in a run. Unlike a document, an attachment is one in its repository only.
#[derive(Default)]
pub(super) struct Lookups(OnceMap<(Repository, Digest), Arc<Lookup>>);

/// What is attached to a manifest, as far as it could be learned.
#[derive(Debug)]
struct Lookup {
    attached: Attached,
    failures: Vec<Failure>,
}

impl Lookups {
    /// Looks up what is attached to each of `digests`, once in a run. Returns what went wrong.
    pub(super) async fn look_up(&self, source: Source<'_>, digests: BTreeSet<Digest>) -> Vec<Failure> {
        let lookups = join_all(digests.into_iter().map(async |digest| {
            let look_up = Box::pin(async { Ok::<_, Failure>(Arc::new(look_up(source, &digest).await)) });
            self.0.get_or_try((source.repository.clone(), digest.clone()), look_up).await
        }));
        let lookups = lookups.await.into_iter().flatten();
        lookups.flat_map(|lookup| lookup.failures.clone()).collect()
    }

    /// Takes out everything that was found, by what it is attached to.
    pub(super) fn take_found(&self) -> BTreeMap<Digest, Attached> {
        let mut found: BTreeMap<Digest, Attached> = BTreeMap::new();
        for ((_, digest), lookup) in self.0.take_all() {
            let attached = found.entry(digest).or_default();
            attached.attachments.extend(lookup.attached.attachments.iter().cloned());
            attached.checked.extend(&lookup.attached.checked);
        }
        found
    }
}

async fn look_up(source: Source<'_>, digest: &Digest) -> Lookup {
    let (referrers, tags) = join(by_referrers(source, digest), by_tags(source, digest)).await;
    let (mut attached, mut failures) = (Attached::default(), Vec::new());
    for (via, found) in [(AttachmentVia::Referrers, referrers), (AttachmentVia::Tag, tags)] {
        match found {
            Ok(attachments) => {
                attached.checked.insert(via);
                attached.attachments.extend(attachments);
            }
            Err(failure) => failures.push(Failure { stage: ErrorStage::Attachments, ..failure }),
        }
    }
    Lookup { attached, failures }
}

/// By the referrers API; where the registry does not know it, by the tag that stands in for it.
async fn by_referrers(source: Source<'_>, digest: &Digest) -> Result<Vec<Attachment>, Failure> {
    let entries = match source.session.referrers(source.repository, digest, source.credential).await? {
        Some(entries) => entries,
        None => match source.session.manifest(source.repository, &tag(digest), source.credential).await {
            Ok(fetched) => match Document::parse(&fetched.bytes, fetched.content_type.as_deref()) {
                Ok((Document::Index(index), _)) => index.entries,
                // Something else has a tag of this form.
                _ => Vec::new(),
            },
            Err(failure) if failure.class == ErrorClass::NotFound => Vec::new(),
            Err(failure) => return Err(failure),
        },
    };
    Ok(entries.into_iter().map(referrer).collect())
}

fn referrer(entry: IndexEntry) -> Attachment {
    let artifact_type = entry.artifact_type().map(str::to_owned);
    Attachment {
        kind: attachment_kind(artifact_type.as_deref().unwrap_or_default(), &entry.annotations),
        artifact_type,
        digest: entry.descriptor.digest,
        size: Some(entry.descriptor.size),
        via: AttachmentVia::Referrers,
    }
}

/// By cosign's tags, whose existence is all that is asked for.
async fn by_tags(source: Source<'_>, digest: &Digest) -> Result<Vec<Attachment>, Failure> {
    let heads = join_all(COSIGN.iter().map(async |(ending, kind)| {
        let tag = format!("{}.{ending}", tag(digest));
        match source.session.head(source.repository, &tag, source.credential).await {
            Ok(head) => Ok(head.digest.map(|digest| (digest, *kind))),
            Err(failure) if failure.class == ErrorClass::NotFound => Ok(None),
            Err(failure) => Err(failure),
        }
    }));
    let found: Vec<_> = heads.await.into_iter().collect::<Result<_, _>>()?;
    let attachment =
        |(digest, kind)| Attachment { kind, artifact_type: None, digest, size: None, via: AttachmentVia::Tag };
    Ok(found.into_iter().flatten().map(attachment).collect())
}

/// `sha256-<hex>`
fn tag(digest: &Digest) -> String {
    let hex: String = digest.hex().chars().take(TAG_HEX).collect();
    format!("{}-{hex}", digest.algorithm())
}
