//! Appends records to segments of one's own.

use std::fs::File;
use std::io::{self, Write as _};
use std::sync::Arc;
use std::time::SystemTime;

use super::directory::Directory;
use super::record::{Key, Record};
use super::segment::{BATCH, Found, Segment, batch};

/// Writes segments, one after the other. Nobody else ever writes to them.
#[derive(Debug)]
pub(super) struct Appender {
    directory: Directory,
    number: u64,
    /// how many segments were begun
    parts: u32,
    /// after how many bytes a segment is ended
    full: u64,
    open: Option<Open>,
}

/// A segment that is being written.
#[derive(Debug)]
struct Open {
    /// locked, so that nobody merges the segment meanwhile
    file: File,
    segment: Arc<Segment>,
    bytes: u64,
}

impl Appender {
    /// Of segments with this number, each of about `full` bytes.
    pub(super) fn new(directory: &Directory, number: u64, full: u64) -> Self {
        Self { directory: directory.clone(), number, parts: 0, full, open: None }
    }

    /// Writes records that were `used` then, and says where they lie. After an error it begins another segment.
    ///
    /// Nothing is synced. What a power cut leaves is read as far as it is right, and the rest fetched again.
    pub(super) fn append(&mut self, records: &[(Key, Record)], used: SystemTime) -> io::Result<Vec<(Key, Found)>> {
        let mut found = Vec::with_capacity(records.len());
        for records in records.chunks(BATCH) {
            let mut open = match self.open.take() {
                Some(open) if open.bytes < self.full => open,
                _ => self.begin()?,
            };
            found.extend(open.append(records)?);
            // By the clock that was handed in, not by the system's. That it fails costs no more than a place in line.
            let _ = open.file.set_modified(used);
            self.open = Some(open);
        }
        Ok(found)
    }

    fn begin(&mut self) -> io::Result<Open> {
        let (file, path) = self.directory.create(self.number, self.parts)?;
        self.parts += 1;
        // Where files cannot be locked nothing is merged either.
        let _ = file.try_lock();
        Ok(Open { file, segment: Segment::at(path), bytes: 0 })
    }
}

impl Open {
    fn append(&mut self, records: &[(Key, Record)]) -> io::Result<Vec<(Key, Found)>> {
        let batch = batch(records);
        self.file.write_all(&batch)?;
        let found = self.segment.written(records, self.bytes);
        self.bytes += batch.len() as u64;
        Ok(found)
    }
}
