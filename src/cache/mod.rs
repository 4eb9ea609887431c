//! What registries gave, on disk between runs: documents by digest, and which digest a reference named when.
//!
//! A cache is never trusted and never needed. A document is verified each time it is read; an entry that is not what
//! its name says is a miss, and removed. What cannot be read or written is a miss too, said once to the log. Files are
//! renamed into place whole, so that any number of processes may share a directory and each may be killed at any time.
//! There is no credential in it: file names are digests, contents are what a registry gave and when.

mod bucket;
mod name;

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

use bytes::Bytes;

use self::bucket::{Bucket, Stored};
use crate::clock::Clock;
use crate::image::{Digest, Reference};
use crate::limits::Limits;

pub use self::name::Seen;

/// Manifests, indexes and configs. The version counts up when the form of an entry changes.
const DOCUMENTS: (&str, u32) = ("documents", 1);
/// What references named.
const NAMES: (&str, u32) = ("names", 1);

/// How much is written before the size is looked at again, as a part of the limit.
const SWEEP_EVERY: u64 = 16;

/// The longest media type that is kept, in bytes; RFC 6838 allows twice 127 and a slash.
const MEDIA_TYPE_BYTES: usize = 255;

/// A cache in a directory; cheap to clone, and all clones are one.
#[derive(Debug, Clone)]
pub struct Cache(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    documents: Bucket,
    names: Bucket,
    /// of all entries, in bytes
    limit: u64,
    /// of one entry, in bytes
    entry_limit: u64,
    clock: Clock,
    /// bytes since the size was looked at
    written: AtomicU64,
    has_complained: AtomicBool,
}

/// A document as it was fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CachedDocument {
    /// empty where none was given
    pub media_type: String,
    /// as the registry gave them; verified
    pub bytes: Bytes,
}

/// How much a cache holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CacheSize {
    /// files
    pub entries: u64,
    /// in them
    pub bytes: u64,
}

impl Cache {
    /// The cache in `directory`, which is made once there is something to keep.
    pub fn at(directory: &Path, limits: &Limits, clock: Clock) -> Self {
        let bucket = |(name, version): (&str, u32)| Bucket::new(directory.join(format!("{name}-v{version}")));
        Self(Arc::new(Inner {
            documents: bucket(DOCUMENTS),
            names: bucket(NAMES),
            limit: limits.cache_bytes,
            // A media type and a line's end more than the document.
            entry_limit: u64::try_from(limits.document_bytes + MEDIA_TYPE_BYTES + 1).unwrap_or(u64::MAX),
            clock,
            // The first write looks at the size, for runs that each write little.
            written: AtomicU64::new(limits.cache_bytes),
            has_complained: AtomicBool::new(false),
        }))
    }

    /// Whether there is an entry for `digest`. Only reading it shows whether it can be used.
    pub fn has_document(&self, digest: &Digest) -> bool {
        self.0.documents.has(&file_name(digest))
    }

    /// The document that `digest` names.
    pub fn document(&self, digest: &Digest) -> Option<CachedDocument> {
        let Inner { documents, entry_limit, clock, .. } = &*self.0;
        let name = file_name(digest);
        let entry = Bytes::from(self.read(documents, &name, *entry_limit)?);
        let document = split(&entry).filter(|document| digest.matches(&document.bytes));
        match &document {
            Some(_) => documents.touch(&name, clock.now()),
            None => self.forget_document(digest),
        }
        document
    }

    /// Keeps a document that was verified against `digest`.
    pub fn keep_document(&self, digest: &Digest, media_type: &str, bytes: &[u8]) {
        if media_type.len() <= MEDIA_TYPE_BYTES && !media_type.contains('\n') {
            self.write(&self.0.documents, &file_name(digest), &[media_type.as_bytes(), b"\n", bytes]);
        }
    }

    /// Removes what cannot be used, so that it is fetched and kept again.
    pub fn forget_document(&self, digest: &Digest) {
        tracing::info!(%digest, "a cached document is not what its name says; it is removed");
        self.0.documents.remove(&file_name(digest));
    }

    /// What `reference` named when a registry said so last.
    pub fn seen(&self, reference: &Reference) -> Option<Seen> {
        let (name, names) = (name::file_name(reference), &self.0.names);
        let record = self.read(names, &name, self.0.entry_limit)?;
        let seen = name::parse(reference, &record);
        if seen.is_none() {
            tracing::info!(%reference, "a cached record cannot be read; it is removed");
            names.remove(&name);
        }
        seen
    }

    /// Keeps what `reference` names now.
    pub fn keep_seen(&self, reference: &Reference, seen: &Seen) {
        if let Ok(record) = name::record(reference, seen) {
            self.write(&self.0.names, &name::file_name(reference), &[&record]);
        }
    }

    /// Whether so much was written that it is time to [`sweep`](Self::sweep). Says so once, to whoever asks first.
    pub fn is_sweep_due(&self) -> bool {
        let Inner { written, limit, .. } = &*self.0;
        let is_due = |bytes| (bytes > limit / SWEEP_EVERY).then_some(0);
        written.fetch_update(Relaxed, Relaxed, is_due).is_ok()
    }

    /// Removes what was not used for the longest time, until nine tenths of the limit are left, if that is exceeded.
    pub fn sweep(&self) {
        let mut entries: Vec<Stored> = self.stored().into_iter().flatten().collect();
        let mut total: u64 = entries.iter().map(|entry| entry.bytes).sum();
        if total <= self.0.limit {
            return;
        }
        entries.sort_unstable_by(|a, b| (a.used, &a.path).cmp(&(b.used, &b.path)));
        for entry in entries {
            if total <= self.0.limit / 10 * 9 {
                break;
            }
            bucket::remove(&entry.path);
            total -= entry.bytes;
        }
    }

    /// How much it holds.
    ///
    /// # Errors
    /// When a directory cannot be read.
    pub fn size(&self) -> io::Result<CacheSize> {
        let entries = self.stored()?;
        Ok(CacheSize {
            entries: u64::try_from(entries.len()).unwrap_or(u64::MAX),
            bytes: entries.iter().map(|entry| entry.bytes).sum(),
        })
    }

    fn stored(&self) -> io::Result<Vec<Stored>> {
        Ok([self.0.documents.stored()?, self.0.names.stored()?].concat())
    }

    fn read(&self, bucket: &Bucket, name: &str, limit: u64) -> Option<Vec<u8>> {
        bucket.read(name, limit).unwrap_or_else(|error| {
            self.complain(bucket, &error);
            // A directory where a file should be, or a file that is too large, would be in the way for ever.
            bucket.remove(name);
            None
        })
    }

    fn write(&self, bucket: &Bucket, name: &str, parts: &[&[u8]]) {
        match bucket.write(name, parts) {
            Ok(()) => {
                let bytes: usize = parts.iter().map(|part| part.len()).sum();
                self.0.written.fetch_add(u64::try_from(bytes).unwrap_or(u64::MAX), Relaxed);
            }
            Err(error) => self.complain(bucket, &error),
        }
    }

    /// Says once that the cache is of no use; the run goes on without.
    fn complain(&self, bucket: &Bucket, error: &io::Error) {
        if !self.0.has_complained.swap(true, Relaxed) {
            let directory = bucket.path().display();
            tracing::warn!("the cache cannot be used well: {directory}: {error}; --cache-dir names another place");
        }
    }
}

/// Removes every bucket of ours in `directory`, of other versions too, and nothing else. Returns what was removed.
///
/// # Errors
/// When the directory cannot be read, or something in a bucket cannot be removed.
pub fn clear(directory: &Path) -> io::Result<CacheSize> {
    let mut removed = CacheSize::default();
    for path in bucket::below(directory)?.into_iter().filter(|path| is_ours(path)) {
        for entry in Bucket::new(path.clone()).stored()? {
            removed.entries += 1;
            removed.bytes += entry.bytes;
        }
        bucket::remove_whole(&path)?;
    }
    Ok(removed)
}

/// Whether a path is that of a bucket, of whichever version.
fn is_ours(path: &Path) -> bool {
    let version = path.file_name().and_then(|name| name.to_str()).and_then(|name| {
        let version = |bucket: &str| name.strip_prefix(bucket)?.strip_prefix("-v");
        version(DOCUMENTS.0).or_else(|| version(NAMES.0))
    });
    version.is_some_and(|version| !version.is_empty() && version.bytes().all(|byte| byte.is_ascii_digit()))
}

fn file_name(digest: &Digest) -> String {
    format!("{}-{}", digest.algorithm(), digest.hex())
}

/// An entry is a line with the media type, and then the document.
fn split(entry: &Bytes) -> Option<CachedDocument> {
    let end = entry.iter().take(MEDIA_TYPE_BYTES + 1).position(|byte| *byte == b'\n')?;
    let media_type = std::str::from_utf8(entry.get(..end)?).ok()?.to_owned();
    Some(CachedDocument { media_type, bytes: entry.slice(end + 1..) })
}

#[cfg(test)]
mod tests;
