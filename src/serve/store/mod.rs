//! What a registry keeps, and where.
//!
//! ```text
//! blobs/sha256/<hex>                          contents of blobs and manifests, each once
//! repositories/<name>/_blobs/sha256-<hex>     that the repository has this blob
//! repositories/<name>/_manifests/sha256-<hex> that it has this manifest; holds the media type it was pushed with
//! repositories/<name>/_tags/<tag>             holds the digest of the manifest that the tag names
//! repositories/<name>/_referrers/sha256-<hex of the subject>/sha256-<hex of the manifest>
//! ```
//!
//! A repository's name cannot hold a part that starts with `_`, so the two never meet. A content outlives its last
//! link; to remove it is the work of a garbage collection.

mod files;
mod spool;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::Arc;

use axum::body::Bytes;

use super::{RepositoryName, Tag, Target};
use crate::image::Digest;
use files::Files;

pub(super) use spool::{Content, FinishedUpload, Spool};

/// The content of a registry. Clones share it. Its methods may block.
#[derive(Debug, Clone)]
pub struct Store {
    files: Arc<Files>,
}

/// Why the store failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The directory cannot be used.
    #[error("the registry's directory {} cannot be used: {source}", path.display())]
    Directory {
        /// the directory
        path: PathBuf,
        /// what the system says
        source: std::io::Error,
    },
    /// A file could not be read or written.
    #[error("the registry's store failed: {0}")]
    Io(#[from] std::io::Error),
    /// A file of the store does not hold what only we write there.
    #[error("the registry's store is damaged at {0}")]
    Damaged(String),
}

/// A manifest as it was pushed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredManifest {
    /// over `bytes`
    pub digest: Digest,
    /// the `Content-Type` that it was pushed with
    pub media_type: String,
    /// unchanged
    pub bytes: Bytes,
}

type Result<T> = std::result::Result<T, StoreError>;

impl Store {
    /// A store that ends with the process.
    pub fn memory() -> Self {
        Self { files: Arc::new(Files::memory()) }
    }

    /// A store below `root`, which is made when it is missing.
    pub fn directory(root: impl Into<PathBuf>) -> Result<Self> {
        let path = root.into();
        match Files::directory(&path) {
            Ok(files) => Ok(Self { files: Arc::new(files) }),
            Err(source) => Err(StoreError::Directory { path, source }),
        }
    }

    /// Adds a blob to a repository.
    pub fn put_blob(&self, repository: &RepositoryName, bytes: impl Into<Bytes>) -> Result<Digest> {
        let bytes = bytes.into();
        let digest = Digest::of(&bytes);
        self.files.write(&content_key(&digest), bytes)?;
        self.files.write(&blob_key(repository, &digest), Bytes::new())?;
        Ok(digest)
    }

    /// Whether the repository has the blob.
    pub fn has_blob(&self, repository: &RepositoryName, digest: &Digest) -> Result<bool> {
        Ok(self.files.contains(&blob_key(repository, digest))?)
    }

    pub(super) fn open_blob(&self, repository: &RepositoryName, digest: &Digest) -> Result<Option<Content>> {
        if self.has_blob(repository, digest)? { Ok(self.files.open(&content_key(digest))?) } else { Ok(None) }
    }

    /// Makes a blob of one repository one of another; false when the first does not have it.
    pub fn mount_blob(&self, from: &RepositoryName, to: &RepositoryName, digest: &Digest) -> Result<bool> {
        let known = self.has_blob(from, digest)?;
        if known {
            self.files.write(&blob_key(to, digest), Bytes::new())?;
        }
        Ok(known)
    }

    /// Takes a blob from a repository; false when it does not have it.
    pub fn remove_blob(&self, repository: &RepositoryName, digest: &Digest) -> Result<bool> {
        Ok(self.files.remove(&blob_key(repository, digest))?)
    }

    /// Begins an upload.
    pub(super) fn spool(&self) -> Result<Spool> {
        Ok(match self.files.unfinished()? {
            None => Spool::Memory(Vec::new()),
            Some(file) => {
                let (file, path) = file.into_parts();
                Spool::File { file: tokio::fs::File::from_std(file), path, length: 0 }
            }
        })
    }

    /// Ends an upload: its content becomes a blob of the repository, unless it is not what `digest` names (false).
    pub(super) fn adopt(&self, repository: &RepositoryName, digest: &Digest, upload: FinishedUpload) -> Result<bool> {
        let key = content_key(digest);
        match upload {
            FinishedUpload::Memory(bytes) if digest.matches(&bytes) => self.files.write(&key, bytes)?,
            FinishedUpload::File(path) if spool::verify(&path, digest)? => self.files.adopt(&key, path)?,
            FinishedUpload::Memory(_) | FinishedUpload::File(_) => return Ok(false),
        }
        self.files.write(&blob_key(repository, digest), Bytes::new())?;
        Ok(true)
    }

    /// Adds a manifest to a repository, unchecked. `digest` must be that of `bytes`.
    pub fn put_manifest(
        &self,
        repository: &RepositoryName,
        manifest: &StoredManifest,
        subject: Option<&Digest>,
    ) -> Result<()> {
        let digest = &manifest.digest;
        self.files.write(&content_key(digest), manifest.bytes.clone())?;
        self.files.write(&manifest_key(repository, digest), manifest.media_type.clone())?;
        if let Some(subject) = subject {
            self.files.write(&referrer_key(repository, subject, digest), Bytes::new())?;
        }
        Ok(())
    }

    /// Lets a tag name a manifest.
    pub fn put_tag(&self, repository: &RepositoryName, tag: &Tag, digest: &Digest) -> Result<()> {
        Ok(self.files.write(&tag_key(repository, tag), digest.to_string())?)
    }

    /// The manifest that `target` names.
    pub fn manifest(&self, repository: &RepositoryName, target: &Target) -> Result<Option<StoredManifest>> {
        let digest = match target {
            Target::Digest(digest) => Some(digest.clone()),
            Target::Tag(tag) => self.tagged(repository, tag)?,
        };
        let Some(digest) = digest else { return Ok(None) };
        let key = manifest_key(repository, &digest);
        let Some(media_type) = self.files.read(&key)? else { return Ok(None) };
        let media_type = String::from_utf8(media_type.to_vec()).map_err(|_| StoreError::Damaged(key))?;
        let content = content_key(&digest);
        let Some(bytes) = self.files.read(&content)? else { return Err(StoreError::Damaged(content)) };
        Ok(Some(StoredManifest { digest, media_type, bytes }))
    }

    /// Whether the repository has the manifest.
    pub fn has_manifest(&self, repository: &RepositoryName, digest: &Digest) -> Result<bool> {
        Ok(self.files.contains(&manifest_key(repository, digest))?)
    }

    fn tagged(&self, repository: &RepositoryName, tag: &Tag) -> Result<Option<Digest>> {
        let key = tag_key(repository, tag);
        let Some(bytes) = self.files.read(&key)? else { return Ok(None) };
        let digest = std::str::from_utf8(&bytes).ok().and_then(|text| Digest::parse(text).ok());
        digest.map(Some).ok_or(StoreError::Damaged(key))
    }

    /// Removes a tag; false when there is none of this name. The manifest stays.
    pub fn remove_tag(&self, repository: &RepositoryName, tag: &Tag) -> Result<bool> {
        Ok(self.files.remove(&tag_key(repository, tag))?)
    }

    /// Removes a manifest, with all tags that name it; false when the repository does not have it.
    pub fn remove_manifest(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
        subject: Option<&Digest>,
    ) -> Result<bool> {
        for tag in self.tags(repository)? {
            if self.tagged(repository, &tag)?.as_ref() == Some(digest) {
                self.remove_tag(repository, &tag)?;
            }
        }
        if let Some(subject) = subject {
            self.files.remove(&referrer_key(repository, subject, digest))?;
        }
        Ok(self.files.remove(&manifest_key(repository, digest))?)
    }

    /// The tags of a repository, sorted.
    pub fn tags(&self, repository: &RepositoryName) -> Result<Vec<Tag>> {
        let names = self.files.list(&format!("repositories/{repository}/_tags"))?;
        Ok(names.iter().filter_map(|name| Tag::parse(name).ok()).collect())
    }

    /// Whether the repository has a manifest or a blob.
    pub fn has_repository(&self, repository: &RepositoryName) -> Result<bool> {
        for links in ["_manifests", "_blobs"] {
            if !self.files.list(&format!("repositories/{repository}/{links}"))?.is_empty() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The repositories that have a manifest, sorted.
    pub fn repositories(&self) -> Result<Vec<RepositoryName>> {
        let mut found = Vec::new();
        let mut open = vec![String::new()];
        while let Some(parent) = open.pop() {
            for part in self.files.list(&format!("repositories{parent}"))? {
                if part == "_manifests" && !self.files.list(&format!("repositories{parent}/{part}"))?.is_empty() {
                    found.extend(RepositoryName::parse(parent.trim_start_matches('/')).ok());
                } else if !part.starts_with('_') {
                    open.push(format!("{parent}/{part}"));
                }
            }
        }
        found.sort_unstable();
        Ok(found)
    }

    /// The manifests that name `subject` as theirs, sorted by digest.
    pub fn referrers(&self, repository: &RepositoryName, subject: &Digest) -> Result<Vec<StoredManifest>> {
        let names = self.files.list(&referrers_key(repository, subject))?;
        let digests = names.iter().filter_map(|name| Digest::parse(&name.replacen('-', ":", 1)).ok());
        digests.filter_map(|digest| self.manifest(repository, &Target::Digest(digest)).transpose()).collect()
    }
}

fn content_key(digest: &Digest) -> String {
    format!("blobs/{}/{}", digest.algorithm(), digest.hex())
}

fn blob_key(repository: &RepositoryName, digest: &Digest) -> String {
    format!("repositories/{repository}/_blobs/{}", file_name(digest))
}

fn manifest_key(repository: &RepositoryName, digest: &Digest) -> String {
    format!("repositories/{repository}/_manifests/{}", file_name(digest))
}

fn tag_key(repository: &RepositoryName, tag: &Tag) -> String {
    format!("repositories/{repository}/_tags/{tag}")
}

fn referrers_key(repository: &RepositoryName, subject: &Digest) -> String {
    format!("repositories/{repository}/_referrers/{}", file_name(subject))
}

fn referrer_key(repository: &RepositoryName, subject: &Digest, digest: &Digest) -> String {
    format!("{}/{}", referrers_key(repository, subject), file_name(digest))
}

/// A digest as a file's name: not every file system takes a colon.
fn file_name(digest: &Digest) -> String {
    format!("{}-{}", digest.algorithm(), digest.hex())
}
