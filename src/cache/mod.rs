//! What registries gave, on disk between runs: documents by digest, and which digest a reference named when.
//!
//! A cache is never trusted and never needed. A document is verified each time it is read; what is not what its digest
//! says is a miss. What cannot be read is a miss too, and a place that cannot be written to is done without, said once
//! to the log. There is no credential in it: contents are what a registry gave and when.
//!
//! Each process appends to files of its own (`append`, `segment`), so that any number of them may share a directory and
//! each may be killed at any time. What lies in them is known in memory (`index`): whether something is there costs no
//! look at the disk, and who keeps something does not wait for it. Too many small files are made one (`merge`), and of
//! too many bytes those go that were of no use for the longest time (`size`).

mod append;
mod directory;
mod index;
mod merge;
mod name;
mod record;
mod segment;
mod size;

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use bytes::Bytes;

use self::append::Appender;
use self::directory::Directory;
use self::index::{At, Index};
use self::record::{Key, MEDIA_TYPE_BYTES, Record};
use crate::clock::Clock;
use crate::image::{Digest, Reference};
use crate::limits::Limits;

pub use self::name::Seen;
pub use self::record::CachedDocument;
pub use self::size::{CacheSize, clear};

/// How much is written before the size is looked at again, as a part of the limit.
const SWEEP_EVERY: u64 = 16;
/// How much a segment holds, as a part of the limit: what is removed is removed by segments.
const SEGMENT: u64 = 64;

/// A cache in a directory; cheap to clone, and all clones are one.
#[derive(Debug, Clone)]
pub struct Cache(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    directory: Directory,
    /// of all segments, in bytes
    limit: u64,
    /// of one record, in bytes
    record_limit: usize,
    clock: Clock,
    opened: OnceLock<Opened>,
    /// bytes since the size was looked at
    written: AtomicU64,
    has_given_up: AtomicBool,
}

/// A cache whose directory was looked at.
#[derive(Debug)]
struct Opened {
    index: Mutex<Index>,
    /// locked for as long as is written
    appender: Mutex<Appender>,
}

impl Cache {
    /// The cache in `directory`, which is made once there is something to keep.
    pub fn at(directory: &Path, limits: &Limits, clock: Clock) -> Self {
        let record_limit = limits.document_bytes.saturating_add(MEDIA_TYPE_BYTES + 1);
        Self(Arc::new(Inner {
            directory: Directory::new(directory.join(size::SEGMENTS)),
            limit: limits.cache_bytes,
            // A record's length is written in four bytes.
            record_limit: record_limit.min(u32::MAX as usize),
            clock,
            opened: OnceLock::new(),
            // The first write is followed by a look at the size, for runs that each write little.
            written: AtomicU64::new(limits.cache_bytes / SWEEP_EVERY),
            has_given_up: AtomicBool::new(false),
        }))
    }

    /// Looks at what is there, which everything else does likewise if nobody did. It may take a while.
    pub fn open(&self) {
        self.0.opened.get_or_init(|| self.look());
    }

    /// Whether there is a record for `digest`. Only reading it shows whether it can be used.
    pub fn has_document(&self, digest: &Digest) -> bool {
        self.index().has(Key::of(digest))
    }

    /// Whether what `reference` named last is there.
    pub fn knows(&self, reference: &Reference) -> bool {
        let index = self.index();
        index.names(name::key(reference)).is_some_and(|document| index.has(document))
    }

    /// The document that `digest` names. Reads from the disk.
    pub fn document(&self, digest: &Digest) -> Option<CachedDocument> {
        let content = self.read(Key::of(digest))?;
        let document = CachedDocument::read(digest, &content);
        if document.is_none() {
            self.forget_document(digest);
        }
        document
    }

    /// Keeps a document that was verified against `digest`, unless it is there, from the next [`flush`](Self::flush) on.
    pub fn keep_document(&self, digest: &Digest, media_type: &str, bytes: &[u8]) {
        if !self.has_document(digest)
            && let Some(record) = Record::of_document(media_type, bytes)
        {
            self.keep(Key::of(digest), record);
        }
    }

    /// Uses what cannot be used no more, so that it is fetched and kept again.
    pub fn forget_document(&self, digest: &Digest) {
        tracing::info!(%digest, "a cached document is not what its name says; it is not used");
        self.index().forget(Key::of(digest));
    }

    /// What `reference` named when a registry said so last. Reads from the disk.
    pub fn seen(&self, reference: &Reference) -> Option<Seen> {
        let key = name::key(reference);
        let seen = name::parse(reference, &self.read(key)?);
        if seen.is_none() {
            tracing::info!(%reference, "a cached record cannot be read; it is not used");
            self.index().forget(key);
        }
        seen
    }

    /// Keeps what `reference` names now, from the next [`flush`](Self::flush) on.
    pub fn keep_seen(&self, reference: &Reference, seen: &Seen) {
        if let Ok(content) = name::record(reference, seen) {
            self.keep(name::key(reference), Record { names: Key::of(&seen.digest), content: content.into() });
        }
    }

    /// Writes what is to be kept. What was of no use for the longest time makes room for it, if there is too much.
    pub fn flush(&self) {
        self.write();
        if self.is_sweep_due() {
            self.sweep();
        }
    }

    fn write(&self) {
        let Some(opened) = self.0.opened.get() else { return };
        let mut appender = lock(&opened.appender);
        let records = lock(&opened.index).start_writing();
        if records.is_empty() {
            return;
        }
        let found = appender.append(&records, self.0.clock.now().into()).unwrap_or_else(|error| {
            self.give_up(&error);
            Vec::new()
        });
        lock(&opened.index).written(found);
        let bytes: usize = records.iter().map(|(_, record)| record.content.len()).sum();
        self.0.written.fetch_add(bytes as u64, Relaxed);
    }

    /// Whether so much was written that it is time to look at the size. Says so once, to whoever asks first.
    fn is_sweep_due(&self) -> bool {
        let Inner { written, limit, .. } = &*self.0;
        let is_due = |bytes| (bytes > limit / SWEEP_EVERY).then_some(0);
        written.fetch_update(Relaxed, Relaxed, is_due).is_ok()
    }

    fn sweep(&self) {
        let Inner { directory, limit, .. } = &*self.0;
        size::remove_outdated(directory);
        // Whoever cannot look at a directory removes nothing from it.
        let removed = size::sweep(directory, *limit).unwrap_or_default();
        self.index().removed(&removed);
    }

    /// How much it holds on the disk.
    ///
    /// # Errors
    /// When its directory cannot be read.
    pub fn size(&self) -> io::Result<CacheSize> {
        size::of(&self.0.directory)
    }

    fn index(&self) -> MutexGuard<'_, Index> {
        lock(&self.opened().index)
    }

    fn opened(&self) -> &Opened {
        self.0.opened.get_or_init(|| self.look())
    }

    fn look(&self) -> Opened {
        let Inner { directory, limit, .. } = &*self.0;
        let full = limit / SEGMENT;
        // A directory that cannot be read can hardly be written to, which is told.
        let segments = directory.segments().unwrap_or_default();
        let mut index = Index::of(&segments);
        if let Err(error) = merge::merge(directory, &segments, &mut index, full) {
            tracing::info!(%error, "the cache's small files stay as they are");
        }
        let number = segments.last().map_or(1, |(number, _)| number.saturating_add(1));
        Opened { index: Mutex::new(index), appender: Mutex::new(Appender::new(directory, number, full)) }
    }

    fn keep(&self, key: Key, record: Record) {
        if record.content.len() <= self.0.record_limit && !self.0.has_given_up.load(Relaxed) {
            self.index().keep(key, record);
        }
    }

    /// The content of a record, unverified.
    fn read(&self, key: Key) -> Option<Bytes> {
        let at = self.index().get(key)?;
        let found = match at {
            At::Memory(content) => return Some(content),
            At::Disk(found) => found,
        };
        match found.read(self.0.record_limit) {
            Ok(content) => {
                found.segment.mark_used(self.0.clock.now());
                Some(content.into())
            }
            // Mostly another process has removed it.
            Err(error) => {
                tracing::info!(file = %found.segment.path().display(), %error, "the cache cannot be read there");
                self.index().forget(key);
                None
            }
        }
    }

    /// Writes no more, and says why; the run goes on without.
    fn give_up(&self, error: &io::Error) {
        if !self.0.has_given_up.swap(true, Relaxed) {
            let directory = self.0.directory.path().display();
            tracing::warn!("the cache cannot be used well: {directory}: {error}; --cache-dir names another place");
        }
    }
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    // No code that can panic runs under a lock.
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
