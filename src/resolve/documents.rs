//! What registries gave, by digest: each document is fetched once in a run.
//!
//! What a digest names is the same wherever it lies, so that a child manifest or a config that one image brought
//! serves every other. Whether a *reference* may be read is another thing, and asked for each.

use std::collections::BTreeMap;
use std::hash::Hash;
use std::sync::Arc;

use super::Looked;
use crate::credentials::Credential;
use crate::image::{Descriptor, Digest, Document, Failure, ImageConfig, InvalidDocument, Repository};
use crate::once_map::OnceMap;
use crate::registry::{Fetched, Session};
use crate::vocabulary::{DigestKind, ErrorClass, ErrorStage};

/// A repository, and how it may be read.
#[derive(Clone, Copy)]
pub(super) struct Source<'a> {
    pub(super) session: &'a Session,
    pub(super) repository: &'a Repository,
    pub(super) credential: &'a Credential,
}

/// A manifest or index, parsed.
#[derive(Debug)]
pub(super) struct Parsed {
    pub(super) document: Document,
    media_type: String,
    /// of the raw document in bytes
    size: u64,
    /// a schema 1 manifest holds its config in itself
    legacy_config: Option<Arc<ImageConfig>>,
}

/// The documents of a run.
#[derive(Default)]
pub(super) struct Documents {
    manifests: Shelf<Digest, Arc<Parsed>>,
    /// by digest and size, as a descriptor that lies about the size is refused
    configs: Shelf<(Digest, u64), Arc<ImageConfig>>,
}

/// What was fetched, from wherever, and what is being fetched.
///
/// Nobody waits for another registry than the own one: it could name what others have, and then withhold it.
struct Shelf<K, V> {
    done: OnceMap<K, V>,
    flights: OnceMap<(String, K), V>,
}

impl<K, V> Default for Shelf<K, V> {
    fn default() -> Self {
        Self { done: OnceMap::default(), flights: OnceMap::default() }
    }
}

impl<K: Clone + Eq + Hash, V: Clone> Shelf<K, V> {
    /// What is there for `key`, else what `fetch` brings from the registry of `source`.
    async fn get_or_fetch(
        &self,
        source: Source<'_>,
        key: K,
        fetch: impl Future<Output = Result<V, Failure>>,
    ) -> Result<V, Failure> {
        if let Some(done) = self.done.get(&key) {
            return Ok(done);
        }
        let flight = (source.repository.registry().to_owned(), key.clone());
        // On the heap: each layer would hold a request's large state once more, and poll it on the stack.
        let fetched = self.flights.get_or_try(flight, Box::pin(fetch)).await?;
        self.done.offer(key, fetched.clone());
        Ok(fetched)
    }
}

impl Documents {
    /// Parses and keeps what was fetched.
    pub(super) fn keep(&self, fetched: &Fetched) -> Result<Arc<Parsed>, Failure> {
        let parsed = Arc::new(Parsed::new(fetched)?);
        self.manifests.done.offer(fetched.digest.clone(), Arc::clone(&parsed));
        Ok(parsed)
    }

    /// The manifest or index that `digest` names.
    pub(super) async fn manifest(&self, source: Source<'_>, digest: &Digest) -> Result<Arc<Parsed>, Failure> {
        // A request's future is large, and many are held by others: on the heap they are small for those.
        let fetch = Box::pin(async {
            let fetched = source.session.manifest(source.repository, digest.as_str(), source.credential).await?;
            Ok(Arc::new(Parsed::new(&fetched)?))
        });
        self.manifests.get_or_fetch(source, digest.clone(), fetch).await
    }

    /// The manifest or index that an index's entry points at; its size must be as the entry says.
    pub(super) async fn child(&self, source: Source<'_>, entry: &Descriptor) -> Result<Arc<Parsed>, Failure> {
        let parsed = self.manifest(source, &entry.digest).await?;
        if parsed.size == entry.size {
            return Ok(parsed);
        }
        let message = format!(
            "{} has {} bytes, but the index says {}; push the index again",
            entry.digest, parsed.size, entry.size
        );
        Err(Failure::unsent(ErrorStage::Manifest, ErrorClass::DigestMismatch, message))
    }

    /// The config that `descriptor` points at.
    pub(super) async fn config(
        &self,
        source: Source<'_>,
        descriptor: &Descriptor,
    ) -> Result<Arc<ImageConfig>, Failure> {
        let fetch = Box::pin(async {
            let fetched = source.session.config(source.repository, descriptor, source.credential).await?;
            let config = ImageConfig::parse(&fetched.bytes);
            config.map(Arc::new).map_err(|error| invalid(ErrorStage::Config, &fetched, &error))
        });
        self.configs.get_or_fetch(source, (descriptor.digest.clone(), descriptor.size), fetch).await
    }

    /// Every document that was looked at, each with its config where that was read.
    pub(super) fn looked(&self) -> BTreeMap<Digest, Arc<Looked>> {
        let looked = |(digest, parsed): (Digest, Arc<Parsed>)| {
            let config = match &parsed.document {
                Document::Image(manifest) => {
                    let key = (manifest.config.digest.clone(), manifest.config.size);
                    self.configs.done.get(&key).map(|config| (Some(manifest.config.clone()), config))
                }
                _ => parsed.legacy_config.clone().map(|config| (None, config)),
            };
            let (media_type, document) = (parsed.media_type.clone(), parsed.document.clone());
            (digest.clone(), Arc::new(Looked { digest, media_type, document, config }))
        };
        self.manifests.done.entries().into_iter().map(looked).collect()
    }
}

impl Parsed {
    fn new(fetched: &Fetched) -> Result<Self, Failure> {
        let (document, media_type) = Document::parse(&fetched.bytes, fetched.content_type.as_deref())
            .map_err(|error| invalid(ErrorStage::Manifest, fetched, &error))?;
        let legacy_config = match &document {
            // That a schema 1 manifest has no config that can be read makes it no worse than it is.
            Document::Legacy(manifest) => {
                manifest.config.as_deref().and_then(|text| ImageConfig::parse(text.as_bytes()).ok()).map(Arc::new)
            }
            _ => None,
        };
        Ok(Self { document, media_type, size: fetched.bytes.len() as u64, legacy_config })
    }

    /// What a digest of it names.
    pub(super) fn digest_kind(&self) -> DigestKind {
        match self.document {
            Document::Index(_) => DigestKind::Index,
            Document::Image(_) | Document::Artifact(_) | Document::Legacy(_) => DigestKind::Manifest,
        }
    }
}

/// What was fetched is as its digest says, and yet no document.
fn invalid(stage: ErrorStage, fetched: &Fetched, error: &InvalidDocument) -> Failure {
    let (class, remedy) = match error {
        InvalidDocument::Unsupported(_) => (ErrorClass::Unsupported, "only its owner can say what it is for"),
        InvalidDocument::TooLarge => (ErrorClass::TooLarge, "build and push the image again"),
        // A login page that stands in for the registry answers 200 with HTML.
        InvalidDocument::Malformed(_) => (
            ErrorClass::InvalidContent,
            "if a proxy or a login page answers in the registry's place, name the registry in NO_PROXY; else build and \
             push the image again",
        ),
        InvalidDocument::Ambiguous | InvalidDocument::Contradiction { .. } => {
            (ErrorClass::InvalidContent, "do not run it before it is clear who made it; build and push the image again")
        }
    };
    let Fetched { digest, endpoint, .. } = fetched;
    let message = format!("{digest}: {endpoint} gives what cannot be used: {error} (1 attempt); {remedy}");
    Failure { endpoint: Some(endpoint.clone()), attempts: 1, ..Failure::unsent(stage, class, message) }
}
