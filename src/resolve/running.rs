//! What the digests are that run: by what was read anyway, else by asking the registry. Never by guess.

use std::collections::{HashMap, HashSet};

use futures::future::join_all;

use super::documents::Source;
use super::image::{Learned, Shared};
use super::{RunningDigest, Want};
use crate::image::{Digest, Document, Failure, MediaType};
use crate::vocabulary::{DigestKind, ErrorClass};

/// The digests that belong to what a reference names.
#[derive(Debug, Default)]
pub(super) struct Known(HashMap<Digest, DigestKind>);

impl Known {
    /// Of a reference that names `document`: its own digest, an index's entries, and the configs that were read.
    pub(super) fn of(learned: &Learned, document: &Document) -> Self {
        let mut known: HashMap<Digest, DigestKind> =
            learned.configs.iter().map(|digest| (digest.clone(), DigestKind::Config)).collect();
        let mut own = DigestKind::Manifest;
        if let Document::Index(index) = document {
            own = DigestKind::Index;
            for entry in &index.entries {
                let kind = match MediaType::parse(&entry.descriptor.media_type) {
                    MediaType::OciIndex | MediaType::DockerList => DigestKind::Index,
                    _ => DigestKind::Manifest,
                };
                known.insert(entry.descriptor.digest.clone(), kind);
            }
        }
        known.extend(learned.named.iter().map(|named| (named.digest.clone(), own)));
        Self(known)
    }
}

impl Learned {
    /// Classifies every running digest; what is not `known` costs a request each, and its config another.
    pub(super) async fn ask_for_running(&mut self, shared: &Shared, source: Source<'_>, want: &Want, known: &Known) {
        let (named, unnamed): (Vec<_>, Vec<_>) = want.running.iter().partition(|digest| known.0.contains_key(*digest));
        let of_kind = |kind| RunningDigest { kind, matches_resolved: Some(true), gone: false };
        let named = named.into_iter().filter_map(|digest| Some((digest.clone(), of_kind(*known.0.get(digest)?))));
        self.running.extend(named);

        let ask = async |digest: &Digest| (digest.clone(), ask(shared, source, digest, &self.configs).await);
        for (digest, answer) in join_all(unnamed.into_iter().map(ask)).await {
            // What a reference that names nothing would match, nobody can say.
            let differs = self.named.is_some().then_some(false);
            let (kind, matches_resolved, gone) = match answer {
                Ok(found) => {
                    self.failures.extend(found.config_failure);
                    (found.kind, if found.is_same_image { Some(true) } else { differs }, false)
                }
                // A bare config may be of a variant that could not be read.
                Err(failure) if failure.class == ErrorClass::NotFound => {
                    (DigestKind::Unknown, differs.filter(|_| self.is_complete), true)
                }
                Err(failure) => {
                    self.failures.push(failure);
                    (DigestKind::Unknown, None, false)
                }
            };
            self.running.push((digest, RunningDigest { kind, matches_resolved, gone }));
        }
    }
}

/// What the registry says of a digest.
struct Found {
    kind: DigestKind,
    /// whether its config is a known one: the same image, packed anew
    is_same_image: bool,
    config_failure: Option<Failure>,
}

/// Asks what `digest` is, and reads its config where it is an image.
async fn ask(
    shared: &Shared,
    source: Source<'_>,
    digest: &Digest,
    configs: &HashSet<Digest>,
) -> Result<Found, Failure> {
    let parsed = shared.documents.manifest(source, digest).await?;
    let Document::Image(manifest) = &parsed.document else {
        return Ok(Found { kind: parsed.digest_kind(), is_same_image: false, config_failure: None });
    };
    Ok(Found {
        kind: DigestKind::Manifest,
        is_same_image: configs.contains(&manifest.config.digest),
        config_failure: shared.documents.config(source, &manifest.config).await.err(),
    })
}
