//! Small named contents, in memory or as files below a directory. What they mean is for [`super::Store`] to say.
#![expect(clippy::disallowed_methods, reason = "the store is one of the places that write files")]

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use axum::body::Bytes;
use tempfile::{NamedTempFile, TempPath};

use super::Content;

/// Where unfinished files lie, on the file system of the finished ones, so that a rename is atomic.
const UNFINISHED: &str = "tmp";

/// Contents by key. A key is a relative path, made only of validated names.
#[derive(Debug)]
pub(super) enum Files {
    Memory(RwLock<BTreeMap<String, Bytes>>),
    Directory(PathBuf),
}

impl Files {
    pub(super) fn memory() -> Self {
        Self::Memory(RwLock::default())
    }

    /// Opens or makes a directory, and removes what an earlier process left unfinished in it.
    pub(super) fn directory(root: &Path) -> io::Result<Self> {
        let unfinished = root.join(UNFINISHED);
        fs::create_dir_all(&unfinished)?;
        for entry in fs::read_dir(&unfinished)? {
            fs::remove_file(entry?.path())?;
        }
        Ok(Self::Directory(root.to_owned()))
    }

    pub(super) fn open(&self, key: &str) -> io::Result<Option<Content>> {
        match self {
            Self::Memory(map) => Ok(read_lock(map).get(key).cloned().map(Content::Memory)),
            Self::Directory(root) => known(fs::File::open(root.join(key)).and_then(|file| {
                let length = file.metadata()?.len();
                Ok(Content::File(file, length))
            })),
        }
    }

    pub(super) fn read(&self, key: &str) -> io::Result<Option<Bytes>> {
        match self {
            Self::Memory(map) => Ok(read_lock(map).get(key).cloned()),
            Self::Directory(root) => known(fs::read(root.join(key)).map(Bytes::from)),
        }
    }

    pub(super) fn contains(&self, key: &str) -> io::Result<bool> {
        match self {
            Self::Memory(map) => Ok(read_lock(map).contains_key(key)),
            Self::Directory(root) => root.join(key).try_exists(),
        }
    }

    /// Writes a content whole: a reader sees the earlier one or this one.
    pub(super) fn write(&self, key: &str, bytes: impl Into<Bytes>) -> io::Result<()> {
        match self {
            Self::Memory(map) => {
                write_lock(map).insert(key.to_owned(), bytes.into());
                Ok(())
            }
            Self::Directory(root) => {
                let mut file = NamedTempFile::new_in(root.join(UNFINISHED))?;
                file.write_all(&bytes.into())?;
                file.as_file().sync_all()?;
                put_in_place(file.into_temp_path(), &root.join(key))
            }
        }
    }

    /// A file to be written and then adopted; it is removed when it is dropped. `None` in memory.
    pub(super) fn unfinished(&self) -> io::Result<Option<NamedTempFile>> {
        match self {
            Self::Memory(_) => Ok(None),
            Self::Directory(root) => NamedTempFile::new_in(root.join(UNFINISHED)).map(Some),
        }
    }

    /// Makes a finished and synced file the content of `key`.
    pub(super) fn adopt(&self, key: &str, file: TempPath) -> io::Result<()> {
        match self {
            Self::Memory(_) => self.write(key, fs::read(file)?),
            Self::Directory(root) => put_in_place(file, &root.join(key)),
        }
    }

    /// Whether there was something to remove.
    pub(super) fn remove(&self, key: &str) -> io::Result<bool> {
        match self {
            Self::Memory(map) => Ok(write_lock(map).remove(key).is_some()),
            Self::Directory(root) => Ok(known(fs::remove_file(root.join(key)))?.is_some()),
        }
    }

    /// The names directly below `key`, sorted.
    pub(super) fn list(&self, key: &str) -> io::Result<Vec<String>> {
        match self {
            Self::Memory(map) => {
                let prefix = format!("{key}/");
                let map = read_lock(map);
                let below = map.range(prefix.clone()..).map_while(|(key, _)| key.strip_prefix(&prefix));
                let mut names: Vec<String> =
                    below.filter_map(|rest| rest.split('/').next()).map(str::to_owned).collect();
                // Keys sort by the whole path, in which `-` and `.` come before the slash.
                names.sort_unstable();
                names.dedup();
                Ok(names)
            }
            Self::Directory(root) => {
                let Some(entries) = known(fs::read_dir(root.join(key)))? else { return Ok(Vec::new()) };
                let mut names = Vec::new();
                for entry in entries {
                    // What is not UTF-8 is not ours.
                    names.extend(entry?.file_name().into_string().ok());
                }
                names.sort_unstable();
                Ok(names)
            }
        }
    }
}

fn put_in_place(file: TempPath, target: &Path) -> io::Result<()> {
    if let Some(parent) = target.parent() {
        fs::create_dir_all(parent)?;
    }
    file.persist(target).map_err(|error| error.error)
}

fn read_lock<T>(lock: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}

fn write_lock<T>(lock: &RwLock<T>) -> RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}

/// What is not there is `None`, not an error.
fn known<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
        Err(error) => Err(error),
    }
}
