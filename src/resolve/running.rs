//! What the digests are that run: by what was read anyway, else by asking the registry. Never by guess.

use std::collections::HashMap;

use futures::future::join_all;

use super::documents::{Documents, Parsed, Source};
use super::manifests::Manifests;
use super::{RunningDigest, WantedPlatforms};
use crate::cluster::inventory::ReportedAs;
use crate::image::{Digest, Failure, MediaType, Outline};
use crate::sorted::{SortedMap, SortedSet};
use crate::vocabulary::{DigestKind, ErrorClass};

/// What is known of the document that a reference names.
pub(super) struct Known {
    /// every digest that belongs to it
    digests: HashMap<Digest, DigestKind>,
    /// whether every wanted platform's manifest and config was read
    is_complete: bool,
}

impl Known {
    /// Of a reference that names `parsed`: its own digest, an index's entries, and the `configs` that were read.
    pub(super) fn of(named: &Digest, parsed: &Parsed, configs: &SortedSet<Digest>, is_complete: bool) -> Self {
        let mut digests: HashMap<Digest, DigestKind> =
            configs.iter().map(|digest| (digest.clone(), DigestKind::Config)).collect();
        if let Outline::Index(index) = &*parsed.outline {
            digests.extend(index.entries.iter().map(|entry| {
                let kind = match MediaType::parse(&entry.descriptor.media_type) {
                    MediaType::OciIndex | MediaType::DockerList => DigestKind::Index,
                    _ => DigestKind::Manifest,
                };
                (entry.descriptor.digest.clone(), kind)
            }));
        }
        digests.insert(named.clone(), parsed.digest_kind());
        Self { digests, is_complete }
    }

    /// Whether `outline` is that of a known image, packed anew: its config is a known one.
    fn is_same_image(&self, outline: &Outline) -> bool {
        outline.config().is_some_and(|config| self.digests.contains_key(&config.digest))
    }
}

/// Classifies every digest of `running`. What is not `known` costs a request each, and is then read like what a
/// reference names: the manifests and configs of the `wanted` platforms, so that the facts describe what runs.
///
/// `known` is `None` for a reference that names nothing: then nobody can say what matches it. Failures are those to
/// ask; that a registry does not have a digest is an answer.
pub(super) async fn classify(
    documents: &Documents,
    source: Source<'_>,
    running: &SortedMap<Digest, ReportedAs>,
    wanted: &WantedPlatforms,
    known: Option<&Known>,
) -> (Vec<(Digest, RunningDigest)>, Vec<Failure>) {
    let classified = join_all(running.iter().map(async |(digest, reported)| {
        let named = known.and_then(|known| known.digests.get(digest));
        let (running, failures) = match named {
            Some(kind) => (RunningDigest { kind: *kind, matches_resolved: Some(true), gone: false }, Vec::new()),
            None => ask(documents, source, (digest, *reported), wanted, known).await,
        };
        ((digest.clone(), running), failures)
    }));
    let (running, failures): (Vec<_>, Vec<_>) = classified.await.into_iter().unzip();
    (running, failures.into_iter().flatten().collect())
}

/// Asks the registry what `digest` is, and reads what is wanted of it.
async fn ask(
    documents: &Documents,
    source: Source<'_>,
    (digest, reported): (&Digest, ReportedAs),
    wanted: &WantedPlatforms,
    known: Option<&Known>,
) -> (RunningDigest, Vec<Failure>) {
    match documents.running(source, digest).await {
        Ok(parsed) => {
            let matches_resolved = known.map(|known| known.is_same_image(&parsed.outline));
            let mut manifests = Manifests::default();
            manifests.read(documents, source, digest, &parsed, wanted).await;
            (RunningDigest { kind: parsed.digest_kind(), matches_resolved, gone: false }, manifests.failures)
        }
        Err(failure) if failure.class == ErrorClass::NotFound => {
            // It may be the bare config of a variant that could not be read.
            let matches_resolved = known.filter(|known| known.is_complete).map(|_| false);
            // Or that of an older image, which the registry may have all the same: it knows no config as a manifest.
            let gone = reported == ReportedAs::RepoDigest;
            (RunningDigest { kind: DigestKind::Unknown, matches_resolved, gone }, Vec::new())
        }
        Err(failure) => {
            (RunningDigest { kind: DigestKind::Unknown, matches_resolved: None, gone: false }, vec![failure])
        }
    }
}
