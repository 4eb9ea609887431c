//! Why a bundle cannot be written or read.

use std::io;
use std::path::PathBuf;

/// Why a bundle cannot be written. Nothing half-written is left behind.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The directory for the bundle does not exist.
    #[error("there is no directory {}: create it, or name another place with --output", .0.display())]
    NoDirectory(PathBuf),
    /// No file can be made in the directory.
    #[error("cannot write into the directory {}: {cause}; name another place with --output", .directory.display())]
    Unwritable {
        /// the directory
        directory: PathBuf,
        /// what the system says
        cause: io::Error,
    },
    /// The target is a device, a pipe or a socket.
    #[error("{} is no regular file: name a file or a directory, or `--output -` for stdout", .0.display())]
    NotAFile(PathBuf),
    /// Stdout is a terminal.
    #[error("a bundle cannot be shown on a terminal: redirect stdout, or name a file with --output")]
    Terminal,
    /// The disk or the quota is full.
    #[error("no space is left to write the bundle to {target}: free some, or name another place with --output")]
    NoSpace {
        /// the path, or `stdout`
        target: String,
    },
    /// Writing failed.
    #[error("cannot write the bundle to {target}: {cause}; name another place with --output")]
    Failed {
        /// the path, or `stdout`
        target: String,
        /// what the system says
        cause: io::Error,
    },
}

impl WriteError {
    /// The error for a failed write to `target`.
    pub(super) fn new(target: impl ToString, cause: io::Error) -> Self {
        let target = target.to_string();
        match cause.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::NoSpace { target },
            _ => Self::Failed { target, cause },
        }
    }
}

/// Why no facts can be read from a file.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The file cannot be read.
    #[error("cannot read {}: {cause}", .path.display())]
    Unreadable {
        /// the file
        path: PathBuf,
        /// what the system says
        cause: io::Error,
    },
    /// It is a directory.
    #[error("{} is a directory: name a bundle (.tar.gz), or the facts.json in it", .0.display())]
    Directory(PathBuf),
    /// It is compressed, but not as a bundle is, or it is cut off.
    #[error("{} is no complete bundle (.tar.gz): {cause}; it may be cut off, so copy or collect it again", .path.display())]
    Broken {
        /// the file
        path: PathBuf,
        /// what is wrong
        cause: io::Error,
    },
    /// A bundle, but without facts.
    #[error("there is no image-facts/facts.json in {}: it was not written by `imagefacts collect`", .0.display())]
    NoFacts(PathBuf),
    /// More than this program is ready to read.
    #[error("{} is too large: more than {limit} bytes{}", .path.display(), if *.unpacked { " when unpacked" } else { "" })]
    TooLarge {
        /// the file
        path: PathBuf,
        /// bytes
        limit: u64,
        /// whether that is the size of what a bundle holds
        unpacked: bool,
    },
    /// The facts are no JSON, or not of the wanted shape.
    #[error("{name} is not what it should be: {cause}")]
    Json {
        /// the file, and the place in it
        name: String,
        /// what is wrong, with line and column
        cause: serde_json::Error,
    },
}
