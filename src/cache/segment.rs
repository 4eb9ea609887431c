//! A segment: a file that one process appends records to, and that others read, while it grows and after.
//!
//! It is a row of batches. A batch begins with a line, the digest and the length of its list; then comes the list, of the
//! keys and lengths of some records; then their contents, one after the other. So whoever looks for what is there reads
//! the lists alone. The first list that is not what its digest says ends the segment. What lies before it counts, as does
//! each content that lies in the file whole.

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::str::from_utf8;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};

use jiff::Timestamp;

use super::directory::set_used;
use super::record::{Key, Record};
use crate::image::Digest;

/// The most records in a batch, so that a list has a length that can be relied on.
pub(super) const BATCH: usize = 1024;
/// A batch's first line: a sha256 digest, a space, the list's length in hex, the line's end.
const LINE_BYTES: usize = 71 + 1 + 8 + 1;

/// A file of records.
#[derive(Debug)]
pub(super) struct Segment {
    path: PathBuf,
    /// open from the first content on that is read; `None` when it cannot be opened
    file: OnceLock<Option<File>>,
    is_used: AtomicBool,
}

/// What a list says of a record.
struct Entry {
    key: Key,
    names: Key,
    length: u32,
}

/// Where a record lies.
#[derive(Debug, Clone)]
pub(super) struct Found {
    pub(super) names: Key,
    pub(super) segment: Arc<Segment>,
    offset: u64,
    length: u32,
}

impl Segment {
    pub(super) fn at(path: PathBuf) -> Arc<Self> {
        Arc::new(Self { path, file: OnceLock::new(), is_used: AtomicBool::new(false) })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// What lies in it, in the order in which it was kept.
    pub(super) fn records(self: &Arc<Self>) -> io::Result<Vec<(Key, Found)>> {
        let file = self.open()?;
        let (mut records, mut offset, end) = (Vec::new(), 0, file.metadata()?.len());
        while let Some(list) = read_list(&file, offset) {
            let contents = offset + (LINE_BYTES + list.len()) as u64;
            let placed = self.place(list.chunks_exact(Entry::BYTES).filter_map(Entry::parse), contents);
            offset = placed.last().map_or(contents, |(_, found)| found.end());
            records.extend(placed.into_iter().filter(|(_, found)| found.end() <= end));
        }
        Ok(records)
    }

    /// Where the contents of a list lie, of which the first is at `offset`.
    fn place(self: &Arc<Self>, list: impl Iterator<Item = Entry>, mut offset: u64) -> Vec<(Key, Found)> {
        let place = |Entry { key, names, length }| {
            let found = Found { names, segment: Arc::clone(self), offset, length };
            offset = found.end();
            (key, found)
        };
        list.map(place).collect()
    }

    /// Where the records of a batch lie that was written at `offset`.
    pub(super) fn written(self: &Arc<Self>, batch: &[(Key, Record)], offset: u64) -> Vec<(Key, Found)> {
        self.place(batch.iter().map(Entry::of), offset + (LINE_BYTES + batch.len() * Entry::BYTES) as u64)
    }

    /// Notes, once in a run, that it was of use at `now`. That it fails costs the segment its place in line.
    pub(super) fn mark_used(&self, now: Timestamp) {
        if !self.is_used.swap(true, Relaxed) {
            let _ = set_used(&self.path, now.into());
        }
    }

    /// What contents are read from. On unix that can be done also when another process has removed the file by now.
    fn file(&self) -> io::Result<&File> {
        self.file.get_or_init(|| self.open().ok()).as_ref().ok_or(ErrorKind::NotFound.into())
    }

    /// Opens it to be read, unless something else lies in its place.
    pub(super) fn open(&self) -> io::Result<File> {
        match fs::symlink_metadata(&self.path)?.is_file() {
            true => File::open(&self.path),
            false => Err(ErrorKind::InvalidData.into()),
        }
    }
}

impl Found {
    /// Its content, if that is not longer than `limit`.
    pub(super) fn read(&self, limit: usize) -> io::Result<Vec<u8>> {
        let length = usize::try_from(self.length).ok().filter(|length| *length <= limit);
        let mut content = vec![0; length.ok_or(ErrorKind::InvalidData)?];
        read_exact_at(self.segment.file()?, &mut content, self.offset)?;
        Ok(content)
    }

    fn end(&self) -> u64 {
        self.offset.saturating_add(u64::from(self.length))
    }

    /// Where its content lies in its segment.
    pub(super) fn range(&self) -> Option<Range<usize>> {
        Some(usize::try_from(self.offset).ok()?..usize::try_from(self.end()).ok()?)
    }
}

impl Entry {
    const BYTES: usize = 16 + 16 + 4;

    fn of((key, record): &(Key, Record)) -> Self {
        // What is kept is shorter by far.
        let length = u32::try_from(record.content.len()).unwrap_or(u32::MAX);
        Self { key: *key, names: record.names, length }
    }

    fn to_bytes(&self) -> Vec<u8> {
        [&self.key.to_bytes()[..], &self.names.to_bytes(), &self.length.to_be_bytes()].concat()
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let (key, rest) = bytes.split_first_chunk()?;
        let (names, length) = rest.split_first_chunk()?;
        let length = u32::from_be_bytes(*length.first_chunk()?);
        Some(Self { key: Key::from_bytes(*key), names: Key::from_bytes(*names), length })
    }
}

/// A batch as it is written.
pub(super) fn batch(records: &[(Key, Record)]) -> Vec<u8> {
    let list: Vec<u8> = records.iter().flat_map(|record| Entry::of(record).to_bytes()).collect();
    let line = format!("{} {:08x}\n", Digest::of(&list), list.len());
    let mut parts = vec![line.as_bytes(), &list];
    parts.extend(records.iter().map(|(_, record)| &record.content[..]));
    parts.concat()
}

/// The list of the batch at `offset`; `None` when none begins there.
fn read_list(file: &File, offset: u64) -> Option<Vec<u8>> {
    let mut line = [0; LINE_BYTES];
    read_exact_at(file, &mut line, offset).ok()?;
    let (digest, length) = from_utf8(&line).ok()?.strip_suffix('\n')?.split_once(' ')?;
    let length = usize::from_str_radix(length, 16).ok().filter(|length| *length <= BATCH * Entry::BYTES)?;
    let mut list = vec![0; length];
    read_exact_at(file, &mut list, offset + LINE_BYTES as u64).ok()?;
    Digest::parse(digest).ok()?.matches(&list).then_some(list)
}

#[cfg(unix)]
fn read_exact_at(file: &File, bytes: &mut [u8], offset: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, bytes, offset)
}

#[cfg(windows)]
fn read_exact_at(file: &File, mut bytes: &mut [u8], mut offset: u64) -> io::Result<()> {
    while !bytes.is_empty() {
        let read = std::os::windows::fs::FileExt::seek_read(file, bytes, offset)?;
        if read == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        bytes = bytes.split_at_mut(read).1;
        offset += read as u64;
    }
    Ok(())
}
