//! Reads documents from the disk cache where that holds up nothing else, as the disk may be slow.
//!
//! Mostly the system has them in memory, and then a thread that is woken for each takes far longer than to read it. So a
//! thread that reads goes on as long as there is something to read, and it is helped only when it falls behind.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;
use tokio::task::spawn_blocking;

use crate::cache::{Cache, CachedDocument};
use crate::image::Digest;

/// How many may wait for each thread that reads before another helps it.
const WAITING: usize = 16;

/// What is to be read; cheap to clone, and all clones are one.
#[derive(Debug, Clone)]
pub(super) struct Reads {
    cache: Cache,
    queue: Arc<Mutex<Queue>>,
}

#[derive(Debug, Default)]
struct Queue {
    wanted: VecDeque<(Digest, oneshot::Sender<Option<CachedDocument>>)>,
    /// threads that read
    readers: usize,
}

impl Reads {
    pub(super) fn of(cache: Cache) -> Self {
        Self { cache, queue: Arc::default() }
    }

    /// The document that `digest` names.
    pub(super) async fn document(&self, digest: &Digest) -> Option<CachedDocument> {
        let (answer, answered) = oneshot::channel();
        let needs_reader = {
            let mut queue = self.queue();
            queue.wanted.push_back((digest.clone(), answer));
            let needs_reader = queue.wanted.len() > WAITING * queue.readers;
            queue.readers += usize::from(needs_reader);
            needs_reader
        };
        if needs_reader {
            let reads = self.clone();
            spawn_blocking(move || reads.read());
        }
        answered.await.ok().flatten()
    }

    /// Reads until nothing is left.
    fn read(&self) {
        while let Some((digest, answer)) = self.next() {
            // Whoever has given up in the meantime needs no answer.
            if !answer.is_closed() {
                let _ = answer.send(self.cache.document(&digest));
            }
        }
    }

    fn next(&self) -> Option<(Digest, oneshot::Sender<Option<CachedDocument>>)> {
        let mut queue = self.queue();
        let next = queue.wanted.pop_front();
        queue.readers -= usize::from(next.is_none());
        next
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        // No code that can panic runs under the lock.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;
    use futures::future::join_all;

    use super::*;
    use crate::clock::Clock;
    use crate::limits::Limits;

    const DOCUMENTS: u32 = 500;

    /// A cache that holds the numbers, and their digests.
    fn filled(directory: &std::path::Path) -> (Reads, Vec<(Digest, [u8; 4])>) {
        let cache = Cache::at(directory, &Limits::default(), Clock::System);
        let numbers = (0..DOCUMENTS).map(u32::to_be_bytes).map(|bytes| (Digest::of(&bytes), bytes));
        let documents: Vec<_> = numbers.collect();
        documents.iter().for_each(|(digest, bytes)| cache.keep_document(digest, "", bytes));
        cache.flush();
        (Reads::of(cache), documents)
    }

    /// Waits until no thread reads, which is soon after the last answer.
    async fn assert_at_rest(reads: &Reads) {
        while reads.queue().readers > 0 {
            tokio::task::yield_now().await;
        }
        assert!(reads.queue().wanted.is_empty());
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn many_askers_at_once_are_each_given_their_own() {
        let directory = tempfile::tempdir().unwrap();
        let (reads, documents) = filled(directory.path());
        for _ in 0..3 {
            let given = join_all(documents.iter().map(|(digest, _)| reads.document(digest))).await;
            for ((digest, bytes), given) in documents.iter().zip(given) {
                assert_eq!(&given.unwrap().bytes[..], bytes, "{digest}");
            }
            assert_at_rest(&reads).await;
        }
        assert_eq!(reads.document(&Digest::of(b"another")).await, None);
    }

    #[tokio::test]
    async fn whoever_gives_up_is_in_nobodys_way() {
        let directory = tempfile::tempdir().unwrap();
        let (reads, documents) = filled(directory.path());
        for (digest, _) in &documents[1..] {
            // Asked for, and mostly not waited for.
            drop(reads.document(digest).now_or_never());
        }
        let (digest, bytes) = &documents[0];
        assert_eq!(&reads.document(digest).await.unwrap().bytes[..], bytes);
        assert_at_rest(&reads).await;
    }
}
