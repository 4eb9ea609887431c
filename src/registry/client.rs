//! The room's front door: a client for a run, and sessions for its images.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Method;

use super::address::authority_of;
use super::attempts::{Trouble, canceled, retried};
use super::caller::{Account, Caller, Wire};
use super::endpoint::Admission;
use super::exchange::Answer;
use super::host::{Host, Hosts, Pauses};
use super::item::{Item, Target, name_of};
use super::options::{HostOptions, RegistryOptions, RegistrySetupError};
use super::sources::{Directory, Source};
use super::tokens::Tokens;
use super::transport::Transport;
use super::turns::Turns;
use super::verify::{self, Mismatch};
use super::words::Confidence;
use crate::clock::Clock;
use crate::credentials::Credential;
use crate::event::Events;
use crate::image::{Descriptor, Digest, Failure, Repository};
use crate::limits::Limits;
use crate::resolve::RegistryTally;
use crate::stop::Stop;
use crate::vocabulary::{ErrorClass, ErrorStage, Via};

/// A mirror has this part of a request's time to prove that it is there: behind it somebody else has what we want.
const FIRST_CONTACT: u32 = 3;

/// Asks registries; cheap to clone, and all clones are one.
#[derive(Clone)]
pub struct RegistryClient {
    shared: Arc<Shared>,
}

/// What all images of a run share.
pub(super) struct Shared {
    pub(super) wire: Wire,
    pub(super) directory: Directory,
    settings: BTreeMap<String, HostOptions>,
    hosts: Hosts,
    pub(super) tokens: Tokens,
}

/// Asks registries on behalf of one image: counts its requests and holds its deadline, which begins with the first.
pub struct Session {
    pub(super) shared: Arc<Shared>,
    pub(super) account: Account,
}

/// A manifest or config, verified.
#[derive(Debug, Clone)]
pub struct Fetched {
    /// as they were received
    pub bytes: Bytes,
    /// what was asked for, or what the tag names
    pub digest: Digest,
    /// as the server says
    pub content_type: Option<String>,
    /// who was asked: scheme, host and port
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
    /// who was asked: scheme, host and port
    pub endpoint: String,
    /// whether that is a mirror
    pub via: Via,
}

/// An answer, what was verified of it, and whose it is.
pub(super) struct Got<T> {
    content: T,
    pub(super) answer: Answer,
    endpoint: String,
    via: Via,
}

impl<T> Got<T> {
    fn from(source: &Source, (content, answer): (T, Answer)) -> Self {
        Self { content, answer, endpoint: source.endpoint.origin(), via: source.via }
    }
}

impl From<Got<Digest>> for Fetched {
    fn from(Got { content: digest, answer, endpoint, via }: Got<Digest>) -> Self {
        let content_type = answer.content_type().map(str::to_owned);
        Self { bytes: answer.body, digest, content_type, endpoint, via }
    }
}

impl RegistryClient {
    /// A client for a run.
    ///
    /// # Errors
    /// When a certificate, a key or a mirror cannot be used. That the system trusts no certificates is no error: plain http works without.
    pub fn new(
        options: &RegistryOptions,
        limits: &Limits,
        clock: Clock,
        events: Events,
        stop: Stop,
    ) -> Result<Self, RegistrySetupError> {
        let wire = Wire {
            // A connection takes a few round trips; half the time is left for the answer.
            transport: Transport::new(options, (limits.request_timeout / 2).max(Duration::from_millis(1)))?,
            turns: Turns::new(limits.concurrency),
            pauses: Pauses::default(),
            limits: limits.clone(),
            clock,
            events,
            stop,
        };
        let directory = Directory::new(options)?;
        let settings =
            options.hosts.iter().filter_map(|(name, host)| Some((authority_of(name)?, host.clone()))).collect();
        let (hosts, tokens) = (Hosts::default(), Tokens::default());
        Ok(Self { shared: Arc::new(Shared { wire, directory, settings, hosts, tokens }) })
    }

    /// Begins to ask on behalf of one image.
    pub fn session(&self) -> Session {
        Session { shared: Arc::clone(&self.shared), account: Account::default() }
    }

    /// How each registry fared so far, sorted by host.
    pub fn tallies(&self) -> Vec<RegistryTally> {
        self.shared.hosts.tallies()
    }
}

impl Session {
    /// Fetches the manifest or index that `target`, a tag or a digest, names, and verifies it: against the digest that
    /// was asked for, else against the one that the registry announces.
    pub async fn manifest(
        &self,
        repository: &Repository,
        target: &str,
        credential: &Credential,
    ) -> Result<Fetched, Failure> {
        let target = Target::parse(repository, target).ok_or_else(|| no_target(repository, target))?;
        let item = Item::manifest(Method::GET, repository, &target, credential);
        let verified = |answer: &Answer| {
            verify::manifest(&answer.body, target.digest.as_ref(), &answer.headers, answer.content_type())
        };
        Ok(self.fetch(&item, verified).await?.into())
    }

    /// Asks which digest `target`, a tag or a digest, names, without fetching it. Docker Hub does not count that
    /// against the quota (<https://docs.docker.com/docker-hub/usage/pulls/>).
    pub async fn head(&self, repository: &Repository, target: &str, credential: &Credential) -> Result<Head, Failure> {
        let target = Target::parse(repository, target).ok_or_else(|| no_target(repository, target))?;
        let item = Item::manifest(Method::HEAD, repository, &target, credential);
        let announced = |answer: &Answer| Ok(verify::announced(&answer.headers));
        let Got { content: digest, answer, endpoint, via } = self.fetch(&item, announced).await?;
        Ok(Head { digest, content_type: answer.content_type().map(str::to_owned), endpoint, via })
    }

    /// Fetches the config that `descriptor` points at, and verifies its size and digest.
    pub async fn config(
        &self,
        repository: &Repository,
        descriptor: &Descriptor,
        credential: &Credential,
    ) -> Result<Fetched, Failure> {
        let name = name_of(repository, "@", descriptor.digest.as_str());
        let item = Item::config(&name, repository, &descriptor.digest, credential);
        let verified = |answer: &Answer| verify::content(&answer.body, descriptor).map(|()| descriptor.digest.clone());
        Ok(self.fetch(&item, verified).await?.into())
    }

    /// Waits until the image's time is over, which begins with its first request: waiting for a turn costs none.
    pub async fn is_over(&self) {
        self.account.is_over().await;
    }

    /// Requests made so far, to token servers too.
    pub fn requests(&self) -> u64 {
        self.account.requests()
    }

    /// Asks the mirrors in order, once each; then the last of all, which is the registry unless somebody stands in for
    /// it, as often as it takes.
    pub(super) async fn fetch<T>(
        &self,
        item: &Item<'_>,
        verify: impl Fn(&Answer) -> Result<T, Mismatch>,
    ) -> Result<Got<T>, Failure> {
        let fetched = self.fetch_from_all(item, verify).await;
        fetched.map_err(|failure| Confidence::of(item.credential, None).guard(item.subject, failure))
    }

    async fn fetch_from_all<T>(
        &self,
        item: &Item<'_>,
        verify: impl Fn(&Answer) -> Result<T, Mismatch>,
    ) -> Result<Got<T>, Failure> {
        let Shared { wire, directory, tokens, .. } = &*self.shared;
        let (mirrors, last) = directory.sources(item.wanted).map_err(|why| item.nobody(&why))?;
        let host = self.shared.host(item.registry());
        let caller = Caller { wire, account: &self.account, host: &host, patience: wire.limits.request_timeout };
        for mirror in &mirrors {
            let item = item.with(self.shared.credential(mirror, item));
            match wire.stop.or(ask_mirror(&item, caller, tokens, mirror, &verify)).await {
                Some(Some(got)) => return Ok(Got::from(mirror, got)),
                Some(None) => {}
                None => return Err(canceled(item.subject, 0)),
            }
        }
        let item = item.with(self.shared.credential(&last, item));
        // In a box, as asking holds much at once: everything that waits for it would be as large.
        let got = retried(caller, item.subject, || Box::pin(item.ask(caller, tokens, &last, &verify))).await?;
        Ok(Got::from(&last, got))
    }
}

impl Shared {
    /// What all images of a registry share.
    pub(super) fn host(&self, name: &str) -> Arc<Host> {
        self.hosts.get(name, || {
            let own = self.settings_of(name).and_then(|host| host.per_registry);
            let limits = &self.wire.limits;
            Host::new(name, own.or(limits.per_registry).unwrap_or(limits.concurrency))
        })
    }

    /// Who asks `source`: what is for the registry goes to the registry alone.
    pub(super) fn credential<'a>(&'a self, source: &Source, item: &Item<'a>) -> &'a Credential {
        match source.via {
            Via::Registry => item.credential,
            _ => self.mirrors_own(source).unwrap_or(&Credential::Anonymous),
        }
    }

    /// What was given for a mirror's very host.
    pub(super) fn mirrors_own(&self, source: &Source) -> Option<&Credential> {
        self.settings_of(source.host())?.credential.as_ref()
    }

    fn settings_of(&self, host: &str) -> Option<&HostOptions> {
        self.settings.get(&authority_of(host)?)
    }
}

/// Asks a mirror once; `None` when it does not have it. One that cannot be reached costs one attempt for the run, not
/// one for each image, and a short one.
async fn ask_mirror<T>(
    item: &Item<'_>,
    caller: Caller<'_>,
    tokens: &Tokens,
    mirror: &Source,
    verify: impl Fn(&Answer) -> Result<T, Mismatch>,
) -> Option<(T, Answer)> {
    let admission = mirror.endpoint.admit().await?;
    let patience = match admission {
        Admission::First(_) => caller.patience / FIRST_CONTACT,
        Admission::Known => caller.patience,
    };
    let outcome = Box::pin(item.ask(Caller { patience, ..caller }, tokens, mirror, verify)).await;
    let (class, sent) = match outcome {
        Ok(got) => {
            mirror.endpoint.set_reachable(true);
            return Some(got);
        }
        Err(Trouble::Request(fault)) => (fault.class, fault.sent),
        Err(Trouble::Final(failure)) => (failure.class, failure.attempts > 0),
    };
    tracing::debug!(mirror = mirror.endpoint.origin(), %class, "the mirror does not have it");
    if sent {
        let silent = [ErrorClass::Dns, ErrorClass::Connect, ErrorClass::Tls, ErrorClass::Timeout].contains(&class);
        mirror.endpoint.set_reachable(!silent);
    }
    None
}

pub(super) fn no_target(repository: &Repository, target: &str) -> Failure {
    let message = format!("{repository}: {target:?} is no tag and no digest; check the reference");
    Failure::unsent(ErrorStage::Manifest, ErrorClass::InvalidReference, message)
}
