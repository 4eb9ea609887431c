//! The directory of the segments, that other processes may write to and remove from as well.
#![expect(clippy::disallowed_methods, reason = "the cache is one of the places that write files")]

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Where the segments lie.
#[derive(Debug, Clone)]
pub(super) struct Directory(PathBuf);

/// A file in the directory.
#[derive(Debug, Clone)]
pub(super) struct Stored {
    pub(super) path: PathBuf,
    pub(super) bytes: u64,
    /// when it was written or of use last
    pub(super) used: SystemTime,
}

/// A file with the number of a segment. What has a higher one was begun later.
pub(super) type Numbered = (u64, Stored);

impl Directory {
    pub(super) fn new(path: PathBuf) -> Self {
        Self(path)
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// Every file in it, in no order. What is no file, or a link to one, is none.
    pub(super) fn files(&self) -> io::Result<Vec<Stored>> {
        let mut found = Vec::new();
        for path in below(&self.0)? {
            // Another process may remove anything meanwhile.
            let Some(metadata) = known(fs::symlink_metadata(&path))?.filter(fs::Metadata::is_file) else { continue };
            found.push(Stored { path, bytes: metadata.len(), used: metadata.modified()? });
        }
        Ok(found)
    }

    /// The segments, the later ones last.
    pub(super) fn segments(&self) -> io::Result<Vec<Numbered>> {
        let numbered = |file: Stored| Some((number(&file.path)?, file));
        let mut segments: Vec<_> = self.files()?.into_iter().filter_map(numbered).collect();
        segments.sort_unstable_by(|(a, one), (b, other)| (a, &one.path).cmp(&(b, &other.path)));
        Ok(segments)
    }

    /// Makes a segment that only its owner may read, and the directory if it is not there. Of segments with one number,
    /// which one process writes, the `part` says which is the later.
    pub(super) fn create(&self, number: u64, part: u32) -> io::Result<(File, PathBuf)> {
        make_private(&self.0)?;
        let file = tempfile::Builder::new().prefix(&format!("{number:010}-{part:04}-")).tempfile_in(&self.0)?;
        file.keep().map_err(|error| error.error)
    }
}

/// The number of a segment, if it is one.
fn number(path: &Path) -> Option<u64> {
    path.file_name()?.to_str()?.split_once('-')?.0.parse().ok()
}

/// Notes when a file was of use.
pub(super) fn set_used(path: &Path, used: SystemTime) -> io::Result<()> {
    File::options().write(true).open(path)?.set_modified(used)
}

/// Removes a file. What cannot be removed stays.
pub(super) fn remove(path: &Path) {
    let _ = fs::remove_file(path);
}

/// Removes a directory with all that is in it. A link is removed itself, not what it points to.
pub(super) fn remove_whole(path: &Path) -> io::Result<()> {
    let Some(metadata) = known(fs::symlink_metadata(path))? else { return Ok(()) };
    let removed = if metadata.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    known(removed).map(|_| ())
}

/// The paths directly below a directory; none of what is no directory.
pub(super) fn below(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let Some(entries) = known(fs::read_dir(directory))? else { return Ok(Vec::new()) };
    entries.map(|entry| Ok(entry?.path())).collect()
}

/// Makes a directory that only its owner may look into, and those above it that are not there.
fn make_private(directory: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(directory)
}

/// What is not there is `None`, not an error.
fn known<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(None),
        Err(error) => Err(error),
    }
}
