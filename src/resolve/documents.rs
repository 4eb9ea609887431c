//! What registries gave, by digest: each document is fetched once in a run.
//!
//! What a digest names is the same wherever it lies, so that a child manifest or a config that one image brought
//! serves every other. Whether a *reference* may be read is another thing, and asked for each.

use std::collections::BTreeMap;
use std::hash::Hash;
use std::sync::Arc;

use super::head::head;
use super::stored::Stored;
use super::{Looked, OnLooked};
use crate::credentials::Credential;
use crate::image::{Descriptor, Digest, Document, Failure, ImageConfig, InvalidDocument, PackedConfig, Repository};
use crate::once_map::OnceMap;
use crate::registry::{Fetched, Session};
use crate::vocabulary::{DigestKind, ErrorClass, ErrorStage};

/// A repository, and how it may be read.
#[derive(Clone, Copy)]
pub(super) struct Source<'a> {
    pub(super) session: &'a Session,
    pub(super) repository: &'a Repository,
    pub(super) credential: &'a Credential,
    /// its registry cannot be asked: only what is known already is to be had
    pub(super) is_offline: bool,
}

/// A manifest or index, parsed.
#[derive(Debug)]
pub(super) struct Parsed {
    pub(super) document: Arc<Document>,
    pub(super) media_type: String,
    /// of the raw document in bytes
    size: u64,
    /// a schema 1 manifest holds its config in itself
    legacy_config: Option<Arc<PackedConfig>>,
}

/// The documents of a run.
pub(super) struct Documents {
    /// those of earlier runs
    pub(super) stored: Stored,
    manifests: Shelf<Digest, Arc<Parsed>>,
    /// by digest and size, as a descriptor that lies about the size is refused
    configs: Shelf<(Digest, u64), Arc<PackedConfig>>,
    on_looked: OnLooked,
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
        let fetched = self.flights.get_or_try(flight.clone(), Box::pin(fetch)).await?;
        self.done.offer(key, fetched.clone());
        // Who comes later finds it on the shelf.
        self.flights.forget(&flight);
        Ok(fetched)
    }
}

impl Documents {
    /// None yet, but those that earlier runs `stored`.
    pub(super) fn new(stored: Stored, on_looked: OnLooked) -> Self {
        Self { stored, manifests: Shelf::default(), configs: Shelf::default(), on_looked }
    }

    /// Parses and keeps what was fetched.
    pub(super) async fn keep(&self, fetched: &Fetched) -> Result<Arc<Parsed>, Failure> {
        let parsed = Arc::new(Parsed::new(fetched)?);
        self.manifests.done.offer(fetched.digest.clone(), Arc::clone(&parsed));
        self.stored.keep(&fetched.digest, &parsed.media_type, &fetched.bytes).await;
        Ok(parsed)
    }

    /// The manifest or index that `digest` names, which a registry named in this run.
    pub(super) async fn manifest(&self, source: Source<'_>, digest: &Digest) -> Result<Arc<Parsed>, Failure> {
        let read = Box::pin(self.read_manifest(source, digest));
        self.manifests.get_or_fetch(source, digest.clone(), read).await
    }

    /// The manifest or index that `digest` names, which only a node named: the registry is asked whether it has it.
    pub(super) async fn running(&self, source: Source<'_>, digest: &Digest) -> Result<Arc<Parsed>, Failure> {
        let Source { session, repository, credential, is_offline } = source;
        let confirm_or_fetch = Box::pin(async {
            let is_confirmed = is_offline
                || self.stored.has(digest).await
                    && head(session, repository, digest.as_str(), credential).await?.is_some();
            match is_confirmed {
                true => self.read_manifest(source, digest).await,
                false => self.fetch_manifest(source, digest).await,
            }
        });
        self.manifests.get_or_fetch(source, digest.clone(), confirm_or_fetch).await
    }

    async fn read_manifest(&self, source: Source<'_>, digest: &Digest) -> Result<Arc<Parsed>, Failure> {
        match self.stored.manifest(digest).await {
            Some(parsed) => Ok(Arc::new(parsed)),
            None => self.fetch_manifest(source, digest).await,
        }
    }

    async fn fetch_manifest(&self, source: Source<'_>, digest: &Digest) -> Result<Arc<Parsed>, Failure> {
        source.require_online(ErrorStage::Manifest, digest)?;
        // A request's future is large, and many are held by others: on the heap it is small for those.
        let asking = source.session.manifest(source.repository, digest.as_str(), source.credential);
        let fetched = Box::pin(asking).await?;
        let parsed = Parsed::new(&fetched)?;
        self.stored.keep(digest, &parsed.media_type, &fetched.bytes).await;
        Ok(Arc::new(parsed))
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
    ) -> Result<Arc<PackedConfig>, Failure> {
        let fetch = Box::pin(async {
            if let Some(config) = self.stored.config(descriptor).await {
                return Ok(Arc::new(config.into()));
            }
            source.require_online(ErrorStage::Config, &descriptor.digest)?;
            let fetched = source.session.config(source.repository, descriptor, source.credential).await?;
            let config =
                ImageConfig::parse(&fetched.bytes).map_err(|error| invalid(ErrorStage::Config, &fetched, &error))?;
            self.stored.keep(&descriptor.digest, "", &fetched.bytes).await;
            Ok(Arc::new(config.into()))
        });
        self.configs.get_or_fetch(source, (descriptor.digest.clone(), descriptor.size), fetch).await
    }

    /// Shows the document that `digest` names, if there is no more to be read of it.
    pub(super) fn show(&self, digest: &Digest) {
        if let Some(parsed) = self.manifests.done.get(digest) {
            let looked = self.look(digest.clone(), &parsed);
            if looked.config.is_some() || !matches!(*looked.document, Document::Image(_)) {
                (self.on_looked)(&looked);
            }
        }
    }

    /// Every document that was looked at, each with its config where that was read.
    pub(super) fn looked(&self) -> BTreeMap<Digest, Arc<Looked>> {
        let looked = |(digest, parsed): (Digest, Arc<Parsed>)| (digest.clone(), Arc::new(self.look(digest, &parsed)));
        self.manifests.done.entries().into_iter().map(looked).collect()
    }

    fn look(&self, digest: Digest, parsed: &Parsed) -> Looked {
        let config = match &*parsed.document {
            Document::Image(manifest) => {
                let key = (manifest.config.digest.clone(), manifest.config.size);
                self.configs.done.get(&key).map(|config| (Some(manifest.config.clone()), config))
            }
            _ => parsed.legacy_config.clone().map(|config| (None, config)),
        };
        let (media_type, document) = (parsed.media_type.clone(), parsed.document.clone());
        Looked { digest, media_type, document, config }
    }
}

impl Source<'_> {
    /// Fails when the registry, which would have to be asked for `digest`, cannot be.
    fn require_online(self, stage: ErrorStage, digest: &Digest) -> Result<(), Failure> {
        if !self.is_offline {
            return Ok(());
        }
        let message =
            format!("{digest} is not in the cache, and its registry cannot be asked; run again when it can be");
        Err(Failure::unsent(stage, ErrorClass::Connect, message))
    }
}

impl Parsed {
    fn new(fetched: &Fetched) -> Result<Self, Failure> {
        Self::parse(&fetched.bytes, fetched.content_type.as_deref())
            .map_err(|error| invalid(ErrorStage::Manifest, fetched, &error))
    }

    /// Parses a document that was given as `content_type`.
    pub(super) fn parse(bytes: &[u8], content_type: Option<&str>) -> Result<Self, InvalidDocument> {
        let (document, media_type) = Document::parse(bytes, content_type)?;
        let legacy_config = match &document {
            // That a schema 1 manifest has no config that can be read makes it no worse than it is.
            Document::Legacy(manifest) => manifest
                .config
                .as_deref()
                .and_then(|text| ImageConfig::parse(text.as_bytes()).ok())
                .map(|config| Arc::new(config.into())),
            _ => None,
        };
        Ok(Self { document: Arc::new(document), media_type, size: bytes.len() as u64, legacy_config })
    }

    /// What a digest of it names.
    pub(super) fn digest_kind(&self) -> DigestKind {
        match *self.document {
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
