//! Looks at a registry's servers one by one: what each step of reaching them gives, and to whom they open.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use http::{Method, StatusCode};
use tokio::net::lookup_host;
use tokio::time::timeout;
use url::Url;

use super::attempts::{Trouble, retried};
use super::caller::Caller;
use super::challenge::Challenge;
use super::client::{Session, no_target};
use super::exchange::{Answer, Ask, exchange};
use super::fault::{Fault, Subject};
use super::handshake::{Handshake, handshake};
use super::host::Host;
use super::item::{Item, Target, is_understood};
use super::safety::{Guard, origin};
use super::sources::{Source, What};
use super::words::clean;
use crate::credentials::{Candidate, Credential};
use crate::image::{Failure, Repository};
use crate::vocabulary::{AccessSource, ErrorClass, ErrorStage, Via};

/// A server that is asked for what a registry has: a mirror, or the registry itself.
pub struct Server<'a> {
    session: &'a Session,
    host: Arc<Host>,
    source: Source,
}

/// What a server shows to somebody who does not log in.
#[derive(Debug, Clone)]
pub struct Look {
    /// scheme, host and port
    pub endpoint: String,
    /// what its name resolves to here; empty when that is left to a proxy, or fails
    pub addresses: Vec<IpAddr>,
    /// whether it is asked by way of a proxy
    pub is_proxied: bool,
    /// of a server that speaks https
    pub handshake: Option<Handshake>,
    /// what it answers to `GET /v2/`
    pub greeting: Result<Greeting, Failure>,
}

/// An answer to `GET /v2/` without a login.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Greeting {
    /// the HTTP status
    pub status: u16,
    /// how long it took, in milliseconds; connecting, and trying again, counts
    pub latency_ms: u64,
    /// what it wants to see first
    pub login: Login,
}

impl Greeting {
    /// Whether a registry answers so: 200, or 401 to who has to log in first
    /// (<https://github.com/opencontainers/distribution-spec/blob/main/spec.md#determining-support>).
    pub fn is_a_registrys(&self) -> bool {
        matches!(self.status, 200 | 401)
    }
}

/// How a registry wants to be logged in to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Login {
    /// not at all
    None,
    /// by user name and password
    Basic,
    /// by a token
    Bearer {
        /// the token server's URL, without its query
        realm: String,
        /// the service that the token is for
        service: Option<String>,
    },
    /// in a way that we do not know
    Unknown(String),
}

impl Session {
    /// The servers that are asked for what `target`, a tag or a digest, names in `repository`, in order.
    ///
    /// # Errors
    /// Why none may be asked.
    pub fn servers(&self, repository: &Repository, target: &str) -> Result<Vec<Server<'_>>, Failure> {
        let target = Target::parse(repository, target).ok_or_else(|| no_target(repository, target))?;
        let item = Item::manifest(Method::HEAD, repository, &target, &Credential::Anonymous);
        let found = self.shared.directory.sources(item.wanted);
        let (mirrors, last) = found.map_err(|why| item.nobody(&why))?;
        let host = self.shared.host(repository.registry());
        let server = |source| Server { session: self, host: Arc::clone(&host), source };
        Ok(mirrors.into_iter().chain([last]).map(server).collect())
    }
}

impl Server<'_> {
    /// Whether it is a mirror or the registry itself.
    pub fn via(&self) -> Via {
        self.source.via
    }

    /// The login that was given for it where it is a mirror: what is for the registry never goes there.
    pub fn mirrors_login(&self) -> Option<Candidate> {
        let credential = self.session.shared.mirrors_own(&self.source).filter(|_| self.via() == Via::Mirror)?.clone();
        let (source, name) = (AccessSource::Config, Some(self.source.host().to_owned()));
        Some(Candidate { credential, source, name, namespace: None, kubelet: false })
    }

    /// Asks it without a login, and looks at how it is reached.
    pub async fn look(&self) -> Look {
        let greeting = self.greet().await;
        let endpoint = self.source.endpoint.origin();
        // The greeting has shown whether it speaks https.
        let Some(base) = self.source.endpoint.origins().first() else {
            return Look { endpoint, addresses: Vec::new(), is_proxied: false, handshake: None, greeting };
        };
        let wire = &self.session.shared.wire;
        let route = wire.transport.route(base, Guard::Named);
        let shows_certificates =
            base.scheme() == "https" && greeting.as_ref().err().is_none_or(|failure| failure.class == ErrorClass::Tls);
        let time = wire.limits.request_timeout;
        let (addresses, handshake) =
            tokio::join!(async { if route.is_proxied() { Vec::new() } else { addresses(base, time).await } }, async {
                if shows_certificates { handshake(&wire.transport, route, base, time).await } else { None }
            },);
        Look { endpoint, addresses, is_proxied: route.is_proxied(), handshake, greeting }
    }

    /// Whether the API itself opens to `credential`, whatever repositories it may read.
    ///
    /// # Errors
    /// Why it does not.
    pub async fn log_in(&self, repository: &Repository, credential: &Credential) -> Result<(), Failure> {
        self.ask(&Item::api(repository, credential)).await
    }

    /// Whether `credential` may read what `target`, a tag or a digest, names, and whether that is there.
    ///
    /// # Errors
    /// Why not. [`ErrorClass::NotFound`]: it may, but there is nothing.
    pub async fn may_read(
        &self,
        repository: &Repository,
        target: &str,
        credential: &Credential,
    ) -> Result<(), Failure> {
        let target = Target::parse(repository, target).ok_or_else(|| no_target(repository, target))?;
        self.ask(&Item::manifest(Method::HEAD, repository, &target, credential)).await
    }

    /// Asks as an image would be asked for: a mirror without the credential, which was not given for it.
    async fn ask(&self, item: &Item<'_>) -> Result<(), Failure> {
        let shared = &self.session.shared;
        let item = item.with(shared.credential(&self.source, item));
        let asked = || Box::pin(item.ask(self.caller(), &shared.tokens, &self.source, |_| Ok(())));
        retried(self.caller(), item.subject, asked).await.map(|_| ())
    }

    async fn greet(&self) -> Result<Greeting, Failure> {
        let subject = Subject { stage: ErrorStage::Manifest, name: &self.host.name, server: "" };
        let watch = self.session.shared.wire.clock.start();
        let answer = retried(self.caller(), subject, || self.knock()).await?;
        let latency_ms = watch.elapsed_ms();
        Ok(Greeting { status: answer.status.as_u16(), latency_ms, login: Login::of(&answer) })
    }

    /// Asks once, by the protocol that it speaks.
    async fn knock(&self) -> Result<Answer, Trouble> {
        const REMEDY: &str = "check the host's name";
        let no_host = "cannot be the host of a URL";
        let mut outcome =
            Err(Fault::final_answer(ErrorClass::InvalidReference, &self.host.name, no_host, REMEDY).into());
        for origin in self.source.endpoint.origins() {
            let url = self.source.url(origin, What::Api, None);
            outcome = exchange(self.caller(), &self.plain(url)).await.map_err(Trouble::from);
            if is_understood(&self.source.endpoint, origin, outcome.as_ref()) {
                break;
            }
        }
        outcome
    }

    fn plain(&self, url: Url) -> Ask {
        let cap = self.session.shared.wire.limits.document_bytes;
        let headers = self.source.headers.clone();
        Ask {
            method: Method::GET,
            url,
            guard: Guard::Named,
            accept: "*/*",
            authorization: None,
            headers,
            form: None,
            cap,
        }
    }

    fn caller(&self) -> Caller<'_> {
        let wire = &self.session.shared.wire;
        Caller { wire, account: &self.session.account, host: &self.host, patience: wire.limits.request_timeout }
    }
}

impl Login {
    fn of(answer: &Answer) -> Self {
        match Challenge::of(&answer.headers) {
            _ if answer.status != StatusCode::UNAUTHORIZED => Self::None,
            None => Self::Unknown("a 401 without a challenge".to_owned()),
            Some(Challenge::Basic) => Self::Basic,
            Some(Challenge::Unknown(scheme)) => Self::Unknown(clean(&scheme)),
            Some(Challenge::Bearer(request)) => {
                Self::Bearer { realm: place(&request.realm), service: request.service.as_deref().map(clean) }
            }
        }
    }
}

/// A URL without what may be secret in it: a login, a query.
fn place(realm: &str) -> String {
    match Url::parse(realm) {
        Ok(url) => clean(&format!("{}{}", origin(&url), url.path())),
        Err(_) => "no URL".to_owned(),
    }
}

async fn addresses(url: &Url, time: Duration) -> Vec<IpAddr> {
    match (url.host(), url.port_or_known_default()) {
        (Some(url::Host::Ipv4(address)), _) => vec![address.into()],
        (Some(url::Host::Ipv6(address)), _) => vec![address.into()],
        (Some(url::Host::Domain(name)), Some(port)) => match timeout(time, lookup_host((name, port))).await {
            Ok(Ok(found)) => {
                let found: BTreeSet<_> = found.map(|address| address.ip()).collect();
                found.into_iter().collect()
            }
            // The greeting tells what is wrong.
            _ => Vec::new(),
        },
        _ => Vec::new(),
    }
}
