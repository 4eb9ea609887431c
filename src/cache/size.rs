//! How much a cache holds, and how that is made less.

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};

use super::directory::{Directory, Stored, below, remove, remove_whole};
use super::index::Index;

/// The directory of the segments. The version counts up when their form changes.
pub(super) const SEGMENTS: &str = "segments-v1";
/// Directories of earlier versions, which nothing reads any more.
const OUTDATED: [&str; 2] = ["documents-v1", "names-v1"];
/// How the names of our directories begin, before their version.
const OURS: [&str; 3] = ["segments-v", "documents-v", "names-v"];

/// How much a cache holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CacheSize {
    /// documents, and references of which is known what they named
    pub entries: u64,
    /// of the files that they are in
    pub bytes: u64,
}

/// How much lies in the directory of the segments.
pub(super) fn of(directory: &Directory) -> io::Result<CacheSize> {
    let segments = directory.segments()?;
    let bytes = segments.iter().map(|(_, file)| file.bytes).sum();
    Ok(CacheSize { entries: Index::of(&segments).len() as u64, bytes })
}

/// Removes every directory of ours in `directory`, of other versions too, and nothing else. Returns what was removed.
///
/// # Errors
/// When the directory cannot be read, or something in one of ours cannot be removed.
pub fn clear(directory: &Path) -> io::Result<CacheSize> {
    let mut removed = CacheSize::default();
    for path in below(directory)?.into_iter().filter(|path| is_ours(path)) {
        let CacheSize { entries, bytes } =
            if path.ends_with(SEGMENTS) { of(&Directory::new(path.clone())) } else { of_files(&path) }?;
        removed.entries += entries;
        removed.bytes += bytes;
        remove_whole(&path)?;
    }
    Ok(removed)
}

/// How much lies in a directory of another version, of which no more is known than that it holds files.
fn of_files(directory: &Path) -> io::Result<CacheSize> {
    let mut size = CacheSize::default();
    for directory in below(directory)?.into_iter().chain([directory.to_owned()]) {
        for file in Directory::new(directory).files()? {
            size.entries += 1;
            size.bytes += file.bytes;
        }
    }
    Ok(size)
}

/// Whether a path is that of a directory of ours, of whichever version.
fn is_ours(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let version = OURS.iter().find_map(|ours| name.strip_prefix(ours));
    version.is_some_and(|version| !version.is_empty() && version.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Removes what earlier versions left beside the segments.
pub(super) fn remove_outdated(directory: &Directory) {
    for path in directory.path().parent().into_iter().flat_map(|parent| OUTDATED.map(|name| parent.join(name))) {
        // It may be another user's; that it stays does no harm.
        let _ = remove_whole(&path);
    }
}

/// Removes the segments that were of no use for the longest time, until nine tenths of `limit` are left, if that is
/// exceeded. Returns what was removed.
pub(super) fn sweep(directory: &Directory, limit: u64) -> io::Result<HashSet<PathBuf>> {
    let mut files = directory.files()?;
    let mut removed = HashSet::new();
    let mut total: u64 = files.iter().map(|file| file.bytes).sum();
    if total <= limit {
        return Ok(removed);
    }
    files.sort_unstable_by(|a, b| (a.used, &a.path).cmp(&(b.used, &b.path)));
    for Stored { path, bytes, .. } in files {
        if total <= limit / 10 * 9 {
            break;
        }
        remove(&path);
        total -= bytes;
        removed.insert(path);
    }
    Ok(removed)
}
