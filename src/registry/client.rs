//! The room's front door: a client for a run, and sessions for its images.

use std::sync::Arc;

use bytes::Bytes;

use super::options::{RegistryOptions, RegistrySetupError};
use crate::clock::Clock;
use crate::credentials::Credential;
use crate::event::Events;
use crate::image::{Descriptor, Digest, Failure, Repository};
use crate::limits::Limits;
use crate::resolve::RegistryTally;
use crate::stop::Stop;
use crate::vocabulary::{ErrorClass, ErrorStage, Via};

/// Asks registries; cheap to clone, and all clones are one.
#[derive(Clone)]
pub struct RegistryClient {
    shared: Arc<Shared>,
}

struct Shared {}

/// Asks registries on behalf of one image: counts its requests and holds its deadline.
pub struct Session {
    shared: Arc<Shared>,
}

/// A manifest, verified.
#[derive(Debug, Clone)]
pub struct Fetched {
    /// as they were received
    pub bytes: Bytes,
    /// what was asked for, or what the tag names
    pub digest: Digest,
    /// as the server says
    pub content_type: Option<String>,
    /// who answered: scheme, host and port
    pub endpoint: String,
    /// whether that is a mirror
    pub via: Via,
}

/// What a registry says of a manifest without giving it.
#[derive(Debug, Clone)]
pub struct Head {
    /// absent when the registry does not say
    pub digest: Option<Digest>,
    /// as the server says
    pub content_type: Option<String>,
    /// who answered: scheme, host and port
    pub endpoint: String,
    /// whether that is a mirror
    pub via: Via,
}

impl RegistryClient {
    /// A client for a run.
    pub fn new(
        _options: &RegistryOptions,
        _limits: &Limits,
        _clock: Clock,
        _events: Events,
        _stop: Stop,
    ) -> Result<Self, RegistrySetupError> {
        Ok(Self { shared: Arc::new(Shared {}) })
    }

    /// Begins to ask on behalf of one image.
    pub fn session(&self) -> Session {
        Session { shared: Arc::clone(&self.shared) }
    }

    /// How each registry fared so far, sorted by host.
    pub fn tallies(&self) -> Vec<RegistryTally> {
        Vec::new()
    }
}

impl Session {
    /// Fetches and verifies the manifest or index that `target`, a tag or a digest, names.
    pub async fn manifest(&self, _: &Repository, _target: &str, _: &Credential) -> Result<Fetched, Failure> {
        Err(Failure::unsent(ErrorStage::Manifest, ErrorClass::Unsupported, "not built yet"))
    }

    /// Asks for the digest that `target`, a tag or a digest, names, without fetching it.
    pub async fn head(&self, _: &Repository, _target: &str, _: &Credential) -> Result<Head, Failure> {
        Err(Failure::unsent(ErrorStage::Manifest, ErrorClass::Unsupported, "not built yet"))
    }

    /// Fetches and verifies the config that `descriptor` points at.
    pub async fn config(&self, _: &Repository, _: &Descriptor, _: &Credential) -> Result<Bytes, Failure> {
        Err(Failure::unsent(ErrorStage::Config, ErrorClass::Unsupported, "not built yet"))
    }

    /// Requests made so far.
    pub fn requests(&self) -> u64 {
        let _ = &self.shared;
        0
    }
}
