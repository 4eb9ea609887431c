//! A directory of small files, each written whole, that other processes may write to and remove from as well.
#![expect(clippy::disallowed_methods, reason = "the cache is one of the places that write files")]

use std::fs;
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use jiff::Timestamp;

/// Files by name, spread over directories by the end of their names.
#[derive(Debug)]
pub(super) struct Bucket(PathBuf);

/// A file in a bucket, a forgotten unfinished one too.
#[derive(Debug, Clone)]
pub(super) struct Stored {
    pub(super) path: PathBuf,
    pub(super) bytes: u64,
    /// when it was written or read last
    pub(super) used: SystemTime,
}

impl Bucket {
    pub(super) fn new(path: PathBuf) -> Self {
        Self(path)
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    pub(super) fn has(&self, name: &str) -> bool {
        fs::symlink_metadata(self.file(name)).is_ok_and(|metadata| metadata.is_file())
    }

    /// The content of `name`; an error when it is no file of at most `limit` bytes.
    pub(super) fn read(&self, name: &str, limit: u64) -> io::Result<Option<Vec<u8>>> {
        let path = self.file(name);
        let Some(metadata) = known(fs::symlink_metadata(&path))? else { return Ok(None) };
        if !metadata.is_file() || metadata.len() > limit {
            return Err(io::Error::new(ErrorKind::InvalidData, format!("{name} is no entry")));
        }
        let Some(file) = known(fs::File::open(&path))? else { return Ok(None) };
        // One more than there should be, so that the end is seen by the first read.
        let mut content = Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or_default() + 1);
        file.take(limit).read_to_end(&mut content)?;
        Ok(Some(content))
    }

    /// Makes `parts` the content of `name`: a reader sees all of it, or what was there before.
    ///
    /// It is not synced. What a power cut leaves of it is found to be corrupt, and fetched again.
    pub(super) fn write(&self, name: &str, parts: &[&[u8]]) -> io::Result<()> {
        let path = self.file(name);
        let directory = path.parent().unwrap_or(&self.0);
        // Mostly it is there.
        let mut file = match tempfile::NamedTempFile::new_in(directory) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                make_private(directory)?;
                tempfile::NamedTempFile::new_in(directory)?
            }
            file => file?,
        };
        for part in parts {
            file.write_all(part)?;
        }
        file.persist(path).map_err(|error| error.error)?;
        Ok(())
    }

    /// Notes that `name` was used at `now`. That it fails costs the entry its place in line.
    pub(super) fn touch(&self, name: &str, now: Timestamp) {
        if let Ok(file) = fs::File::options().write(true).open(self.file(name)) {
            let _ = file.set_modified(now.into());
        }
    }

    pub(super) fn remove(&self, name: &str) {
        remove(&self.file(name));
    }

    /// Every file, in no order.
    pub(super) fn stored(&self) -> io::Result<Vec<Stored>> {
        let mut found = Vec::new();
        for directory in below(&self.0)? {
            // Another process may remove anything meanwhile.
            for path in below(&directory)? {
                let Some(metadata) = known(fs::symlink_metadata(&path))? else { continue };
                found.push(Stored { path, bytes: metadata.len(), used: metadata.modified()? });
            }
        }
        Ok(found)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.join(name.get(name.len().saturating_sub(2)..).unwrap_or_default()).join(name)
    }
}

/// Removes an entry, or the directory that lies in its place. What cannot be removed stays.
pub(super) fn remove(path: &Path) {
    if fs::remove_file(path).is_err() && fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_dir()) {
        let _ = fs::remove_dir_all(path);
    }
}

/// Removes a directory with all that is in it. A link is removed itself, not what it points to.
pub(super) fn remove_whole(path: &Path) -> io::Result<()> {
    let is_directory = fs::symlink_metadata(path)?.is_dir();
    let removed = if is_directory { fs::remove_dir_all(path) } else { fs::remove_file(path) };
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
