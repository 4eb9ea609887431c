//! The disk cache as a run uses it: read and written beside the run's own work, and parsed.
//!
//! Whether something is there is known in memory. What is kept is written a little later, with all that came meanwhile,
//! and nobody waits for it.
//!
//! What lies on the disk says nothing of who may read it. Whoever uses it has asked the registry in this run for the
//! reference that led to it, or tells that it could not be asked.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::OnceCell;
use tokio::task::spawn_blocking;
use tokio::time::{sleep, timeout};

use super::Named;
use super::documents::Parsed;
use super::reads::Reads;
use crate::cache::{Cache, CachedDocument, Seen};
use crate::clock::Clock;
use crate::image::{Descriptor, Digest, ImageConfig, Reference};
use crate::task;
use crate::vocabulary::Via;

/// For how long what is kept waits for more to come; so much is lost when the program is killed.
const FLUSH_AFTER: Duration = Duration::from_millis(100);
/// How long the end of a run waits for the disk.
const LAST_FLUSH: Duration = Duration::from_secs(2);
/// The same when the run was told to end.
const LATE_FLUSH: Duration = Duration::from_millis(200);

/// The disk cache, or none.
pub(super) struct Stored {
    cache: Option<Cache>,
    reads: Option<Reads>,
    is_open: OnceCell<()>,
    is_flush_near: Arc<AtomicBool>,
    clock: Clock,
    hits: AtomicU64,
}

impl Stored {
    pub(super) fn new(cache: Option<Cache>, clock: Clock) -> Self {
        let reads = cache.clone().map(Reads::of);
        Self { cache, reads, is_open: OnceCell::new(), is_flush_near: Arc::default(), clock, hits: AtomicU64::new(0) }
    }

    /// Documents that were had from it.
    pub(super) fn hits(&self) -> u64 {
        self.hits.load(Relaxed)
    }

    /// Whether there is a record for `digest`.
    pub(super) async fn has(&self, digest: &Digest) -> bool {
        self.opened().await.is_some_and(|cache| cache.has_document(digest))
    }

    /// Whether it is worth asking which digest `reference` names before the document is fetched.
    pub(super) async fn knows(&self, reference: &Reference) -> bool {
        self.opened().await.is_some_and(|cache| cache.knows(reference))
    }

    /// What `reference` named when its registry was asked last.
    pub(super) async fn seen(&self, reference: &Reference) -> Option<Named> {
        let reference = reference.clone();
        let Seen { digest, endpoint, seen_at, .. } = self.ask(move |cache| cache.seen(&reference)).await??;
        Some(Named { digest, via: Via::Cache, endpoint, as_of: Some(seen_at) })
    }

    /// Keeps what `reference` names now.
    pub(super) async fn keep_seen(&self, reference: &Reference, named: &Named, media_type: &str) {
        let Some(cache) = self.opened().await else { return };
        let seen = Seen {
            digest: named.digest.clone(),
            media_type: media_type.to_owned(),
            via: named.via,
            endpoint: named.endpoint.clone(),
            seen_at: self.clock.now(),
        };
        cache.keep_seen(reference, &seen);
        self.flush_soon(cache);
    }

    /// The manifest or index that `digest` names.
    pub(super) async fn manifest(&self, digest: &Digest) -> Option<Parsed> {
        let parse = |document: &CachedDocument| Parsed::parse(&document.bytes, Some(&document.media_type)).ok();
        self.counted(self.document(digest, parse).await)
    }

    /// The config that `descriptor` points at, if it is of the size that the descriptor says.
    pub(super) async fn config(&self, descriptor: &Descriptor) -> Option<ImageConfig> {
        let parse = |document: &CachedDocument| {
            Some((ImageConfig::parse(&document.bytes).ok()?, u64::try_from(document.bytes.len()).ok()?))
        };
        let (config, size) = self.document(&descriptor.digest, parse).await?;
        // A descriptor that lies is no reason to forget what others describe well.
        self.counted(Some(config).filter(|_| size == descriptor.size))
    }

    /// Keeps a document that was fetched, verified and parsed.
    pub(super) async fn keep(&self, digest: &Digest, media_type: &str, bytes: &Bytes) {
        let Some(cache) = self.opened().await else { return };
        cache.keep_document(digest, media_type, bytes);
        self.flush_soon(cache);
    }

    /// Writes what is to be kept, at the end of a run; `is_late` when that is over already.
    pub(super) async fn flush(&self, is_late: bool) {
        let longest = if is_late { LATE_FLUSH } else { LAST_FLUSH };
        // What a disk has not taken by then is not worth more of a person's time.
        let _ = timeout(longest, self.ask(Cache::flush)).await;
    }

    /// What `digest` names, parsed. What cannot be parsed is of no use to anybody.
    async fn document<T>(&self, digest: &Digest, parse: impl FnOnce(&CachedDocument) -> Option<T>) -> Option<T> {
        let cache = self.opened().await.filter(|cache| cache.has_document(digest))?;
        let document = self.reads.as_ref()?.document(digest).await?;
        let parsed = parse(&document);
        if parsed.is_none() {
            cache.forget_document(digest);
        }
        parsed
    }

    /// Counts what was had from the cache.
    fn counted<T>(&self, had: Option<T>) -> Option<T> {
        self.hits.fetch_add(u64::from(had.is_some()), Relaxed);
        had
    }

    /// Writes what is to be kept a little later, unless that is about to be done.
    fn flush_soon(&self, cache: &Cache) {
        if self.is_flush_near.swap(true, Relaxed) {
            return;
        }
        let (cache, is_flush_near) = (cache.clone(), Arc::clone(&self.is_flush_near));
        tokio::spawn(async move {
            sleep(FLUSH_AFTER).await;
            is_flush_near.store(false, Relaxed);
            // Nobody waits for it: the end of the run makes sure.
            spawn_blocking(move || cache.flush());
        });
    }

    /// The cache, once it is known what is in it; `None` without a cache.
    async fn opened(&self) -> Option<&Cache> {
        let cache = self.cache.as_ref()?;
        let open = || async { self.ask(Cache::open).await.unwrap_or_default() };
        self.is_open.get_or_init(open).await;
        Some(cache)
    }

    /// Does `work` where it holds up nothing else. `None` without a cache.
    async fn ask<T: Send + 'static>(&self, work: impl FnOnce(&Cache) -> T + Send + 'static) -> Option<T> {
        let cache = self.cache.clone()?;
        task::aside(move || work(&cache)).await
    }
}
