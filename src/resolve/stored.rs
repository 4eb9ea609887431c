//! The disk cache as a run uses it: read and written beside the run's own work, and parsed.
//!
//! What lies on the disk says nothing of who may read it. Whoever uses it has asked the registry in this run for the
//! reference that led to it, or tells that it could not be asked.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use bytes::Bytes;

use super::Named;
use super::documents::Parsed;
use crate::cache::{Cache, CachedDocument, Seen};
use crate::clock::Clock;
use crate::image::{Descriptor, Digest, ImageConfig, Reference};
use crate::vocabulary::Via;

/// The disk cache, or none.
pub(super) struct Stored {
    cache: Option<Cache>,
    clock: Clock,
    hits: AtomicU64,
}

impl Stored {
    pub(super) fn new(cache: Option<Cache>, clock: Clock) -> Self {
        Self { cache, clock, hits: AtomicU64::new(0) }
    }

    /// Documents that were had from it.
    pub(super) fn hits(&self) -> u64 {
        self.hits.load(Relaxed)
    }

    /// Whether there is an entry for `digest`.
    pub(super) async fn has(&self, digest: &Digest) -> bool {
        let digest = digest.clone();
        self.ask(move |cache| cache.has_document(&digest)).await.unwrap_or_default()
    }

    /// Whether it is worth asking which digest `reference` names before the document is fetched.
    pub(super) async fn knows(&self, reference: &Reference) -> bool {
        let reference = reference.clone();
        let is_known = move |cache: &Cache| cache.seen(&reference).is_some_and(|seen| cache.has_document(&seen.digest));
        self.ask(is_known).await.unwrap_or_default()
    }

    /// What `reference` named when its registry was asked last.
    pub(super) async fn seen(&self, reference: &Reference) -> Option<Named> {
        let reference = reference.clone();
        let Seen { digest, endpoint, seen_at, .. } = self.ask(move |cache| cache.seen(&reference)).await??;
        Some(Named { digest, via: Via::Cache, endpoint, as_of: Some(seen_at) })
    }

    /// Keeps what `reference` names now.
    pub(super) async fn keep_seen(&self, reference: &Reference, named: &Named, media_type: &str) {
        let reference = reference.clone();
        let seen = Seen {
            digest: named.digest.clone(),
            media_type: media_type.to_owned(),
            via: named.via,
            endpoint: named.endpoint.clone(),
            seen_at: self.clock.now(),
        };
        self.write(move |cache| cache.keep_seen(&reference, &seen)).await;
    }

    /// The manifest or index that `digest` names.
    pub(super) async fn manifest(&self, digest: &Digest) -> Option<Parsed> {
        self.document(digest, |document| Parsed::parse(&document.bytes, Some(&document.media_type)).ok()).await
    }

    /// The config that `descriptor` points at, if it is of the size that the descriptor says.
    pub(super) async fn config(&self, descriptor: &Descriptor) -> Option<ImageConfig> {
        let size = descriptor.size;
        let parse = move |document: &CachedDocument| {
            let is_right = u64::try_from(document.bytes.len()) == Ok(size);
            is_right.then(|| ImageConfig::parse(&document.bytes).ok())?
        };
        self.document(&descriptor.digest, parse).await
    }

    /// Keeps a document that was fetched, verified and parsed.
    pub(super) async fn keep(&self, digest: &Digest, media_type: &str, bytes: &Bytes) {
        let (digest, media_type, bytes) = (digest.clone(), media_type.to_owned(), bytes.clone());
        self.write(move |cache| cache.keep_document(&digest, &media_type, &bytes)).await;
    }

    /// What `digest` names, parsed. What cannot be parsed is of no use to anybody.
    async fn document<T: Send + 'static>(
        &self,
        digest: &Digest,
        parse: impl FnOnce(&CachedDocument) -> Option<T> + Send + 'static,
    ) -> Option<T> {
        let digest = digest.clone();
        let read = move |cache: &Cache| {
            let parsed = parse(&cache.document(&digest)?);
            if parsed.is_none() {
                cache.forget_document(&digest);
            }
            parsed
        };
        let parsed = self.ask(read).await??;
        self.hits.fetch_add(1, Relaxed);
        Some(parsed)
    }

    async fn write(&self, work: impl FnOnce(&Cache) + Send + 'static) {
        let is_due = move |cache: &Cache| {
            work(cache);
            cache.is_sweep_due()
        };
        if self.ask(is_due).await == Some(true)
            && let Some(cache) = self.cache.clone()
        {
            // Nobody waits for it, and when the program ends before it the next run does it.
            tokio::task::spawn_blocking(move || cache.sweep());
        }
    }

    /// Does `work` where it holds up nothing else; the disk may be slow. `None` without a cache.
    async fn ask<T: Send + 'static>(&self, work: impl FnOnce(&Cache) -> T + Send + 'static) -> Option<T> {
        let cache = self.cache.clone()?;
        tokio::task::spawn_blocking(move || work(&cache)).await.ok()
    }
}
