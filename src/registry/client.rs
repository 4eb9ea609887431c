//! The room's front door: a client for a run, and sessions for its images.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Method;

use super::attempts::{Trouble, canceled, retried};
use super::endpoint::Endpoint;
use super::exchange::{Account, Answer, Caller, Wire};
use super::host::{Host, Hosts, Pauses};
use super::item::{Item, Target};
use super::options::{RegistryOptions, RegistrySetupError};
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

/// Asks registries; cheap to clone, and all clones are one.
#[derive(Clone)]
pub struct RegistryClient {
    shared: Arc<Shared>,
}

struct Shared {
    wire: Wire,
    options: RegistryOptions,
    hosts: Hosts,
    tokens: Tokens,
}

/// Asks registries on behalf of one image: counts its requests and holds its deadline, which begins with the first.
pub struct Session {
    shared: Arc<Shared>,
    account: Account,
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
    fn from(server: &Endpoint, content: T, answer: Answer) -> Self {
        Self { content, answer, endpoint: server.origin(), via: server.via }
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
    /// When a CA file cannot be used. That the system trusts no certificates is no error: plain http works without.
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
        let (hosts, tokens) = (Hosts::default(), Tokens::default());
        Ok(Self { shared: Arc::new(Shared { wire, options: options.clone(), hosts, tokens }) })
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
        let name = format!("{repository}@{}", descriptor.digest);
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

    /// Asks the mirrors in order, once each and without the credential, which was not given for them; then the
    /// registry itself, as often as it takes.
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
        let Shared { wire, options, hosts, tokens } = &*self.shared;
        let name = item.registry();
        let make = || Host::new(name, Endpoint::all(name, options), wire.limits.per_registry);
        let host = hosts.get(name, make);
        let caller = Caller { wire, account: &self.account, host: &host };
        let (mirrors, registry): (Vec<_>, Vec<_>) = host.endpoints.iter().partition(|e| e.via == Via::Mirror);
        for mirror in mirrors.into_iter().filter(|mirror| !mirror.is_down()) {
            let anonymous = item.with(&Credential::Anonymous);
            let asking = anonymous.ask(caller, tokens, mirror, &verify);
            match wire.stop.or(asking).await {
                Some(Ok((content, answer))) => return Ok(Got::from(mirror, content, answer)),
                Some(Err(trouble)) => leave(mirror, &trouble),
                None => return Err(canceled(item.subject, 0)),
            }
        }
        let Some(registry) = registry.first() else { return Err(item.unreachable()) };
        let (content, answer) = retried(caller, item.subject, || item.ask(caller, tokens, registry, &verify)).await?;
        Ok(Got::from(registry, content, answer))
    }
}

fn no_target(repository: &Repository, target: &str) -> Failure {
    let message = format!("{repository}: {target:?} is no tag and no digest; check the reference");
    Failure::unsent(ErrorStage::Manifest, ErrorClass::InvalidReference, message)
}

/// Goes on without `mirror`. One that cannot be reached costs one attempt for the run, not one for each image.
fn leave(mirror: &Endpoint, trouble: &Trouble) {
    let class = match trouble {
        Trouble::Request(fault) => fault.class,
        Trouble::Final(failure) => failure.class,
    };
    tracing::debug!(mirror = mirror.origin(), %class, "the mirror does not have it");
    let unreachable = matches!(class, ErrorClass::Dns | ErrorClass::Connect | ErrorClass::Tls | ErrorClass::Timeout);
    if unreachable && matches!(trouble, Trouble::Request(_)) {
        mirror.set_down();
    }
}
