//! Contents on their way in and out.

use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;

use axum::body::{Body, Bytes};
use tempfile::TempPath;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_util::io::ReaderStream;

use crate::image::Digest;

/// A content that can be read.
#[derive(Debug)]
pub(in crate::serve) enum Content {
    Memory(Bytes),
    File(std::fs::File, u64),
}

impl Content {
    /// Bytes.
    pub(in crate::serve) fn len(&self) -> u64 {
        match self {
            Self::Memory(bytes) => bytes.len() as u64,
            Self::File(_, length) => *length,
        }
    }

    /// A part of it as the body of a response. A file is read while it is sent.
    pub(in crate::serve) fn into_body(self, range: Range<u64>) -> io::Result<Body> {
        match self {
            Self::Memory(bytes) => {
                let index = |at: u64| usize::try_from(at).unwrap_or(usize::MAX).min(bytes.len());
                Ok(Body::from(bytes.slice(index(range.start)..index(range.end))))
            }
            Self::File(mut file, _) => {
                file.seek(SeekFrom::Start(range.start))?;
                let part = tokio::fs::File::from_std(file).take(range.end - range.start);
                Ok(Body::from_stream(ReaderStream::with_capacity(part, 64 << 10)))
            }
        }
    }
}

/// An upload that is not finished. Dropping it removes what it has written.
#[derive(Debug)]
pub(in crate::serve) enum Spool {
    Memory(Vec<u8>),
    File { file: tokio::fs::File, path: TempPath, length: u64 },
}

impl Spool {
    /// Bytes so far.
    pub(in crate::serve) fn len(&self) -> u64 {
        match self {
            Self::Memory(bytes) => bytes.len() as u64,
            Self::File { length, .. } => *length,
        }
    }

    /// Takes the next bytes.
    pub(in crate::serve) async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Memory(buffer) => buffer.extend_from_slice(bytes),
            Self::File { file, length, .. } => {
                file.write_all(bytes).await?;
                *length += bytes.len() as u64;
            }
        }
        Ok(())
    }

    /// Brings all bytes to where they can be verified.
    pub(in crate::serve) async fn finish(self) -> io::Result<FinishedUpload> {
        match self {
            Self::Memory(bytes) => Ok(FinishedUpload::Memory(bytes.into())),
            Self::File { mut file, path, .. } => {
                file.flush().await?;
                file.sync_all().await?;
                Ok(FinishedUpload::File(path))
            }
        }
    }
}

/// An upload whose bytes are all there, but not verified.
#[derive(Debug)]
pub(in crate::serve) enum FinishedUpload {
    Memory(Bytes),
    File(TempPath),
}

/// Whether a file holds what `digest` names. What lies on the disk is read, not what was meant to be written there.
pub(super) fn verify(path: &std::path::Path, digest: &Digest) -> io::Result<bool> {
    let mut file = std::fs::File::open(path)?;
    let mut verifier = digest.verifier();
    let mut buffer = vec![0; 128 << 10];
    loop {
        let read = file.read(&mut buffer)?;
        match buffer.get(..read) {
            Some(piece) if !piece.is_empty() => verifier.update(piece),
            _ => return Ok(verifier.is_match()),
        }
    }
}
