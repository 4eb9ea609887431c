//! What registries gave, by digest: each document is fetched once in a run.
//!
//! What a digest names is the same wherever it lies, so that a child manifest or a config that one image brought
//! serves every other. Whether a *reference* may be read is another thing, and asked for each.
//!
//! Who wants to describe documents is shown each once, when all of it was read (`shows`). Then no more than its outline stays, or
//! thousands of images would be most of a run's memory.

use std::hash::Hash;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use super::head::head;
use super::shows::Shows;
use super::stored::Stored;
use super::{Looked, OnLooked, Whole};
use crate::credentials::Credential;
use crate::image::{
    ConfigOutline, Descriptor, Digest, Document, Failure, ImageConfig, InvalidDocument, Outline, Repository,
};
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
    pub(super) outline: Arc<Outline>,
    pub(super) media_type: String,
    /// of the raw document in bytes
    size: u64,
    /// what its config says, once that was read
    config: OnceLock<ConfigOutline>,
    /// all of it, until it is let go
    whole: Mutex<Option<Whole>>,
}

/// The documents of a run.
pub(super) struct Documents {
    /// those of earlier runs
    pub(super) stored: Stored,
    pub(super) manifests: Shelf<Digest, Arc<Parsed>>,
    /// by digest and size, as a descriptor that lies about the size is refused
    configs: Shelf<(Digest, u64), Arc<ImageConfig>>,
    /// what only nodes named, and the repository has
    confirmed: OnceMap<(Repository, Digest), ()>,
    pub(super) shows: Shows,
}

/// How many configs are kept for other manifests. Few share one, and configs are large.
const MOST_CONFIGS: usize = 256;

/// What was fetched, from wherever, and what is being fetched.
///
/// Nobody waits for another registry than the own one: it could name what others have, and then withhold it.
pub(super) struct Shelf<K, V> {
    pub(super) done: OnceMap<K, V>,
    /// how many of these there may be
    most: usize,
    flights: OnceMap<(Arc<str>, K), V>,
}

impl<K: Clone + Eq + Hash, V: Clone> Shelf<K, V> {
    fn of(most: usize) -> Self {
        Self { done: OnceMap::default(), most, flights: OnceMap::default() }
    }

    /// What is there for `key`, else what `fetch` brings from the registry of `source`.
    async fn get_or_fetch<F: Future<Output = Result<V, Failure>>>(
        &self,
        source: Source<'_>,
        key: K,
        fetch: impl FnOnce() -> F,
    ) -> Result<V, Failure> {
        if let Some(done) = self.done.get(&key) {
            return Ok(done);
        }
        let flight = (source.repository.registry().into(), key.clone());
        // On the heap: each layer would hold a request's large state once more, and poll it on the stack.
        let fetched = self.flights.get_or_try(flight.clone(), Box::pin(fetch())).await?;
        // One stands for all who fetched it: what is added to it is added for all.
        let kept = if self.done.len() < self.most { self.done.offer(key, fetched) } else { fetched };
        // Who comes later finds it on the shelf.
        self.flights.forget(&flight);
        Ok(kept)
    }
}

impl Documents {
    /// None yet, but those that earlier runs `stored`.
    pub(super) fn new(stored: Stored, on_looked: Option<OnLooked>) -> Self {
        Self {
            stored,
            manifests: Shelf::of(usize::MAX),
            configs: Shelf::of(MOST_CONFIGS),
            confirmed: OnceMap::default(),
            shows: Shows::to(on_looked),
        }
    }

    /// Parses and keeps what was fetched.
    pub(super) async fn keep(&self, fetched: &Fetched) -> Result<Arc<Parsed>, Failure> {
        let parsed = self.manifests.done.offer(fetched.digest.clone(), Arc::new(Parsed::new(fetched)?));
        self.stored.keep(&fetched.digest, &parsed.media_type, &fetched.bytes).await;
        Ok(parsed)
    }

    /// The manifest or index that `digest` names, which a registry named in this run.
    pub(super) async fn manifest(&self, source: Source<'_>, digest: &Digest) -> Result<Arc<Parsed>, Failure> {
        self.manifests.get_or_fetch(source, digest.clone(), || self.read_manifest(source, digest)).await
    }

    /// The manifest or index that `digest` names, which only a node named: the registry is asked whether it has it.
    pub(super) async fn running(&self, source: Source<'_>, digest: &Digest) -> Result<Arc<Parsed>, Failure> {
        let place = (source.repository.clone(), digest.clone());
        self.confirmed.get_or_try(place, Box::pin(self.confirm(source, digest))).await?;
        self.manifest(source, digest).await
    }

    /// Makes sure that the registry has `digest` in this very repository. That another one has it says nothing, and which of
    /// them was asked first must not count.
    async fn confirm(&self, source: Source<'_>, digest: &Digest) -> Result<(), Failure> {
        let Source { session, repository, credential, is_offline } = source;
        let asks_whether_it_is_there =
            async || Ok(head(session, repository, digest.as_str(), credential).await?.is_some());
        let was_asked = AtomicBool::new(is_offline);
        let confirm_or_fetch = || async {
            was_asked.store(true, Relaxed);
            match is_offline || self.stored.has(digest).await && asks_whether_it_is_there().await? {
                true => self.read_manifest(source, digest).await,
                false => self.fetch_manifest(source, digest).await,
            }
        };
        self.manifests.get_or_fetch(source, digest.clone(), confirm_or_fetch).await?;
        if !was_asked.into_inner() && !asks_whether_it_is_there().await? {
            self.fetch_manifest(source, digest).await?;
        }
        Ok(())
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

    /// Reads the config of `parsed`, if it has one and it was not read before.
    pub(super) async fn read_config(&self, source: Source<'_>, parsed: &Parsed) -> Result<(), Failure> {
        if parsed.config().is_none()
            && let Some(descriptor) = parsed.outline.config()
        {
            parsed.add(self.config(source, descriptor).await?);
        }
        Ok(())
    }

    async fn config(&self, source: Source<'_>, descriptor: &Descriptor) -> Result<Arc<ImageConfig>, Failure> {
        let fetch = || async {
            if let Some(config) = self.stored.config(descriptor).await {
                return Ok(Arc::new(config));
            }
            source.require_online(ErrorStage::Config, &descriptor.digest)?;
            let fetched = source.session.config(source.repository, descriptor, source.credential).await?;
            let config =
                ImageConfig::parse(&fetched.bytes).map_err(|error| invalid(ErrorStage::Config, &fetched, &error))?;
            self.stored.keep(&descriptor.digest, "", &fetched.bytes).await;
            Ok(Arc::new(config))
        };
        self.configs.get_or_fetch(source, (descriptor.digest.clone(), descriptor.size), fetch).await
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
            Document::Legacy(manifest) => {
                manifest.config.as_deref().and_then(|text| ImageConfig::parse(text.as_bytes()).ok())
            }
            _ => None,
        };
        let parsed = Self {
            outline: Arc::new(Outline::of(&document)),
            media_type,
            size: bytes.len() as u64,
            config: OnceLock::new(),
            whole: Mutex::new(Some(Whole { document: Arc::new(document), config: None })),
        };
        legacy_config.into_iter().for_each(|config| parsed.add(Arc::new(config)));
        Ok(parsed)
    }

    /// What a digest of it names.
    pub(super) fn digest_kind(&self) -> DigestKind {
        match *self.outline {
            Outline::Index(_) => DigestKind::Index,
            Outline::Image(_) | Outline::Artifact(_) | Outline::Legacy { .. } => DigestKind::Manifest,
        }
    }

    /// What is asked of its config, once that was read.
    pub(super) fn config(&self) -> Option<&ConfigOutline> {
        self.config.get()
    }

    /// How many bytes were read of it, with its config.
    pub(super) fn bytes(&self) -> u64 {
        let config = self.outline.config().filter(|_| self.config().is_some());
        self.size + config.map_or(0, |config| config.size)
    }

    /// Takes in its config.
    fn add(&self, config: Arc<ImageConfig>) {
        let outline = ConfigOutline::of(&config, self.outline.layers());
        if let Some(whole) = &mut *self.whole() {
            whole.config = Some(config);
        }
        // Another asker may have been faster, with the same.
        let _ = self.config.set(outline);
    }

    /// It, but for its whole.
    pub(super) fn look(&self, digest: &Digest) -> Looked {
        Looked {
            digest: digest.clone(),
            media_type: self.media_type.clone(),
            outline: Arc::clone(&self.outline),
            config: self.config.get().cloned(),
            whole: None,
        }
    }

    pub(super) fn into_looked(self, digest: Digest) -> Looked {
        let Self { outline, media_type, config, whole, size: _ } = self;
        let whole = whole.into_inner().unwrap_or_else(PoisonError::into_inner);
        Looked { digest, media_type, outline, config: config.into_inner(), whole }
    }

    /// All of it, unless it was let go.
    pub(super) fn whole(&self) -> MutexGuard<'_, Option<Whole>> {
        // No code that can panic runs under the lock.
        self.whole.lock().unwrap_or_else(PoisonError::into_inner)
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
