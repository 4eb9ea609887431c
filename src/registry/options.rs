//! What a user may set about registries.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use url::Url;

/// How registries are reached.
#[derive(Debug, Clone, Default)]
pub struct RegistryOptions {
    /// files with certificates in PEM form that are trusted beside the system's
    pub ca_files: Vec<PathBuf>,
    /// registries, as references name them, that may answer plain http or show a certificate that is not trusted
    pub insecure: BTreeSet<String>,
    /// by registry, as references name it: the mirrors that are asked before it, in order
    pub mirrors: BTreeMap<String, Vec<Mirror>>,
}

/// A server that may have what a registry has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mirror {
    /// scheme, host, port, and a path that goes before `/v2`
    pub endpoint: Url,
}

/// Why no client can be made.
#[derive(Debug, thiserror::Error)]
pub enum RegistrySetupError {
    /// A file of certificates cannot be read.
    #[error("cannot read the CA file {}: {source}", path.display())]
    CaFile {
        /// the file
        path: PathBuf,
        /// why
        source: std::io::Error,
    },
    /// A file of certificates holds none, or none that can be parsed.
    #[error("the CA file {} holds no certificate that can be used: {why}; expected PEM", path.display())]
    CaContent {
        /// the file
        path: PathBuf,
        /// what is wrong
        why: String,
    },
    /// The HTTP client cannot be set up.
    #[error("cannot set up the client for registries: {0}")]
    Client(String),
}
