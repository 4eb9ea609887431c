//! What a user may set about registries.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use http::header::{HeaderMap, HeaderName, HeaderValue};

use super::address::{Address, authority_of};
use super::prefix::PrefixRule;
use crate::credentials::Credential;

/// How registries are reached.
///
/// Hosts are as references name them: `docker.io`, `r.example:5000`.
#[derive(Debug, Clone, Default)]
pub struct RegistryOptions {
    /// files with certificates in PEM form that are trusted beside the system's, whoever shows one
    pub ca_files: Vec<PathBuf>,
    /// hosts that may answer plain http or show a certificate that is not trusted
    pub insecure: BTreeSet<String>,
    /// what holds for one host alone; see [`RegistryOptions::host`]
    pub hosts: BTreeMap<String, HostOptions>,
    /// by registry: the mirrors that are asked before it, in order
    pub mirrors: BTreeMap<String, Vec<Mirror>>,
    /// the tables of a registries.conf
    pub prefixes: Vec<PrefixRule>,
    /// by registry: what a directory of hosts.toml files says
    pub upstreams: BTreeMap<String, Upstream>,
    /// what that directory says of registries for which it has nothing else
    pub default_upstream: Option<Upstream>,
}

/// What holds for one host, be it a registry, a mirror or a token server.
#[derive(Debug, Clone, Default)]
pub struct HostOptions {
    /// files with certificates in PEM form that this host may rely on, beside those that all may
    pub ca_files: Vec<PathBuf>,
    /// what is shown to this host when it asks who we are
    pub client: Option<ClientFiles>,
    /// whether it may show any certificate
    pub skip_verify: bool,
    /// the most requests to this registry that may be in flight
    pub per_registry: Option<usize>,
    /// for this host when it is a mirror: what was given for a registry never goes to its mirrors
    pub credential: Option<Credential>,
}

/// A certificate and its private key, in PEM form; both may be one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientFiles {
    /// the certificate, and those between it and its authority
    pub certificate: PathBuf,
    /// its key
    pub key: PathBuf,
}

/// A server that may have what a registry has.
#[derive(Debug, Clone)]
pub struct Mirror {
    /// where it is
    pub address: Address,
    /// what it is asked for
    pub serves: Serves,
    /// whether it is told in `?ns=` which registry is meant
    pub namespaced: bool,
    /// what is sent to it with each request; it may be secret
    pub headers: HeaderMap,
}

/// What a mirror is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Serves {
    /// which digest a tag names
    pub tags: bool,
    /// content by its digest
    pub digests: bool,
}

/// Who is asked for what a registry has (containerd's `hosts.toml`).
#[derive(Debug, Clone, Default)]
pub struct Upstream {
    /// in order
    pub mirrors: Vec<Mirror>,
    /// who is asked last; absent when that is the registry itself
    pub server: Option<Mirror>,
}

impl RegistryOptions {
    /// What holds for the host that references name `name`, however that is written.
    pub fn host(&mut self, name: &str) -> &mut HostOptions {
        self.hosts.entry(authority_of(name).unwrap_or_else(|| name.to_owned())).or_default()
    }
}

impl Serves {
    /// Everything.
    pub const ALL: Self = Self { tags: true, digests: true };
}

impl Mirror {
    /// A mirror that has everything, and needs no more than its address.
    pub fn at(address: Address) -> Self {
        Self { address, serves: Serves::ALL, namespaced: false, headers: HeaderMap::new() }
    }

    /// Sends a header with each request to it.
    ///
    /// # Errors
    /// When no header can be so; it says why, and not what.
    pub fn add_header(&mut self, name: &str, value: &str) -> Result<(), &'static str> {
        let name = HeaderName::try_from(name).map_err(|_| "this cannot be the name of a header")?;
        let mut value = HeaderValue::try_from(value).map_err(|_| "this cannot be the value of a header")?;
        value.set_sensitive(true);
        self.headers.append(name, value);
        Ok(())
    }
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
    /// A client certificate, or its key, cannot be used.
    #[error("the client certificate for {host} cannot be used: {}: {why}", path.display())]
    Client {
        /// to whom it would be shown
        host: String,
        /// the file
        path: PathBuf,
        /// what is wrong
        why: String,
    },
    /// A host makes no URL.
    #[error("{host:?} is no registry's host; expected HOST or HOST:PORT, such as ghcr.io")]
    Host {
        /// as it was written
        host: String,
    },
    /// A mirror speaks plain http, and nobody said that it may.
    #[error(
        "the mirror {mirror} of {registry} would be asked over plain http: use https, or allow it with \
         --insecure-registry {host}"
    )]
    PlainMirror {
        /// the mirror's scheme, host and port
        mirror: String,
        /// its host
        host: String,
        /// whose mirror it is
        registry: String,
    },
    /// The HTTP client cannot be set up.
    #[error("cannot set up the client for registries: {0}")]
    Http(String),
}
