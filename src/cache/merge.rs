//! Makes one segment of many small ones, as each run begins one of its own.
//!
//! Other processes may go on meanwhile. Whoever writes or merges a segment holds a lock on its file, and what is
//! locked by another is let be. What lies in the others is written again before they are removed: who dies in between
//! leaves some records twice, and a process that knows of the old files alone misses those at worst.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use bytes::Bytes;

use super::append::Appender;
use super::directory::{Directory, Numbered, Stored, remove};
use super::index::Index;
use super::record::{Key, Record};
use super::segment::{Found, Segment};

/// How many small segments there may be.
const SMALL_SEGMENTS: usize = 32;

/// Merges those of `segments` that are small, if there are too many; `full` is how many bytes a segment should have.
pub(super) fn merge(directory: &Directory, segments: &[Numbered], index: &mut Index, full: u64) -> io::Result<()> {
    let small: Vec<&Numbered> = segments.iter().filter(|(_, file)| file.bytes < full / 2).collect();
    if small.len() <= SMALL_SEGMENTS {
        return Ok(());
    }
    // No more at once than may be open at once; the next run takes the rest.
    let locked =
        small.into_iter().take(2 * SMALL_SEGMENTS).filter_map(|(number, file)| Some((number, file, lock(file)?)));
    let locked: Vec<(&u64, &Stored, File)> = locked.collect();
    let Some(((number, ..), used)) = locked.last().zip(locked.iter().map(|(_, file, _)| file.used).max()) else {
        return Ok(());
    };
    // With the highest of their numbers: what was begun after all of them still counts as the later.
    let mut appender = Appender::new(directory, **number, full);
    let mut current = current(index);
    let mut moved = Vec::new();
    for (_, file, open) in &locked {
        let records = current.remove(&*file.path).unwrap_or_default();
        moved.extend(appender.append(&read(open, file.bytes, records)?, used)?);
    }
    index.moved(moved);
    locked.iter().for_each(|(_, file, _)| remove(&file.path));
    Ok(())
}

/// Opens a segment, unless somebody is at work on it, or was since it was looked at.
fn lock(file: &Stored) -> Option<File> {
    let open = Segment::at(file.path.clone()).open().ok()?;
    open.try_lock().ok()?;
    (open.metadata().ok()?.len() == file.bytes).then_some(open)
}

/// The records that count, by the segment that they lie in.
fn current(index: &Index) -> HashMap<&Path, Vec<(Key, &Found)>> {
    let mut current = HashMap::<_, Vec<_>>::new();
    for (key, found) in index.found() {
        current.entry(found.segment.path()).or_default().push((key, found));
    }
    current
}

/// Reads records out of a segment of so many bytes.
fn read(segment: &File, bytes: u64, records: Vec<(Key, &Found)>) -> io::Result<Vec<(Key, Record)>> {
    let mut content = Vec::new();
    segment.take(bytes).read_to_end(&mut content)?;
    let content = Bytes::from(content);
    let record = |(key, found): (Key, &Found)| {
        let range = found.range().filter(|range| range.end <= content.len())?;
        Some((key, Record { names: found.names, content: content.slice(range) }))
    };
    Ok(records.into_iter().filter_map(record).collect())
}
