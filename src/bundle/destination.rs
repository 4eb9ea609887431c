//! Where a bundle goes: checked before hours of collecting, and filled in one step after them.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use tempfile::NamedTempFile;

use super::{Contents, WriteError};
use crate::clock::Clock;

/// The longest name of a top directory: with it every path fits a plain tar header.
const LONGEST_TOP: usize = 100;

/// A place that a bundle can be written to.
///
/// A file is written beside its target under a name of its own (`.imagefacts-….tmp`) and renamed when it is complete and
/// on the disk, so that a reader sees the whole bundle or none. Dropping a destination removes that file.
#[derive(Debug)]
pub struct Destination {
    top: String,
    at: Timestamp,
    target: Target,
}

#[derive(Debug)]
enum Target {
    Stdout,
    /// the file of this path, whether it exists or not; `real` is where a link leads
    File {
        temp: NamedTempFile,
        path: PathBuf,
        real: PathBuf,
    },
    /// a file in this directory, under the first free name
    Directory {
        temp: NamedTempFile,
        directory: PathBuf,
    },
}

/// The file that a bundle is written to before it has its name.
#[derive(Debug, Clone)]
pub struct Unfinished(PathBuf);

/// A bundle that was written. As text its path, or `-`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Written {
    /// to this file
    File(PathBuf),
    /// to stdout
    Stdout,
}

impl Destination {
    /// The place that `--output` names: a file, a directory, `-` for stdout; without it the working directory.
    ///
    /// # Errors
    /// When no bundle could be written there.
    pub fn resolve(output: Option<&Path>, clock: Clock) -> Result<Self, WriteError> {
        let at = clock.now();
        let time_name = format!("support-bundle-{}", at.to_zoned(zone(clock)).strftime("%Y-%m-%dT%H_%M_%S"));
        let (top, target) = match output {
            Some(path) if path == Path::new("-") => match io::stdout().is_terminal() {
                true => return Err(WriteError::Terminal),
                false => (time_name, Target::Stdout),
            },
            None => (time_name, Target::directory(Path::new("."))?),
            Some(path) => match fs::metadata(path) {
                Ok(metadata) if metadata.is_dir() => (time_name, Target::directory(path)?),
                Ok(metadata) if !metadata.is_file() => return Err(WriteError::NotAFile(path.into())),
                _ => (top_name(path).unwrap_or(time_name), Target::file(path)?),
            },
        };
        Ok(Self { top, at, target })
    }

    /// What is to be removed when the program ends without dropping this; none on stdout.
    pub fn unfinished(&self) -> Option<Unfinished> {
        match &self.target {
            Target::Stdout => None,
            Target::File { temp, .. } | Target::Directory { temp, .. } => Some(Unfinished(temp.path().to_owned())),
        }
    }

    /// Writes a bundle of `contents`.
    ///
    /// # Errors
    /// When it cannot be written; then nothing of it is left, except on stdout.
    pub fn write(self, contents: &Contents<'_>) -> Result<Written, WriteError> {
        let Self { top, at, target } = self;
        match target {
            Target::Stdout => {
                let written = contents.write(&top, at, io::stdout().lock());
                written.map(|()| Written::Stdout).map_err(|cause| WriteError::new("stdout", cause))
            }
            Target::File { temp, path, real } => {
                let error = |cause| WriteError::new(path.display(), cause);
                let temp = fill(temp, |out| contents.write(&top, at, out)).map_err(error)?;
                temp.persist(&real).map_err(|refused| error(refused.error))?;
                sync_directory(&parent(&real));
                Ok(Written::File(path))
            }
            Target::Directory { temp, directory } => {
                let error = |cause| WriteError::new(directory.join(numbered(&top, 0)).display(), cause);
                let temp = fill(temp, |out| contents.write(&top, at, out)).map_err(error)?;
                let path = persist_free(temp, &directory, &top).map_err(error)?;
                sync_directory(&directory);
                Ok(Written::File(path))
            }
        }
    }
}

impl Unfinished {
    /// Removes the file. A bundle that has its name already is left alone.
    #[expect(clippy::disallowed_methods, reason = "this room writes files")]
    pub fn remove(&self) {
        if let Err(error) = fs::remove_file(&self.0) {
            tracing::debug!(%error, "nothing unfinished was removed");
        }
    }
}

impl Target {
    fn file(path: &Path) -> Result<Self, WriteError> {
        let names_directory = path.as_os_str().to_string_lossy().ends_with(std::path::is_separator);
        if names_directory || path.file_name().is_none() {
            return Err(WriteError::NoDirectory(path.into()));
        }
        // A link is followed: what it points to is replaced, not the link.
        let real = fs::canonicalize(path).unwrap_or_else(|_| path.into());
        Ok(Self::File { temp: temp_in(&parent(&real))?, path: path.into(), real })
    }

    fn directory(directory: &Path) -> Result<Self, WriteError> {
        Ok(Self::Directory { temp: temp_in(directory)?, directory: directory.into() })
    }
}

impl fmt::Display for Written {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Stdout => f.write_str("-"),
        }
    }
}

/// Names are by local time, which people look for; with a fixed clock nothing may depend on where the program runs.
fn zone(clock: Clock) -> TimeZone {
    match clock {
        Clock::System => TimeZone::system(),
        Clock::Fixed(_) => TimeZone::UTC,
    }
}

/// The top directory's name for an archive of this name; `None` when it could not be one.
fn top_name(path: &Path) -> Option<String> {
    let name = path.file_name()?.to_str()?;
    let name = [".tar.gz", ".tgz"].iter().find_map(|ending| name.strip_suffix(ending)).unwrap_or(name);
    (!matches!(name, "" | "." | "..") && name.len() <= LONGEST_TOP).then(|| name.to_owned())
}

fn parent(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.into(),
        _ => ".".into(),
    }
}

fn temp_in(directory: &Path) -> Result<NamedTempFile, WriteError> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".imagefacts-").suffix(".tmp");
    #[cfg(unix)]
    // As any program's output: the umask decides who may read it.
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder.tempfile_in(directory).map_err(|cause| match cause.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => WriteError::NoDirectory(directory.into()),
        _ => WriteError::Unwritable { directory: directory.into(), cause },
    })
}

/// Writes to `temp` and waits until all of it is on the disk.
fn fill(mut temp: NamedTempFile, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<NamedTempFile> {
    write(temp.as_file_mut())?;
    temp.as_file().sync_all()?;
    Ok(temp)
}

/// Gives `temp` the first name in `directory` that is free.
fn persist_free(mut temp: NamedTempFile, directory: &Path, name: &str) -> io::Result<PathBuf> {
    let mut n = 0;
    loop {
        let path = directory.join(numbered(name, n));
        match temp.persist_noclobber(&path) {
            Ok(_) => return Ok(path),
            Err(refused) if refused.error.kind() == io::ErrorKind::AlreadyExists => temp = refused.file,
            Err(refused) => return Err(refused.error),
        }
        n += 1;
    }
}

fn numbered(name: &str, n: u32) -> String {
    if n == 0 { format!("{name}.tar.gz") } else { format!("{name} ({n}).tar.gz") }
}

/// Makes the new name last through a power cut. Best effort: the bundle is complete, and not every system can do it.
fn sync_directory(directory: &Path) {
    if let Err(error) = File::open(directory).and_then(|directory| directory.sync_all()) {
        tracing::debug!(%error, "the bundle's directory could not be synced");
    }
}
