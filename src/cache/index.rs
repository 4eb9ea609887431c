//! What is in the cache, in memory: where each record lies, and those that are not written yet.

use std::collections::{BTreeMap, HashSet};
use std::path::PathBuf;

use bytes::Bytes;
use indexmap::IndexMap;

use super::directory::Numbered;
use super::record::{Key, Record};
use super::segment::{Found, Segment};

/// How much may wait to be written, in bytes. A disk that takes no more is not given more.
const WAITING_BYTES: usize = 16 << 20;

/// Records by key.
#[derive(Debug, Default)]
pub(super) struct Index {
    /// of tens of thousands it takes half of what a hash table takes, and never stands in memory twice
    found: BTreeMap<Key, Found>,
    /// in the order in which they came, as they are likely to be read
    waiting: IndexMap<Key, Record>,
    /// those that are being written; none is missed meanwhile
    writing: IndexMap<Key, Record>,
    /// of those that wait and that are being written
    bytes: usize,
}

/// A record that is there.
#[derive(Debug)]
pub(super) enum At {
    Memory(Bytes),
    Disk(Found),
}

impl Index {
    /// What lies in `segments`. What was kept last under a key is what counts.
    pub(super) fn of(segments: &[Numbered]) -> Self {
        // Another process may have removed one since they were listed.
        let records = |(_, file): &Numbered| Segment::at(file.path.clone()).records().unwrap_or_default();
        Self { found: segments.iter().flat_map(records).collect(), ..Self::default() }
    }

    /// How many records lie on the disk.
    pub(super) fn len(&self) -> usize {
        self.found.len()
    }

    /// Every record on the disk.
    pub(super) fn found(&self) -> impl Iterator<Item = (Key, &Found)> {
        self.found.iter().map(|(key, found)| (*key, found))
    }

    pub(super) fn has(&self, key: Key) -> bool {
        self.names(key).is_some()
    }

    /// What the record of a reference names.
    pub(super) fn names(&self, key: Key) -> Option<Key> {
        let found = || self.found.get(&key).map(|found| found.names);
        self.in_memory(key).map(|record| record.names).or_else(found)
    }

    pub(super) fn get(&self, key: Key) -> Option<At> {
        let found = || self.found.get(&key).cloned().map(At::Disk);
        self.in_memory(key).map(|record| At::Memory(record.content.clone())).or_else(found)
    }

    fn in_memory(&self, key: Key) -> Option<&Record> {
        self.waiting.get(&key).or_else(|| self.writing.get(&key))
    }

    /// Takes a record, to be written.
    pub(super) fn keep(&mut self, key: Key, record: Record) {
        let bytes = record.content.len();
        if self.bytes + bytes <= WAITING_BYTES {
            self.bytes += bytes;
            self.waiting.insert(key, record);
        }
    }

    pub(super) fn forget(&mut self, key: Key) {
        self.waiting.shift_remove(&key);
        self.writing.shift_remove(&key);
        self.found.remove(&key);
    }

    /// What is to be written now. It must be [`written`](Self::written) before more is asked for.
    pub(super) fn start_writing(&mut self) -> Vec<(Key, Record)> {
        self.writing = std::mem::take(&mut self.waiting);
        self.writing.iter().map(|(key, record)| (*key, record.clone())).collect()
    }

    /// Notes where records lie that were to be written. Those of them that lie nowhere are lost.
    pub(super) fn written(&mut self, found: Vec<(Key, Found)>) {
        let writing = std::mem::take(&mut self.writing);
        self.found.extend(found.into_iter().filter(|(key, _)| writing.contains_key(key)));
        self.bytes = self.waiting.values().map(|record| record.content.len()).sum();
    }

    /// Notes where records lie now that lay elsewhere.
    pub(super) fn moved(&mut self, found: Vec<(Key, Found)>) {
        self.found.extend(found);
    }

    /// Forgets what lay in segments that were removed.
    pub(super) fn removed(&mut self, paths: &HashSet<PathBuf>) {
        self.found.retain(|_, found| !paths.contains(found.segment.path()));
    }
}
