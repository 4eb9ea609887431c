//! What the digests are that run: by what was read anyway, else by asking the registry. Never by guess.

use futures::future::join_all;

use super::documents::{Documents, Parsed, Source};
use super::manifests::Manifests;
use super::{RunningDigest, WantedPlatforms};
use crate::cluster::inventory::ReportedAs;
use crate::image::{Digest, Failure, Index, MediaType, Outline};
use crate::sorted::{SortedMap, SortedSet};
use crate::vocabulary::{DigestKind, ErrorClass};

/// What is known of the document that a reference names.
pub(super) struct Known<'a> {
    named: (&'a Digest, DigestKind),
    /// it, if that is what it is
    index: Option<&'a Index>,
    /// the configs that were read
    configs: &'a SortedSet<Digest>,
    /// whether every wanted platform's manifest and config was read
    is_complete: bool,
}

impl<'a> Known<'a> {
    /// Of a reference that names `parsed`, of which `manifests` were read.
    pub(super) fn of(named: &'a Digest, parsed: &'a Parsed, manifests: &'a Manifests) -> Self {
        let index = match &*parsed.outline {
            Outline::Index(index) => Some(index),
            Outline::Image(_) | Outline::Artifact(_) | Outline::Legacy { .. } => None,
        };
        let Manifests { configs, is_complete, .. } = manifests;
        Self { named: (named, parsed.digest_kind()), index, configs, is_complete: *is_complete }
    }

    /// Every digest that belongs to it: the configs, an index's entries, and its own. Of several words on one the last
    /// counts.
    fn digests(&self) -> impl Iterator<Item = (&'a Digest, DigestKind)> {
        let configs = self.configs.iter().map(|digest| (digest, DigestKind::Config));
        let entries = self.index.into_iter().flat_map(|index| &index.entries).map(|entry| {
            let kind = match MediaType::parse(&entry.descriptor.media_type) {
                MediaType::OciIndex | MediaType::DockerList => DigestKind::Index,
                _ => DigestKind::Manifest,
            };
            (&entry.descriptor.digest, kind)
        });
        configs.chain(entries).chain([self.named])
    }

    /// Whether `outline` is that of a known image, packed anew: its config is a known one.
    fn is_same_image(&self, outline: &Outline) -> bool {
        outline.config().is_some_and(|config| {
            let mut entries = self.index.into_iter().flat_map(|index| &index.entries);
            self.configs.contains(&config.digest)
                || *self.named.0 == config.digest
                || entries.any(|entry| entry.descriptor.digest == config.digest)
        })
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
    known: Option<&Known<'_>>,
) -> (SortedMap<Digest, RunningDigest>, Vec<Failure>) {
    let runs = |(digest, kind): (&Digest, DigestKind)| {
        let of_it = RunningDigest { kind, matches_resolved: Some(true), gone: false };
        running.contains_key(digest).then(|| (digest.clone(), of_it))
    };
    let mut classified: SortedMap<_, _> = known.into_iter().flat_map(Known::digests).filter_map(runs).collect();
    let others = running.iter().filter(|(digest, _)| !classified.contains_key(*digest));
    let asked = join_all(others.map(async |(digest, reported)| {
        let (running, failures) = ask(documents, source, (digest, *reported), wanted, known).await;
        ((digest.clone(), running), failures)
    }));
    let (asked, failures): (Vec<_>, Vec<_>) = asked.await.into_iter().unzip();
    classified.extend(asked);
    (classified, failures.into_iter().flatten().collect())
}

/// Asks the registry what `digest` is, and reads what is wanted of it.
async fn ask(
    documents: &Documents,
    source: Source<'_>,
    (digest, reported): (&Digest, ReportedAs),
    wanted: &WantedPlatforms,
    known: Option<&Known<'_>>,
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

#[cfg(test)]
mod tests {
    use super::*;

    const INDEX: &str = "application/vnd.oci.image.index.v1+json";
    const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

    #[test]
    fn a_digest_is_what_is_said_of_it_last() {
        let [named, nested, child, config, both] =
            ["named", "nested", "child", "config", "both"].map(|it| Digest::of(it.as_bytes()));
        let entries = [(&nested, INDEX), (&child, MANIFEST), (&both, INDEX), (&both, MANIFEST), (&named, MANIFEST)]
            .map(|(digest, kind)| serde_json::json!({"mediaType": kind, "digest": digest.as_str(), "size": 1}));
        let document = serde_json::json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries}).to_string();
        let parsed = Parsed::parse(document.as_bytes(), Some(INDEX)).unwrap();
        let mut manifests = Manifests::default();
        manifests.configs.extend([config.clone(), both.clone()]);
        let kinds: SortedMap<_, _> = Known::of(&named, &parsed, &manifests).digests().collect();
        for (digest, expected) in [
            (&named, DigestKind::Index),
            (&nested, DigestKind::Index),
            (&child, DigestKind::Manifest),
            (&config, DigestKind::Config),
            (&both, DigestKind::Manifest),
        ] {
            assert_eq!(kinds.get(&digest), Some(&expected), "{digest}");
        }
        assert_eq!(kinds.len(), 5);
    }
}
