//! The manifests below a directory.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::FilesError;

/// What a directory holds.
pub(super) enum Found {
    /// a file that may be a manifest
    File(PathBuf),
    /// a directory below that cannot be read
    Closed(FilesError),
}

/// The YAML and JSON files below `directory`, sorted by path within each directory.
///
/// Symbolic links are followed, since mounted ConfigMaps consist of them; what several paths lead to is found once,
/// so that links in a circle end.
pub(super) fn manifests(directory: &Path) -> Result<Vec<Found>, FilesError> {
    let mut found = Vec::new();
    let mut passed = BTreeSet::from([identity(directory)]);
    let mut waiting = entries(directory)?;
    while let Some(path) = waiting.pop() {
        let is_directory = path.is_dir();
        // A pipe with a manifest's name would be waited for without an end; a broken link is told of when it is read.
        let is_file = is_manifest(&path) && (path.is_file() || !path.exists());
        if !(is_directory || is_file) || !passed.insert(identity(&path)) {
            continue;
        }
        if !is_directory {
            found.push(Found::File(path));
            continue;
        }
        match entries(&path) {
            Ok(below) => waiting.extend(below),
            Err(error) => found.push(Found::Closed(error)),
        }
    }
    Ok(found)
}

/// The entries of `directory`, the last one first.
fn entries(directory: &Path) -> Result<Vec<PathBuf>, FilesError> {
    let error = |why| FilesError::Unreadable { path: directory.into(), why };
    let entries = std::fs::read_dir(directory).map_err(error)?;
    let mut paths = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>, _>>().map_err(error)?;
    paths.sort_unstable_by(|one, other| other.cmp(one));
    Ok(paths)
}

fn is_manifest(path: &Path) -> bool {
    path.extension().is_some_and(|extension| ["yaml", "yml", "json"].iter().any(|known| extension == *known))
}

/// Where `path` leads to; of a broken link the path itself, so that reading it tells what is wrong.
fn identity(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.into())
}
